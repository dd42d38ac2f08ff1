"""Leases: what another works on is left to it, and what a dead process held is free."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backupmon.core.statuses import Status
from backupmon.extensions import begin_write, db
from backupmon.models import BackupEntry
from backupmon.services import verification
from backupmon.services.leases import still_mine
from backupmon.services.taking import take_pending
from backupmon.storage.locks import this_host, this_process
from tests.integration.conftest import World, at
from tests.integration.site import section

NOBODYS_PID = 2**22 + 1


def waiting_entry(world: World) -> BackupEntry:
    """An entry that waits for its file."""
    job = world.job()
    world.site().report(at(11, 50), {"shop": section(b"x", "shop.sql.gz")})
    world.with_settings(settle_seconds=600).scan(at(12))
    entry = world.entry(job)
    assert entry.status == Status.PENDING
    return entry


def lease_to(entry: BackupEntry, host: str, pid: int, start: int, seconds: int) -> None:
    begin_write()
    entry.lease_host, entry.lease_pid, entry.lease_process_start = host, pid, start
    entry.lease_until = datetime.now(UTC) + timedelta(seconds=seconds)
    db.session.add(entry)
    db.session.commit()


def test_a_scan_gives_its_leases_back(world: World) -> None:
    assert waiting_entry(world).lease_host is None


@pytest.mark.parametrize(
    ("host", "pid", "start", "seconds", "free"),
    [
        pytest.param("elsewhere/1/2", 7, 7, 60, False, id="another host's, not yet up"),
        pytest.param("elsewhere/1/2", 7, 7, -1, True, id="another host's, up"),
        pytest.param(None, 1, 2**40, 60, True, id="a pid of this host that is another process now"),
        pytest.param(None, NOBODYS_PID, 7, 60, True, id="a dead process of this host"),
        pytest.param(None, 1, None, 60, False, id="a live process of this host"),
        pytest.param(None, 1, None, -1, True, id="a live process of this host, up"),
    ],
)
def test_a_lease_holds_while_its_process_may_live_and_its_time_is_not_up(
    world: World, host: str | None, pid: int, start: int | None, seconds: int, free: bool
) -> None:
    entry = waiting_entry(world)
    if start is None:
        start = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    lease_to(entry, host or this_host(), pid, start, seconds)
    assert (take_pending() == [entry.id]) is free


def test_what_another_has_taken_over_is_not_concluded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a suspend: the lease ran out and another took the entry, while we measured."""
    entry = waiting_entry(world)
    take = verification.take_pending

    def take_and_lose(agent: str | None) -> list[int]:
        mine = take(agent)
        lease_to(db.session.get_one(BackupEntry, entry.id), "elsewhere/1/2", 7, 7, 60)
        return mine

    monkeypatch.setattr(verification, "take_pending", take_and_lose)
    world.scan(at(12, 5))
    again = world.entry(entry.expected_job_id)
    assert (again.status, again.lease_host) == (Status.PENDING, "elsewhere/1/2")


def test_only_what_is_leased_to_this_process_is_its_own(world: World) -> None:
    entry = waiting_entry(world)
    assert still_mine([entry.id]) == set()
    me = this_process()
    lease_to(entry, me.host, me.pid, me.start, 60)
    assert still_mine([entry.id]) == {entry.id}
