"""``flask jobs …``, as an administrator types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from backupmon.cli.jobs import jobs_group
from backupmon.extensions import db
from backupmon.models import AuditEvent
from tests.integration.conftest import World, at

Run = Callable[..., Result]
SHOP = (
    *("--company", "Acme", "--city", "Douala", "--agent", "acme"),
    *("--database", "shop", "--schedule", "0 12 * * *"),
)


@pytest.fixture
def run(app: Flask) -> Run:
    """Run ``flask jobs`` with some words, and see that it ends as expected."""

    def run_words(*words: str, code: int = 0, answer: str = "") -> Result:
        result = app.test_cli_runner().invoke(jobs_group, list(words), input=answer)
        assert result.exit_code == code, result.output
        return result

    return run_words


def test_an_empty_list_says_how_to_begin(run: Run) -> None:
    assert "flask jobs add" in run("list").stdout
    assert json.loads(run("list", "--json").stdout) == []
    assert "No job fits" in run("list", "--city", "Edea").stdout


def test_add_prints_the_id_and_list_shows_the_job(run: Run) -> None:
    assert run("add", *SHOP).stdout == "1\n"
    (job,) = json.loads(run("list", "--json").stdout)
    assert (job["id"], job["agent_id_responsible"], job["paused_until"]) == (1, "acme", None)
    assert job["expected_due_at"].endswith("12:00:00Z")
    assert job["is_active"] is True
    (row,) = run("list").stdout.splitlines()
    assert ("? UNKNOWN" in row, "shop" in row, "never" in row) == (True, True, True)


def test_add_uses_the_full_names_of_columns_too(run: Run) -> None:
    words = [word.replace("--agent", "--agent-id-responsible") for word in SHOP]
    words += ["--neighborhood", "Akwa", "--grace-minutes", "5", "--year", "2031"]
    words += ["--content-policy", "may_change", "--promotion-mode", "copy"]
    job = json.loads(run("add", *words, "--json").stdout)
    assert (job["grace_minutes"], job["year"], job["promotion_mode"]) == (5, 2031, "copy")


def test_add_names_every_fault_and_exits_with_1(run: Run) -> None:
    told = run("add", "--city", "Douala", "--grace-minutes", "soon", code=1).stderr
    for name in ("company_name", "database_name", "agent_id_responsible", "grace_minutes"):
        assert f"  {name}: " in told


def test_the_unix_account_is_named_in_the_audit(run: Run) -> None:
    run("add", *SHOP)
    assert (db.session.scalar(select(AuditEvent.actor)) or "").startswith("cli:")


def test_update_changes_what_is_given(run: Run) -> None:
    run("add", *SHOP)
    assert "Changed job 1" in run("update", "1", "--city", "Edea").stdout
    assert "is like that already" in run("update", "1", "--city", "Edea").stdout
    assert json.loads(run("show", "1", "--json").stdout)["city"] == "Edea"
    assert "nothing to change" in run("update", "1", code=1).stderr


@pytest.mark.parametrize("command", ["show", "pause", "resume", "delete", "update"])
@pytest.mark.parametrize("job_id", ["7", "0", "99999999999999999999999"])
def test_an_unknown_id_is_told(run: Run, command: str, job_id: str) -> None:
    result = run(command, job_id, code=1)
    assert f"error: there is no job {job_id}" in result.stderr
    assert "hint: flask jobs list" in result.stderr


def test_several_are_paused_resumed_and_deleted_at_once(run: Run) -> None:
    run("add", *SHOP)
    run("add", *SHOP, "--database", "crm")
    assert "there is no job 3" in run("pause", "1", "2", "3", code=1).stderr
    assert all(job["is_active"] for job in json.loads(run("list", "--json").stdout))
    run("pause", "1", "2", "--until", "2990-01-01")
    rows = run("list").stdout.splitlines()
    assert len(rows) == 2
    assert all("(paused)" in row and "until 2990-01-01" in row for row in rows)
    assert len(json.loads(run("list", "--json").stdout)) == 2
    assert "Resumed job 2" in run("resume", "1", "2").stdout
    assert "is not paused" in run("resume", "1").stdout
    assert run("delete", "1", "2", answer="n\n", code=1).stdout.count("stay") == 2
    assert len(json.loads(run("list", "--json").stdout)) == 2
    run("delete", "1", "2", answer="y\n")
    assert json.loads(run("list", "--json").stdout) == []


@pytest.mark.parametrize("until", ["soon", "1999-01-01", "9999-12-31T23:59-14:00", ""])
def test_a_pause_until_no_coming_time_is_refused(run: Run, until: str) -> None:
    run("add", *SHOP)
    run("pause", "1", "--until", until, code=1)
    assert json.loads(run("list", "--json").stdout)[0]["is_active"] is True


def test_show_tells_when_and_where(run: Run, world: World) -> None:
    world.job(created=at(8))
    world.site().deliver(at(11, 50), shop="one")
    world.scan(at(12))
    told = run("show", "1").stdout
    assert "✓ SUCCESS" in told
    assert told.count("missing after") == 5
    assert "2031-03-04 12:00 UTC, missing after 2031-03-04 12:30 UTC" in told
    assert "acme/databases/FILE" in told
    assert "2031/Acme/Douala/shop/FILE" in told
    assert "2031/Acme/Douala/shop/shop.sql.gz" in told
    assert "arrived whole" in told
    assert "good copy 2031/Acme/Douala/shop/shop.sql.gz stays" in run("delete", "1", "--yes").stdout


def test_a_file_is_imported_or_every_bad_row_named(run: Run, tmp_path: Path) -> None:
    header = "company_name,city,database_name,agent_id_responsible,schedule\n"
    path = tmp_path / "jobs.csv"
    bad = "".join(f"Acme,Douala,db{n},acme,never\n" for n in range(300))
    path.write_text(header + bad)
    told = run("import", str(path), code=1).stderr
    assert told.count("schedule: ") == 300
    assert "line 301 (acme/db299): schedule" in told
    assert "error: 300 of 300 jobs cannot be saved" in told
    path.write_text(header + "Acme,Douala,shop,acme,0 12 * * *\n")
    assert "dry run" in run("import", str(path), "--dry-run").stdout
    counts = json.loads(run("import", str(path), "--json").stdout)
    assert (counts["added"], counts["updated"], counts["unchanged"]) == (1, 0, 0)
    assert run("import", str(path)).stdout == "0 added, 0 updated, 1 unchanged\n"
    assert "No such file" in run("import", str(tmp_path / "none.csv"), code=1).stderr


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_what_was_exported_is_imported_again_unchanged(run: Run, tmp_path: Path, kind: str) -> None:
    run("add", *SHOP)
    path = tmp_path / f"jobs.{kind}"
    run("export", "--output", str(path))
    assert run("export", "--format", kind).stdout_bytes == path.read_bytes()
    assert run("import", str(path)).stdout == "0 added, 0 updated, 1 unchanged\n"
    assert "cannot be written" in run("export", "--output", "none/jobs.csv", code=1).stderr


def test_discoveries_are_listed_and_adopted(run: Run, world: World) -> None:
    assert "expected by a job" in run("adopt").stdout
    world.site("zeta").deliver(at(11, 50), shop="one", crm="two")
    world.site("yota").deliver(at(11, 50), shop="three", crm="four")
    world.scan(at(12))
    assert "zeta" in run("adopt").stdout
    (first, second) = json.loads(run("adopt", "--json", "--agent", "zeta").stdout)
    assert [first["database_name"], second["database_name"]] == ["crm", "shop"]
    assert "guessed: schedule" in run("adopt", "zeta", "shop", "--company", "Zeta").stdout
    assert "is no discovery" in run("adopt", "zeta", "shop", code=1).stderr
    (crm,) = json.loads(run("adopt", "--all", "--agent", "ZETA", "--json").stdout)
    assert (crm["company_name"], crm["database_name"]) == ("Zeta", "crm")
    told = run("adopt", "--all", "--schedule", "never", code=1).stderr
    assert told.count("yota/") == 2
    assert len(json.loads(run("adopt", "--all", "--json").stdout)) == 2
    assert "nothing to adopt" in run("adopt", "--all").stdout


@pytest.mark.parametrize(
    "words",
    [["zeta"], ["zeta", "shop", "--all"], ["zeta", "shop", "--agent", "x"], ["--city", "x"]],
    ids=" ".join,
)
def test_adopt_is_told_one_thing(run: Run, words: list[str]) -> None:
    run("adopt", *words, code=2)


def test_no_database_is_told_plainly(tmp_path: Path) -> None:
    from backupmon import create_app
    from backupmon.config import load_settings

    app = create_app(load_settings(data_dir=tmp_path / "none"))
    with app.app_context():
        result = app.test_cli_runner().invoke(jobs_group, ["list"])
    assert result.exit_code == 1
    assert "flask init" in result.stderr
