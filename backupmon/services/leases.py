"""Leases on entries: who works on which, so that none is worked on twice.

A lease names host, process and process start. It is void at once when that process is dead on
this host, else when its time is up by the database's clock. It lasts from before the entry's
file is measured until the file has arrived, so beyond the verdict. Which entries may be taken
is decided in `taking`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select, update

from backupmon.core.statuses import Status
from backupmon.extensions import begin_write, db
from backupmon.models import BackupEntry
from backupmon.storage.locks import ProcessName, this_process

LEASE_FOR = timedelta(seconds=90)
#: Well before the lease ends, so that a busy moment loses nothing.
RENEW_EVERY = timedelta(seconds=30)
_BATCH = 500
#: Any number but those of other locks will do ("leas" in ASCII).
_ALONE = 0x6C656173

#: The columns that `is_void` wants.
LEASE_COLUMNS = (
    BackupEntry.lease_host,
    BackupEntry.lease_pid,
    BackupEntry.lease_process_start,
    BackupEntry.lease_until,
)


def begin_taking() -> datetime:
    """Begin a transaction that takes leases, one at a time; gives the database's clock.

    What is free is told by several rows together, so two that take must not overlap.
    """
    begin_write(alone=_ALONE)
    return database_now()


def lease(entry_ids: Sequence[int], now: datetime) -> None:
    """Lease `entry_ids` to this process, in the transaction that found them free."""
    _write(entry_ids, this_process(), now + LEASE_FOR)


def still_mine(entry_ids: Sequence[int]) -> set[int]:
    """Those of `entry_ids` that wait and are leased to this process, in the transaction under way.

    A process that was held up for longer than its lease, or lost its lock with the database's
    connection, must not conclude what another has taken over.
    """
    mine = set[int]()
    for query in _mine(entry_ids):
        pending = query.where(BackupEntry.status == Status.PENDING.value)
        mine |= set(db.session.scalars(pending))
    return mine


def renew_leases(entry_ids: Sequence[int]) -> None:
    """Hold on to those leases on `entry_ids` that are still ours."""
    begin_write()
    until = database_now() + LEASE_FOR
    for query in _mine(entry_ids):
        _write(db.session.scalars(query).all(), this_process(), until)
    db.session.commit()


def drop_leases(entry_ids: Sequence[int], *, looked: bool = False) -> None:
    """Give those that are still ours back, for another to take.

    Parameters
    ----------
    looked:
        Whether they were verified, as far as that could be done.
    """
    if not entry_ids:
        return
    begin_write()
    seen = {"looked_at": database_now()} if looked else {}
    for query in _mine(entry_ids):
        _write(db.session.scalars(query).all(), None, None, **seen)
    db.session.commit()


def clear_void_leases() -> int:
    """Forget the leases of the dead; gives how many there were.

    Whoever works leaves no lease behind, so each is the trace of a process that was killed.
    """
    me, now = this_process(), begin_taking()
    query = select(BackupEntry.id, *LEASE_COLUMNS).where(BackupEntry.lease_host.is_not(None))
    void = [row.id for row in db.session.execute(query) if is_void(row, me, now)]
    _write(void, None, None)
    db.session.commit()
    return len(void)


def database_now() -> datetime:
    """The database's clock, which all hosts share."""
    if db.engine.dialect.name == "sqlite":
        return datetime.now(UTC)
    moment = db.session.scalar(select(func.clock_timestamp()))
    assert isinstance(moment, datetime)
    return moment


def is_void(row: Any, me: ProcessName, now: datetime) -> bool:
    """Whether the lease in `row` (with `LEASE_COLUMNS`) keeps nobody from taking the entry."""
    host, pid, start, until = (
        row.lease_host,
        row.lease_pid,
        row.lease_process_start,
        row.lease_until,
    )
    if host is None or pid is None or start is None or until is None or until <= now:
        return True
    holder = ProcessName(host, pid, start)
    return holder == me or holder.alive() is False


def _mine(entry_ids: Sequence[int]) -> Iterator[Select[int]]:
    """Queries for those of `entry_ids` that are leased to this process, locked."""
    me = this_process()
    for start in range(0, len(entry_ids), _BATCH):
        yield (
            select(BackupEntry.id)
            .where(
                BackupEntry.id.in_(entry_ids[start : start + _BATCH]),
                BackupEntry.lease_host == me.host,
                BackupEntry.lease_pid == me.pid,
                BackupEntry.lease_process_start == me.start,
            )
            .order_by(BackupEntry.id)
            .with_for_update()
        )


def _write(
    entry_ids: Sequence[int],
    holder: ProcessName | None,
    until: datetime | None,
    **more: datetime,
) -> None:
    for start in range(0, len(entry_ids), _BATCH):
        db.session.execute(
            update(BackupEntry)
            .where(BackupEntry.id.in_(entry_ids[start : start + _BATCH]))
            .values(
                lease_host=holder.host if holder else None,
                lease_pid=holder.pid if holder else None,
                lease_process_start=holder.start if holder else None,
                lease_until=until,
                **more,
            )
            .execution_options(synchronize_session=False)
        )
