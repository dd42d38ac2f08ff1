"""The last cycles of jobs, each as good as its best entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from sqlalchemy import ColumnElement, Row, func, literal, select
from sqlalchemy.orm import aliased

from backupmon.core.statuses import Status, best
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob
from backupmon.models.columns import UtcDateTime

#: As many as a row has marks for.
MARKS = 10
#: Job, due time of the cycle, status, size as measured.
EntryRow = Row[int, datetime, str, int | None]
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CycleMark:
    """One cycle of a job: when it was due, how it went, and what the server measured.

    `size` is that of the best entry's file, in bytes; None where none was measured.
    """

    due: datetime
    status: Status
    size: int | None


def recent_cycles(job_ids: Sequence[int], marks: int = MARKS) -> dict[int, tuple[CycleMark, ...]]:
    """The newest `marks` concluded cycles of each job, oldest first, in one query."""
    job, entry = ExpectedBackupJob, BackupEntry
    query = (
        select(
            entry.expected_job_id,
            entry.cycle_due_at,
            entry.status,
            entry.server_calculated_staged_size,
        )
        .join(job, job.id == entry.expected_job_id)
        .where(job.id.in_(job_ids), entry.cycle_due_at >= oldest_wanted(marks))
        .order_by(entry.expected_job_id, entry.cycle_due_at, entry.timestamp)
    )
    rows = db.session.execute(query).all()
    return {
        job_id: marks_of(of_job)[-marks:]
        for job_id, of_job in groupby(rows, key=lambda row: row.expected_job_id)
    }


def oldest_wanted(marks: int) -> ColumnElement[datetime]:
    """Due time of the oldest cycle that may be wanted: read off the index of the history.

    One more than `marks`, since the newest may have nothing concluded in it yet.
    """
    other = aliased(BackupEntry)
    found = (
        select(other.cycle_due_at)
        .where(other.expected_job_id == ExpectedBackupJob.id)
        .distinct()
        .order_by(other.cycle_due_at.desc())
        .offset(marks)
        .limit(1)
        .correlate(ExpectedBackupJob)
        .scalar_subquery()
    )
    return func.coalesce(found, literal(_BEGINNING, UtcDateTime), type_=UtcDateTime)


def marks_of(rows: Iterable[EntryRow]) -> tuple[CycleMark, ...]:
    """The cycles of one job's entries, which come by their cycles; those with a verdict only."""
    marks: list[CycleMark] = []
    for _job_id, due, word, size in rows:
        status = _STATUSES[word]
        if status is Status.PENDING:
            continue
        if marks and marks[-1].due == due:
            marks.append(_better(marks.pop(), CycleMark(due, status, size)))
        else:
            marks.append(CycleMark(due, status, size))
    return tuple(marks)


def _better(one: CycleMark, other: CycleMark) -> CycleMark:
    """The better entry of a cycle; of two equals the one that has a size, else the later."""
    if one.status is not other.status:
        return one if best((one.status, other.status)) is one.status else other
    return one if other.size is None else other


_STATUSES = {status.value: status for status in Status}
