"""``flask demo``: made-up sites, real dumps, and one of every kind of trouble."""

from __future__ import annotations

import gzip
import lzma
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from backupmon import create_app
from backupmon.cli.demo import demo_command
from backupmon.config import Settings, load_settings
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import Alert, BackupEntry, Discovery, ExpectedBackupJob
from backupmon.services.delivery import deliver_alerts
from backupmon.services.demo import NotEmptyError, make_demo
from backupmon.services.demo.delivery import Agent
from backupmon.services.demo.nights import runs_in, schedule_of
from backupmon.services.demo.site import Hours, Site
from backupmon.services.demo.sites import SITES
from backupmon.services.reset import count_rows
from backupmon.services.roots import mark_roots
from backupmon.services.scanning import ScanResult
from backupmon.storage.faults import ServerFault
from backupmon.storage.roots import MARKER
from tests.integration.conftest import World
from tests.integration.mailbox import Mailbox, free_port, running
from tests.integration.test_delivery import OPS, with_mail

#: Three nights after the clocks of Europe went back.
NOW = datetime(2025, 10, 29, 9, 0, tzinfo=UTC)

#: What a scan says of the last night where it is not plainly good: status and findings.
TROUBLES = {
    "ngono_douala_akwa/ngono_crm": ("HASH_MISMATCH", {"content.unchanged"}),
    "ngono_yaounde_bastos/ngono_yde_caisse": (
        "FAILED",
        {"agent.backup", "agent.compress", "agent.transfer"},
    ),
    "ngono_yaounde_bastos/ngono_yde_rh": ("MISSING", {"cycle.missing", "report.other_databases"}),
    "ngono_bafoussam_marche_a/ngono_baf_ventes": ("TRANSFER_INTEGRITY_FAILED", {"file.size"}),
    "ste_therese_kribi/patients": ("SUCCESS", {"cycle.late"}),
    "ste_therese_kribi/rendez_vous": ("SUCCESS", {"cycle.late"}),
    "ste_therese_kribi/pharmacie": ("SUCCESS", {"cycle.late"}),
    "ste_therese_kribi/facturation": ("SUCCESS", {"cycle.late"}),
    "lumiere_paris_belleville/boutique_web": ("TRANSFER_INTEGRITY_FAILED", {"file.sha256"}),
    "lumiere_lyon_croix_rousse/commandes": ("FAILED", {"agent.transfer"}),
    "etangs_bruxelles_ixelles/brassage": ("TRANSFER_INTEGRITY_FAILED", {"file.absent"}),
    "etangs_bruxelles_ixelles/ventes": ("SUCCESS", {"content.shrunk"}),
    "etangs_liege_outremeuse/depot": ("FAILED", {"report.invalid"}),
    "etangs_liege_outremeuse/tournees": ("FAILED", {"report.invalid"}),
    "etangs_liege_outremeuse/caisse": ("FAILED", {"report.invalid"}),
    "etangs_liege_outremeuse/consignes": ("FAILED", {"report.invalid"}),
    "teranga_dakar_plateau/manifestes_2021": ("HASH_MISMATCH", {"content.changed"}),
    "teranga_saint_louis_sor/expeditions": ("MISSING", {"cycle.missing"}),
    "teranga_saint_louis_sor/entrepot": ("MISSING", {"cycle.missing"}),
    "teranga_saint_louis_sor/pesage": ("MISSING", {"cycle.missing"}),
    "karukera_bergevin/reservations": ("SUCCESS", {"time.naive"}),
    "karukera_bergevin/vols": ("SUCCESS", {"time.naive"}),
    "karukera_bergevin/hotels": ("SUCCESS", {"time.naive"}),
    "karukera_bergevin/blog": ("TRANSFER_INTEGRITY_FAILED", {"time.naive", "file.link"}),
}


