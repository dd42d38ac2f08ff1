"""The copies that there are, and those that are missing or older than they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, or_, select

from backupmon.core.standing import NEEDS_YOU
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import ExpectedBackupJob, StoredBackup, StoredState

_GOOD = (StoredState.STORED.value, StoredState.SUPERSEDED.value)


@dataclass(frozen=True, slots=True)
class StaleCopy:
    """A job whose copy is older than it should be; `made_at` is None where there is none."""

    job_id: int
    agent: str
    database: str
    made_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stale:
    """The oldest of them, and how many there are."""

    jobs: Sequence[StaleCopy]
    total: int


@dataclass(frozen=True, slots=True)
class Kept:
    """The last good copies: how many, how many bytes, and when the oldest was made."""

    copies: int
    size: int
    oldest: datetime | None


def stale_copies(mine: ColumnElement[bool], now: datetime, most: int) -> Stale:
    """Jobs whose copy is older than it should be, though their status does not say so.

    A backup is overdue and not judged yet, or the copy of the last success is nowhere, or in
    quarantine since something else stands where it should go. Those that need a look are told of
    with their copies anyway.
    """
    job, copy = ExpectedBackupJob, StoredBackup
    there = (
        select(copy.id)
        .where(
            copy.expected_job_id == job.id,
            copy.destination == "validated",
            copy.state.in_((*_GOOD, StoredState.MOVING.value)),
            copy.report_end_at
            >= func.coalesce(job.last_successful_backup_timestamp, copy.report_end_at),
        )
        .exists()
    )
    made_at = (
        select(func.max(copy.report_end_at))
        .where(copy.expected_job_id == job.id, copy.state.in_(_GOOD))
        .scalar_subquery()
    )
    query = (
        select(
            job.id,
            job.agent_id_responsible,
            job.database_name,
            made_at.label("made_at"),
            func.count().over(),
        )
        .where(
            mine,
            job.is_active.is_(True),
            job.current_status.not_in([standing.value for standing in NEEDS_YOU]),
            or_(job.deadline_at < now, (job.current_status == Status.SUCCESS.value) & ~there),
        )
        .order_by(made_at.asc().nulls_first(), job.id)
        .limit(most)
    )
    rows = db.session.execute(query).all()
    return Stale([StaleCopy(*row[:4]) for row in rows], rows[0][4] if rows else 0)


def kept_copies(mine: ColumnElement[bool]) -> Kept:
    """The last good copies of jobs that something is expected of."""
    job, copy = ExpectedBackupJob, StoredBackup
    query = (
        select(func.count(), func.sum(copy.size), func.min(copy.report_end_at))
        .join(job, job.id == copy.expected_job_id)
        .where(mine, job.is_active.is_(True), copy.state == StoredState.STORED.value)
    )
    count, size, oldest = db.session.execute(query).one()
    return Kept(count, int(size or 0), oldest)
