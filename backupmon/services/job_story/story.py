"""All that the page of one job tells, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from backupmon.core.culprit import Diagnosis, diagnose
from backupmon.core.findings import Finding
from backupmon.core.statuses import Status, best
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob, StoredBackup, StoredState
from backupmon.services.dashboard.cycles import CycleMark, recent_cycles
from backupmon.services.dashboard.rows import JobRow, rows_of
from backupmon.services.history import find_job
from backupmon.services.job_story.measures import Measure, load_measures

#: Cycles of the calendar: half a year of nights, a month of hours.
_CALENDAR = 750
#: Copies that are told of; more than a few stand only where paths were changed often.
_MOST_COPIES = 20


@dataclass(frozen=True, slots=True)
class JobStory:
    """One job.

    Parameters
    ----------
    verdict:
        The entry that says how the job stands: the best one of its newest concluded cycle.
    findings, diagnosis:
        What the verdict follows from, and what most likely went wrong.
    cycles:
        For the calendar, oldest first.
    copies:
        Its files on this server, the newest first.
    """

    job: ExpectedBackupJob
    row: JobRow
    verdict: BackupEntry | None
    findings: Sequence[Finding]
    diagnosis: Diagnosis | None
    cycles: Sequence[CycleMark]
    measures: Sequence[Measure]
    copies: Sequence[StoredBackup]


def load_story(job_id: int, now: datetime) -> JobStory:
    """Gather it.

    Raises
    ------
    NotFoundError
        When there is no such job, or it was deleted.
    """
    job = find_job(job_id)
    verdict = _verdict(job_id)
    findings = [Finding.from_dict(one) for one in verdict.findings] if verdict else []
    (row,) = rows_of([job], now)
    return JobStory(
        job=job,
        row=row,
        verdict=verdict,
        findings=findings,
        diagnosis=diagnose(findings),
        cycles=recent_cycles([job_id], _CALENDAR).get(job_id, ()),
        measures=load_measures(job_id),
        copies=_copies(job_id),
    )


def _verdict(job_id: int) -> BackupEntry | None:
    concluded = (
        BackupEntry.expected_job_id == job_id,
        BackupEntry.status != Status.PENDING.value,
    )
    newest = select(func.max(BackupEntry.cycle_due_at)).where(*concluded).scalar_subquery()
    query = (
        select(BackupEntry)
        .where(*concluded, BackupEntry.cycle_due_at == newest)
        .order_by(BackupEntry.timestamp.desc(), BackupEntry.id.desc())
    )
    entries = list(db.session.scalars(query))
    if not entries:
        return None
    status = best(Status(entry.status) for entry in entries)
    return next(entry for entry in entries if entry.status == status.value)


def _copies(job_id: int) -> list[StoredBackup]:
    query = (
        select(StoredBackup)
        .where(
            StoredBackup.expected_job_id == job_id,
            StoredBackup.state != StoredState.REMOVED.value,
        )
        .order_by(StoredBackup.report_end_at.desc(), StoredBackup.id.desc())
        .limit(_MOST_COPIES)
    )
    return list(db.session.scalars(query))
