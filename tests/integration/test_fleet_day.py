"""A day of thirty sites in fast motion: every verdict and every mail is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.models import BackupEntry, ServerCondition, StoredBackup
from tests.integration.conftest import World, at
from tests.integration.mailbox import Mailbox
from tests.integration.site import Site, dump_of, section
from tests.integration.test_delivery import with_mail

#: The day: from midnight to midnight, with a scan each quarter of an hour.
MIDNIGHT = at(0, days=1)
QUARTER = timedelta(minutes=15)
SCANS = 97
NAMES = ("crm", "shop")


@dataclass(frozen=True)
class Delivery:
    """One site's run: what it does, and how long after its due time."""

    does: Callable[[Site, datetime], object]
    after: timedelta = timedelta()


def good(site: Site, end: datetime) -> None:
    site.deliver(end, **{name: f"{name} {end:%d}" for name in NAMES})


def same_as_yesterday(site: Site, end: datetime) -> None:
    site.deliver(end, **{name: f"{name} {end - timedelta(days=1):%d}" for name in NAMES})


def one_step_fails(step: str) -> Callable[[Site, datetime], None]:
    def deliver(site: Site, end: datetime) -> None:
        sections = {}
        for name in NAMES:
            data = dump_of(f"{name} {end:%d}")
            sections[name] = section(data, f"{name}.sql.gz")
            if name == "crm":
                sections[name][step]["status"] = False
            else:
                site.put(f"{name}.sql.gz", data)
        site.report(end, sections)

    return deliver


def one_file_is_cut(site: Site, end: datetime) -> None:
    files = {name: dump_of(f"{name} {end:%d}") for name in NAMES}
    for name, data in files.items():
        site.put(f"{name}.sql.gz", data[:-5] if name == "crm" else data)
    site.report(end, {name: section(data, f"{name}.sql.gz") for name, data in files.items()})


def half_a_report(site: Site, end: datetime) -> None:
    site.drop("STATUS.json", b'{"operation_end_time": ')


def anothers_report(site: Site, end: datetime) -> None:
    site.report(end, {}, agent_id="somebody_else")


GOOD = Delivery(good)
LATE = Delivery(good, timedelta(hours=3))
#: What each site does on that day; nothing where there is None.
SITES: list[Delivery | None] = [
    *[GOOD] * 20,
    *[None] * 2,
    Delivery(one_step_fails("BACKUP")),
    Delivery(one_step_fails("TRANSFER")),
    Delivery(one_file_is_cut),
    Delivery(same_as_yesterday),
    LATE,
    Delivery(half_a_report),
    Delivery(anothers_report),
    # Paused.
    None,
]
PAUSED = len(SITES) - 1
VERDICTS = {
    "SUCCESS": 2 * 20 + 3 + 2,
    "MISSING": 2 * 2 + 2,
    "FAILED": 2 + 2 * 2,
    "TRANSFER_INTEGRITY_FAILED": 1,
    "HASH_MISMATCH": 2,
}
#: Beginnings of subjects. Each site is due at a time of its own, so each tells of itself alone.
MAILS = {"problem": 8, "warning": 1, "recovery": 1}


@pytest.fixture
def settings(sqlite_settings: Settings, mailbox: Mailbox) -> Settings:
    return with_mail(sqlite_settings, mailbox.port)


def due_of(number: int) -> datetime:
    """Of that day; three quarters of an hour apart."""
    return MIDNIGHT + timedelta(minutes=10 + 42 * number)


def add_site(world: World, number: int) -> Site:
    due, agent = due_of(number), f"site_{number:02}"
    for name in NAMES:
        world.job(
            name,
            agent=agent,
            city=f"City {number}",
            schedule=f"{due.minute} {due.hour} * * *",
            created=MIDNIGHT - timedelta(days=2),
            is_active=number != PAUSED,
        )
    return world.site(agent)


def kind_of(subject: str) -> str:
    if subject.startswith("Recovered"):
        return "recovery"
    return "warning" if "warning" in subject else "problem"


def test_a_day_of_thirty_sites(world: World, mailbox: Mailbox) -> None:
    sites = [add_site(world, number) for number in range(len(SITES))]
    for number, site in enumerate(sites):
        good(site, due_of(number) - timedelta(days=1))
    world.scan(MIDNIGHT - timedelta(minutes=1))
    assert mailbox.take() == []
    coming = sorted(
        (due_of(number) + run.after, number) for number, run in enumerate(SITES) if run is not None
    )
    for scan in range(SCANS):
        moment = MIDNIGHT + scan * QUARTER
        while coming and coming[0][0] <= moment:
            end, number = coming.pop(0)
            run = SITES[number]
            assert run is not None
            run.does(sites[number], end)
        world.scan(moment)
    assert coming == []

    db.session.rollback()
    entries = db.session.scalars(select(BackupEntry).where(BackupEntry.cycle_due_at >= MIDNIGHT))
    assert Counter(entry.status for entry in entries) == VERDICTS
    subjects = mailbox.subjects()
    assert Counter(map(kind_of, subjects)) == MAILS, "\n".join(subjects)
    assert db.session.scalars(select(ServerCondition)).all() == []
    check_every_good_copy_is_there(world)
    world.scan(MIDNIGHT + SCANS * QUARTER)
    assert mailbox.take() == []


def check_every_good_copy_is_there(world: World) -> None:
    """Each job has one, byte for byte: of that day where it was good, else of the day before."""
    copies = db.session.scalars(select(StoredBackup).where(StoredBackup.state == "stored")).all()
    assert len(copies) == 2 * len(SITES)
    for copy in copies:
        data = (world.settings.validated_root / copy.path).read_bytes()
        made = copy.report_end_at
        if copy.entry.status == "HASH_MISMATCH":
            made -= timedelta(days=1)
        assert data == dump_of(f"{copy.job.database_name} {made:%d}"), copy.path
