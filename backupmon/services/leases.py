"""Leases on entries: who works on which, so that none is worked on twice.

A lease names host, process and process start. It is void at once when that process is dead on
this host, else when its time is up by the database's clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update

from backupmon.core.statuses import Status
from backupmon.extensions import begin_write, db
from backupmon.models import BackupEntry
from backupmon.storage.locks import ProcessName, this_process

LEASE_FOR = timedelta(seconds=90)
#: Well before the lease ends, so that a busy moment loses nothing.
RENEW_EVERY = timedelta(seconds=30)
_BATCH = 500


def take_leases(entry_ids: Sequence[int]) -> set[int]:
    """Lease those of `entry_ids` that wait and that nobody else works on; gives their ids."""
    me, taken = this_process(), set[int]()
    for start in range(0, len(entry_ids), _BATCH):
        begin_write()
        now = database_now()
        free = _free(entry_ids[start : start + _BATCH], me, now)
        _write(free, me, now + LEASE_FOR)
        db.session.commit()
        taken |= set(free)
    return taken


def still_mine(entry_ids: Sequence[int]) -> set[int]:
    """Those of `entry_ids` that wait and are leased to this process, in the transaction under way.

    A process that was held up for longer than its lease, or lost its lock with the database's
    connection, must not conclude what another has taken over.
    """
    me, mine = this_process(), set[int]()
    for start in range(0, len(entry_ids), _BATCH):
        query = (
            select(BackupEntry.id)
            .where(
                BackupEntry.id.in_(entry_ids[start : start + _BATCH]),
                BackupEntry.status == Status.PENDING.value,
                BackupEntry.lease_host == me.host,
                BackupEntry.lease_pid == me.pid,
                BackupEntry.lease_process_start == me.start,
            )
            .with_for_update()
        )
        mine |= set(db.session.scalars(query))
    return mine


def renew_leases(entry_ids: Sequence[int]) -> None:
    """Hold on to those leases on `entry_ids` that are still ours."""
    begin_write()
    _write(sorted(still_mine(entry_ids)), this_process(), database_now() + LEASE_FOR)
    db.session.commit()


def drop_leases(entry_ids: Sequence[int]) -> None:
    """Give those that are still ours back, for another to take."""
    begin_write()
    _write(sorted(still_mine(entry_ids)), None, None)
    db.session.commit()


def database_now() -> datetime:
    """The database's clock, which all hosts share."""
    if db.engine.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment = db.session.scalar(select(func.clock_timestamp()))
    assert isinstance(moment, datetime)
    return moment


def _free(entry_ids: Sequence[int], me: ProcessName, now: datetime) -> list[int]:
    rows = db.session.execute(
        select(
            BackupEntry.id,
            BackupEntry.lease_host,
            BackupEntry.lease_pid,
            BackupEntry.lease_process_start,
            BackupEntry.lease_until,
        )
        .where(BackupEntry.id.in_(entry_ids), BackupEntry.status == Status.PENDING.value)
        .order_by(BackupEntry.id)
        .with_for_update()
    )
    return [row.id for row in rows if _void(row, me, now)]


def _void(row: object, me: ProcessName, now: datetime) -> bool:
    host, pid, start, until = (
        getattr(row, "lease_host", None),
        getattr(row, "lease_pid", None),
        getattr(row, "lease_process_start", None),
        getattr(row, "lease_until", None),
    )
    if host is None or pid is None or start is None or until is None or until <= now:
        return True
    holder = ProcessName(host, pid, start)
    return holder == me or holder.alive() is False


def _write(entry_ids: Sequence[int], holder: ProcessName | None, until: datetime | None) -> None:
    for start in range(0, len(entry_ids), _BATCH):
        db.session.execute(
            update(BackupEntry)
            .where(BackupEntry.id.in_(entry_ids[start : start + _BATCH]))
            .values(
                lease_host=holder.host if holder else None,
                lease_pid=holder.pid if holder else None,
                lease_process_start=holder.start if holder else None,
                lease_until=until,
            )
            .execution_options(synchronize_session=False)
        )
