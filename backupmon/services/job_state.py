"""The state of a job that follows from its entries: status, last success, open cycle."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, select

from backupmon.core.schedule import Cycle
from backupmon.core.statuses import Status, best
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob


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
    if job.expected_due_at is None or job.id is None:
        return
    concluded = _concluded_cycles(job.id, job.expected_due_at)
    due = job.expected_due_at
    while due in concluded:
        cycle = job.cycles.next_cycle(due)
        open_cycle(job, cycle)
        due = cycle.due


def _concluded_cycles(job_id: int, since: datetime) -> set[datetime]:
    query = select(BackupEntry.cycle_due_at).where(
        BackupEntry.expected_job_id == job_id,
        BackupEntry.cycle_due_at >= since,
        BackupEntry.status != Status.PENDING.value,
    )
    return set(db.session.scalars(query))


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
    concluded = _concluded_since_open(list(by_id))
    for job in by_id.values():
        if (job.id, job.expected_due_at) in concluded:
            advance_open_cycle(job)


def _newest_statuses(job_ids: list[int]) -> dict[int, Status]:
    newest = (
        select(BackupEntry.expected_job_id, func.max(BackupEntry.cycle_due_at).label("due"))
        .where(
            BackupEntry.expected_job_id.in_(job_ids),
            BackupEntry.status != Status.PENDING.value,
        )
        .group_by(BackupEntry.expected_job_id)
        .subquery()
    )
    rows = db.session.execute(
        select(BackupEntry.expected_job_id, BackupEntry.status).join(
            newest,
            (newest.c.expected_job_id == BackupEntry.expected_job_id)
            & (newest.c.due == BackupEntry.cycle_due_at),
        )
    )
    statuses: dict[int, list[Status]] = {job_id: [] for job_id in job_ids}
    for job_id, status in rows:
        statuses[job_id].append(Status(status))
    return {job_id: best(found) for job_id, found in statuses.items()}


def _concluded_since_open(job_ids: list[int]) -> set[tuple[int, datetime]]:
    rows = db.session.execute(
        select(BackupEntry.expected_job_id, BackupEntry.cycle_due_at)
        .join(ExpectedBackupJob, ExpectedBackupJob.id == BackupEntry.expected_job_id)
        .where(
            BackupEntry.expected_job_id.in_(job_ids),
            BackupEntry.cycle_due_at == ExpectedBackupJob.expected_due_at,
            BackupEntry.status != Status.PENDING.value,
        )
    )
    return {(job_id, due) for job_id, due in rows}
