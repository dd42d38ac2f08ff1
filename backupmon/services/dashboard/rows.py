"""The rows of the list: what one line says of one job, for a page of jobs in three queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from backupmon.core.standing import NEEDS_YOU, Standing, standing_of
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob, StoredBackup, StoredState
from backupmon.services.dashboard.cycles import CycleMark, recent_cycles


class DueKind(StrEnum):
    """Where a job's open cycle stands."""

    #: Not due yet.
    COMING = "coming"
    #: Due, and its grace is running.
    DUE = "due"
    #: The deadline has passed and no scan has judged it yet.
    OVERDUE = "overdue"
    #: Nothing is expected; until a moment, or until somebody resumes it.
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Due:
    """When the next backup is expected; `at` is the moment that `kind` speaks of."""

    kind: DueKind
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Copy:
    """The last good copy: when its report ended, its size in bytes, its path."""

    made_at: datetime
    size: int
    path: str


@dataclass(frozen=True, slots=True)
class JobRow:
    """One line of the list.

    Parameters
    ----------
    since:
        When the oldest cycle was due of those that went the same way without a break; None
        before the first verdict. `since_before` says that it was so even before the cycles
        that were looked at.
    cycles:
        The last ones, oldest first.
    verifying:
        A report has come, and its file waits for the verdict.
    """

    job_id: int
    database: str
    company: str
    city: str
    neighborhood: str | None
    agent: str
    standing: Standing
    since: datetime | None
    since_before: bool
    copy: Copy | None
    cycles: tuple[CycleMark, ...]
    due: Due
    verifying: bool

    @property
    def needs_you(self) -> bool:
        """Whether a person should look at it."""
        return self.standing in NEEDS_YOU

    @property
    def site(self) -> tuple[str, str, str | None, str]:
        """Where it is: company, city, neighborhood, agent."""
        return self.company, self.city, self.neighborhood, self.agent


def rows_of(jobs: Sequence[ExpectedBackupJob], now: datetime) -> list[JobRow]:
    """A row for each of `jobs`, in their order."""
    ids = [job.id for job in jobs]
    cycles, copies, verifying = recent_cycles(ids), last_good_copies(ids), _verifying(ids)
    return [
        _row(job, cycles.get(job.id, ()), copies.get(job.id), job.id in verifying, now)
        for job in jobs
    ]


def due_of(job: ExpectedBackupJob, now: datetime) -> Due:
    """Where the job's open cycle stands at `now`."""
    if not job.is_active:
        return Due(DueKind.PAUSED, job.paused_until)
    due, deadline = job.expected_due_at, job.deadline_at
    if due is None or deadline is None or due > now:
        return Due(DueKind.COMING, due)
    return Due(DueKind.DUE, deadline) if deadline >= now else Due(DueKind.OVERDUE, deadline)


def last_good_copies(job_ids: Sequence[int]) -> dict[int, Copy]:
    """The newest copy of each job that stands in the validated area."""
    query = (
        select(
            StoredBackup.expected_job_id,
            StoredBackup.report_end_at,
            StoredBackup.size,
            StoredBackup.path,
        )
        .where(
            StoredBackup.expected_job_id.in_(job_ids),
            StoredBackup.destination == "validated",
            StoredBackup.state.in_((StoredState.STORED.value, StoredState.SUPERSEDED.value)),
        )
        .order_by(StoredBackup.report_end_at, StoredBackup.id)
    )
    return {
        job_id: Copy(made_at, size, path)
        for job_id, made_at, size, path in db.session.execute(query)
    }


def _verifying(job_ids: Sequence[int]) -> set[int]:
    query = select(BackupEntry.expected_job_id).where(
        BackupEntry.status == Status.PENDING.value, BackupEntry.expected_job_id.in_(job_ids)
    )
    return set(db.session.scalars(query))


def _row(
    job: ExpectedBackupJob,
    cycles: tuple[CycleMark, ...],
    copy: Copy | None,
    verifying: bool,
    now: datetime,
) -> JobRow:
    since, since_before = _since(cycles)
    return JobRow(
        job.id,
        job.database_name,
        job.company_name,
        job.city,
        job.neighborhood,
        job.agent_id_responsible,
        standing_of(job.current_status, job.is_active),
        since,
        since_before,
        copy,
        cycles,
        due_of(job, now),
        verifying,
    )


def _since(cycles: tuple[CycleMark, ...]) -> tuple[datetime | None, bool]:
    """Since when the newest cycles have gone the same way."""
    if not cycles:
        return None, False
    since = cycles[-1]
    for cycle in reversed(cycles):
        if cycle.status is not since.status:
            return since.due, False
        since = cycle
    return since.due, len(cycles) > 1