@dataclass(frozen=True)
class Judged:
    """A demonstration of little dumps and two nights of history, and the scan of its last."""

    world: World
    result: ScanResult


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, template_database: Path) -> Iterator[Judged]:
    """Made once for the tests that only look at it."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copyfile(template_database, folder / "backupmon.db")
    settings = load_settings(data_dir=folder, settle_seconds=0, log_level="ERROR")
    app = create_app(settings)
    with app.app_context():
        make_demo(settings, NOW, days=2, scale=0.02)
        world = World(app, settings)
        yield Judged(world, world.scan(NOW))
        db.session.remove()
        db.engine.dispose()


def _job(agent: str, database: str) -> ExpectedBackupJob:
    query = select(ExpectedBackupJob).where(
        ExpectedBackupJob.agent_key == agent, ExpectedBackupJob.database_name == database
    )
    return db.session.scalars(query).one()


def test_the_last_night_shows_one_of_every_kind_of_trouble(judged: Judged) -> None:
    found = {}
    for entry in judged.result.entries:
        codes = {f["code"] for f in entry["findings"] if f["level"] != "good"}
        if codes and entry["status"] != Status.UNKNOWN:
            title = f"{entry['agent_id_responsible']}/{entry['database_name']}"
            found[title] = (entry["status"], codes)
    assert found == TROUBLES


def test_every_status_is_shown_and_no_server_condition(judged: Judged) -> None:
    result = judged.result
    assert {entry["status"] for entry in result.entries} == set(Status) - {Status.PENDING}
    assert (result.conditions, judged.world.conditions()) == ([], {})
    assert result.counts["reports_invalid"] == result.counts["discoveries"] == 1
    assert db.session.scalars(select(Discovery.database_name)).all() == ["reservations_test"]


def test_a_second_run_overtakes_the_first_and_is_good(judged: Judged) -> None:
    job = _job("ngono_douala_akwa", "ngono_paie")
    assert judged.world.statuses(job.id)[-2:] == [Status.UNKNOWN, Status.SUCCESS]
    assert job.current_status == Status.SUCCESS


def test_sixty_jobs_are_judged_but_for_a_new_one_and_a_paused_one(judged: Judged) -> None:
    jobs = {job.title: job for job in db.session.scalars(select(ExpectedBackupJob))}
    entries = judged.result.entries
    names = {f"{e['agent_id_responsible']}/{e['database_name']}" for e in entries}
    new, paused = "karukera_bergevin/comptabilite", "lumiere_lyon_croix_rousse/ancien_intranet"
    weekly = {t for t, job in jobs.items() if job.schedule.endswith("sun")}
    assert len(jobs) == 60
    assert len(weekly) == 2
    assert jobs.keys() - names == {new, paused} | weekly
    assert jobs[new].current_status == Status.UNKNOWN
    assert not jobs[paused].is_active


def test_nothing_but_the_planned_goes_wrong_where_clocks_change(
    app: Flask, settings: Settings
) -> None:
    """Of nights 1 to 5: the transfers of two databases on the fifth, one cut off on the second."""
    statuses = make_demo(settings, NOW, days=5, scale=0.02).statuses
    assert statuses.pop("SUCCESS") > 5 * 57
    assert statuses == {"FAILED": 2, "TRANSFER_INTEGRITY_FAILED": 1}


def test_the_history_is_dated_as_it_was_judged(judged: Judged) -> None:
    query = select(BackupEntry).where(BackupEntry.timestamp < NOW)
    entries = db.session.scalars(query).all()
    mornings = {NOW - timedelta(days=1), NOW - timedelta(days=2)}
    assert {entry.timestamp for entry in entries} == mornings
    assert all(entry.created_at == entry.timestamp for entry in entries)


@pytest.mark.parametrize(
    ("path", "ending"),
    [
        pytest.param(
            "2025/Établissements Ngono/Douala/Akwa/ngono_compta/ngono_compta.sql.gz",
            "-- Dump completed on 2025-10-28 22:",
            id="mariadb",
        ),
        pytest.param(
            "2025/Clinique Sainte-Thérèse/Douala/Bonanjo/patients/patients.sql.gz",
            "-- PostgreSQL database dump complete\n--\n",
            id="postgresql",
        ),
    ],
)
def test_a_promoted_copy_unpacks_to_a_whole_dump(judged: Judged, path: str, ending: str) -> None:
    text = gzip.decompress(judged.world.final(path).read_bytes()).decode()
    assert "CREATE TABLE" in text
    assert ending in text[-60:]


def test_a_promoted_copy_can_be_restored(judged: Judged) -> None:
    folder = judged.world.final("2025/Brasserie des Trois Étangs/Bruxelles/Ixelles/capteurs_cuves")
    text = lzma.decompress((folder / "capteurs_cuves.sql.xz").read_bytes()).decode()
    with closing(sqlite3.connect(":memory:")) as restored:
        restored.executescript(text)
        (rows,) = restored.execute("SELECT count(*) FROM mesures").fetchone()
    assert rows > 20


def test_files_that_bear_a_time_replace_each_other(judged: Judged) -> None:
    job = _job("ngono_douala_akwa", "ngono_stock")
    states = Counter(stored.state for stored in judged.world.stored(job.id))
    assert states == {"stored": 1, "previous": 1, "removed": 4}


def test_the_same_seed_makes_the_same_files(tmp_path: Path) -> None:
    def files(root: Path) -> dict[str, bytes]:
        for site in SITES[:3]:
            agent = Agent(site, root, scale=0.02)
            for run in runs_in(site, 1, NOW):
                agent.work(run)
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}

    first = files(tmp_path / "first")
    assert len(first) > 15
    assert first == files(tmp_path / "second")


def test_it_refuses_a_second_time_and_changes_nothing(judged: Judged) -> None:
    world = judged.world
    rows, files = count_rows(), world.every_file()
    with pytest.raises(NotEmptyError, match="60 expected backup jobs"):
        make_demo(world.settings, NOW, days=1, scale=0.02)
    assert (count_rows(), world.every_file()) == (rows, files)


def test_it_refuses_a_deposit_area_that_real_agents_deliver_to(
    app: Flask, settings: Settings
) -> None:
    world = World(app, settings)
    world.site().deliver(NOW, shop="real")
    with pytest.raises(NotEmptyError, match=r"DEPOSIT_ROOT .* holds acme/"):
        make_demo(settings, NOW, days=1, scale=0.02)
    assert count_rows() == {}
    assert len(world.every_file()) == 2


def test_a_server_that_scanned_nothing_is_still_empty(settings_on_each: Settings) -> None:
    settings = settings_on_each
    app = create_app(settings)
    with app.app_context():
        World(app, settings).scan(NOW - timedelta(days=30))
        assert make_demo(settings, NOW, days=1, scale=0.02).jobs == 60
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize("ended", ["well", "badly"])
def test_nothing_of_its_past_is_mailed_to_anybody_and_nothing_ever_to_made_up_people(
    app: Flask, settings: Settings, ended: str
) -> None:
    def on_step(done: int, of: int) -> None:
        if ended == "badly" and (done, of) == (1, 3):
            raise RuntimeError("somebody stops it")

    with running(Mailbox(free_port())) as box:
        world = World(app, with_mail(settings, box.port))
        with nullcontext() if ended == "well" else pytest.raises(RuntimeError, match="stops it"):
            make_demo(world.settings, NOW, days=2, scale=0.02, on_step=on_step)
        past = db.session.scalars(select(Alert)).all()
        assert {(alert.state, alert.note) for alert in past} == {("withdrawn", "the demo")}
        assert {alert.kind for alert in past} >= {"problem"}
        deliver_alerts(world.settings, NOW)
        assert box.arrived == []
        world.scan(NOW)
        assert {address for address, _ in box.arrived} == {OPS}
        assert len(box.arrived) == 1


def test_where_no_mail_server_is_set_its_jobs_name_people_whom_no_mail_can_reach(
    judged: Judged,
) -> None:
    people = {job.notification_recipients for job in db.session.scalars(select(ExpectedBackupJob))}
    assert len(people) == 6
    assert all(str(person).endswith(".example") for person in people)
    waiting = db.session.scalars(select(Alert.recipient).where(Alert.state == "waiting")).all()
    # There is something to see on the page of alerts.
    assert len(set(waiting)) >= 5
    assert judged.world.settings.mail_server is None


def test_it_delivers_nothing_to_a_root_that_is_not_mounted(app: Flask, settings: Settings) -> None:
    mark_roots(settings, NOW)
    (settings.deposit_root / MARKER).unlink()
    with pytest.raises(ServerFault, match="its disk may not be mounted"):
        make_demo(settings, NOW, days=1, scale=0.02)
    assert list(settings.deposit_root.iterdir()) == []
    assert count_rows().keys() == {"storage_roots"}


def _unmount_quarantine(settings: Settings) -> None:
    (settings.quarantine_root / MARKER).unlink()


def _spoil_a_folder(settings: Settings) -> None:
    folder = settings.deposit_root / "karukera_bergevin"
    shutil.rmtree(folder)
    folder.write_bytes(b"")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        pytest.param(_unmount_quarantine, "QUARANTINE_ROOT .* bears no marker", id="scanning"),
        pytest.param(_spoil_a_folder, "cannot be read or written", id="delivering"),
    ],
)
def test_trouble_of_the_server_ends_the_making_and_is_told(
    app: Flask, settings: Settings, harm: Callable[[Settings], None], told: str
) -> None:
    def on_step(done: int, of: int) -> None:
        if (done, of) == (1, 3):
            harm(settings)

    with pytest.raises(ServerFault, match=told):
        make_demo(settings, NOW, days=2, scale=0.02, on_step=on_step)


@pytest.mark.parametrize(
    ("words", "code"), [pytest.param([], 1, id="plain"), pytest.param(["--if-empty"], 0, id="if")]
)
def test_the_command_says_why_it_refuses(
    app: Flask, settings: Settings, words: list[str], code: int
) -> None:
    World(app, settings).job()
    result = app.test_cli_runner().invoke(demo_command, words)
    assert result.exit_code == code
    assert "the database is not empty: it holds" in result.output
    assert "1 expected backup jobs" in result.output
    assert ("hint: " in result.output) == bool(code)
    assert list(settings.deposit_root.glob("*")) == []


def test_the_command_makes_dumps_of_all_sizes_and_says_what_to_do_next(
    app: Flask, settings: Settings
) -> None:
    result = app.test_cli_runner().invoke(demo_command, ["--days", "1"])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Made 12 sites of 6 companies with 60 jobs, and 1 night ")
    assert "flask scan" in result.stdout
    assert "flask history 12 " in result.stdout
    assert "event=" not in result.stderr
    sizes = [path.stat().st_size for path in settings.deposit_root.rglob("*.sql.[gx]z")]
    assert min(sizes) < 10_000
    assert 4_000_000 < max(sizes) < 8_000_000
    assert sum(sizes) < 40_000_000


@pytest.mark.parametrize("site", [pytest.param(site, id=site.agent) for site in SITES])
def test_each_night_is_over_whenever_one_looks(site: Site) -> None:
    """Also a late run is; and no cycle opens before somebody has had a look."""
    for quarters in range(24 * 4):
        now = NOW + timedelta(minutes=15 * quarters)
        for night in range(8):
            begins, ends = now - timedelta(days=night + 1), now - timedelta(days=night)
            for run in runs_in(site, night, now):
                assert begins + timedelta(minutes=30) < run.cycle.opens
                assert run.cycle.deadline + timedelta(minutes=50) < ends


def test_a_site_runs_at_its_own_hour_by_day() -> None:
    site = SITES[0]
    nightly = next(d for d in site.databases if d.hours is Hours.NIGHTLY)
    assert schedule_of(site, nightly, NOW).cron == "30 22 * * *"
