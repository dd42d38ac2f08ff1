"""``flask init``, first, again, and as a new beginning; on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result
from flask_migrate import downgrade

from backupmon import create_app
from backupmon.config import PROJECT_ROOT, Settings, load_settings
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.services.locking import ScanLock
from backupmon.services.reset import count_rows
from backupmon.services.schema import check_schema
from tests.integration.conftest import World, at
from tests.integration.site import dump_of, section


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


def init(world: World, *options: str, answer: str = "") -> Result:
    return world.app.test_cli_runner().invoke(args=["init", *options], input=answer)


def deliver_good_and_damaged(world: World, day: int, text: str) -> tuple[bytes, bytes]:
    """Two backups of one day, judged; gives the bytes of the good and of the damaged one."""
    site, good, whole = world.site(), dump_of(text), dump_of(f"{text}, damaged")
    damaged = whole[:-1] + b"!"
    site.put("shop.sql.gz", good)
    site.put("crm.sql.gz", damaged)
    sections = {"shop": section(good, "shop.sql.gz"), "crm": section(whole, "crm.sql.gz")}
    site.report(at(11, 50, days=day), sections)
    world.scan(at(12, 0, days=day))
    return good, damaged


def test_init_sets_up_an_empty_database_and_may_run_again(world: World) -> None:
    downgrade(directory=str(PROJECT_ROOT / "migrations"), revision="base")
    for _ in range(2):
        assert init(world).exit_code == 0
        check_schema()
        assert set(count_rows()) == {"storage_roots"}


def test_init_keeps_what_is_there(world: World) -> None:
    job = world.job()
    assert init(world).exit_code == 0
    assert world.get(job).database_name == "shop"


def test_a_reset_that_is_not_confirmed_changes_nothing(world: World) -> None:
    world.job()
    before = count_rows()
    result = init(world, "--reset", answer="n\n")
    assert result.exit_code == 1
    assert "1 expected backup jobs" in result.stdout
    assert count_rows() == before


def test_a_reset_empties_the_database_and_leaves_the_files(world: World) -> None:
    world.job("shop")
    world.job("crm")
    good, damaged = deliver_good_and_damaged(world, 0, "monday")
    files = world.every_file()
    assert init(world, "--reset", answer="y\n").exit_code == 0
    assert set(count_rows()) == {"storage_roots"}
    assert world.every_file() == files
    assert {good, damaged} <= set(files.values())


def test_after_a_reset_the_old_files_are_in_nobodys_way_and_none_is_lost(world: World) -> None:
    world.job("shop")
    world.job("crm")
    old = deliver_good_and_damaged(world, 0, "monday")
    assert init(world, "--reset", "--yes").exit_code == 0
    shop, crm = (world.job(name, created=at(8, days=1)) for name in ("shop", "crm"))
    new = deliver_good_and_damaged(world, 1, "tuesday")
    assert world.statuses(shop) == [Status.SUCCESS]
    assert world.statuses(crm) == [Status.TRANSFER_INTEGRITY_FAILED]
    assert world.final().read_bytes() == new[0]
    assert world.conditions() == {}
    assert [row.state for row in world.stored(crm)] == ["quarantined"]
    assert {*old, *new} <= set(world.every_file().values())


def test_no_reset_while_a_scan_is_running(world: World) -> None:
    world.job()
    before = count_rows()
    with ScanLock(world.settings):
        result = init(world, "--reset", "--yes")
    assert result.exit_code == 1
    assert "a scan is running since" in result.stderr
    assert count_rows() == before


def test_a_new_database_is_not_for_every_user_to_read(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "new")
    with create_app(settings).app_context() as context:
        assert context.app.test_cli_runner().invoke(args=["init"]).exit_code == 0
        db.engine.dispose()
    assert (settings.data_dir / "backupmon.db").stat().st_mode & 0o007 == 0


def test_a_folder_that_the_server_may_not_make_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    settings = load_settings(data_dir=tmp_path / "taken" / "new")
    with create_app(settings).app_context() as context:
        result = context.app.test_cli_runner().invoke(args=["init"])
        db.engine.dispose()
    assert result.exit_code == 1
    assert f"error: {tmp_path}/taken/new" in result.output
    assert "hint: " in result.output
