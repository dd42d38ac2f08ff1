"""The state of a job that follows from its entries: status, last success, open cycle."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, Select, bindparam, func, literal, select

from backupmon.core.schedule import Cycle
from backupmon.core.statuses import Status, best
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob
from backupmon.models.columns import UtcDateTime


def lock_jobs(job_ids: Iterable[int]) -> list[ExpectedBackupJob]:
    """The jobs as they are now, nobody else's to change until the transaction ends.

    In the order of their ids, so that two that lock several never wait for each other; and
    not against those who add entries, whose order is that of a report (a key share lock).
    """
    query = (
        select(ExpectedBackupJob)
        .where(ExpectedBackupJob.id.in_(set(job_ids)))
        .order_by(ExpectedBackupJob.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return list(db.session.scalars(query))


def open_cycle(job: ExpectedBackupJob, cycle: Cycle) -> None:
    """Let `cycle` be the one that the job is next judged overdue by."""
    job.expected_due_at = cycle.due
    job.deadline_at = cycle.deadline


def restart_cycles(job: ExpectedBackupJob, now: datetime) -> None:
    """Begin anew with the next due cycle: after creation, resumption, a change of schedule."""
    open_cycle(job, job.cycles.next_cycle(now))
    advance_open_cycle(job)


def advance_open_cycle(job: ExpectedBackupJob) -> None:
    """Move the open cycle on while it has a concluded entry."""
    if job.expected_due_at is not None and job.id is not None:
        concluded = _concluded_cycles([job.id], literal(job.expected_due_at, UtcDateTime))
        _advance(job, concluded.get(job.id, set()))


def _advance(job: ExpectedBackupJob, concluded: set[datetime]) -> None:
    while job.expected_due_at in concluded:
        open_cycle(job, job.cycles.next_cycle(job.expected_due_at))


def _concluded_cycles(
    job_ids: Sequence[int], since: ColumnElement[datetime] | ColumnElement[datetime | None]
) -> dict[int, set[datetime]]:
    """The cycles due at `since` or later that have a concluded entry, by job."""
    query = (
        select(BackupEntry.expected_job_id, BackupEntry.cycle_due_at)
        .join(ExpectedBackupJob, ExpectedBackupJob.id == BackupEntry.expected_job_id)
        .where(
            BackupEntry.expected_job_id.in_(job_ids),
            BackupEntry.cycle_due_at >= since,
            BackupEntry.status != Status.PENDING.value,
        )
    )
    found: dict[int, set[datetime]] = {}
    for job_id, due in db.session.execute(query):
        found.setdefault(job_id, set()).add(due)
    return found


def refresh_states(jobs: Iterable[ExpectedBackupJob]) -> None:
    """Recompute status and open cycle of `jobs` from their entries, in few queries.

    A job's status is that of its newest concluded cycle, and a cycle is as good as its best
    entry. A job with no concluded entry is UNKNOWN.
    """
    by_id = {job.id: job for job in jobs}
    if not by_id:
        return
    db.session.flush()
    for job_id, cycle_status in _newest_statuses(list(by_id)).items():
        by_id[job_id].current_status = cycle_status.value
    open_due = ExpectedBackupJob.expected_due_at.expression
    for job_id, concluded in _concluded_cycles(list(by_id), open_due).items():
        _advance(by_id[job_id], concluded)


def _newest_statuses(job_ids: list[int]) -> dict[int, Status]:
    statuses: dict[int, list[Status]] = {job_id: [] for job_id in job_ids}
    for job_id, status in db.session.execute(_newest(), {"job_ids": job_ids}):
        statuses[job_id].append(Status(status))
    return {job_id: best(found) for job_id, found in statuses.items()}


@cache
def _newest() -> Select[int, str]:
    """Put together once, since that takes longer than asking it for few jobs."""
    newest = (
        select(BackupEntry.expected_job_id, func.max(BackupEntry.cycle_due_at).label("due"))
        .where(
            BackupEntry.expected_job_id.in_(bindparam("job_ids", expanding=True)),
            BackupEntry.status != Status.PENDING.value,
        )
        .group_by(BackupEntry.expected_job_id)
        .subquery()
    )
    return select(BackupEntry.expected_job_id, BackupEntry.status).join(
        newest,
        (newest.c.expected_job_id == BackupEntry.expected_job_id)
        & (newest.c.due == BackupEntry.cycle_due_at),
    )
