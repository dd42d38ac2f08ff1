"""What a person does to many jobs at once: all of it in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select

from backupmon.core.errors import RefusedError
from backupmon.extensions import db
from backupmon.models import ExpectedBackupJob
from backupmon.services import job_acts
from backupmon.services.audit import Act, record_acts
from backupmon.services.dashboard.rows import last_good_copies
from backupmon.services.job_changes import begin_change
from backupmon.services.job_state import lock_jobs

#: Far more than a page of the list has, and as many variables as a statement may safely have.
MOST_JOBS = 500
_LAST_ROW = 2**31


class BulkAction(StrEnum):
    """What may be done to many jobs at once."""

    PAUSE = "pause"
    RESUME = "resume"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The jobs that somebody chose, as they are now.

    Parameters
    ----------
    jobs:
        In the order of their place and names.
    with_copy:
        The ids of those that have a good copy.
    gone:
        How many of those that were chosen are no longer there.
    """

    jobs: Sequence[ExpectedBackupJob]
    with_copy: frozenset[int]
    gone: int


class MovedOnError(RefusedError):
    """Others changed or deleted some of the jobs meanwhile; nothing was done to any.

    Parameters
    ----------
    changed:
        The ids of those that are others now.
    deleted:
        What those are called that are no longer there.
    """

    def __init__(self, changed: frozenset[int], deleted: Sequence[str]) -> None:
        super().__init__("jobs were changed meanwhile", "look at them again")
        self.changed, self.deleted = changed, tuple(deleted)


def chosen_jobs(job_ids: Sequence[int]) -> Chosen:
    """The jobs of these numbers; at most `MOST_JOBS` are looked for."""
    ids = {job_id for job_id in job_ids[:MOST_JOBS] if 0 < job_id < _LAST_ROW}
    job = ExpectedBackupJob
    query = select(job).where(job.id.in_(ids), job.deleted_at.is_(None))
    found = list(db.session.scalars(query.order_by(job.search_key, job.id)))
    with_copy = last_good_copies([one.id for one in found])
    return Chosen(found, frozenset(with_copy), len(ids) - len(found))


def change_together(
    action: BulkAction,
    versions: Mapping[int, int],
    until: datetime | None,
    now: datetime,
    actor: str,
) -> int:
    """Pause, resume or delete jobs in one transaction, with an act of the audit trail for each.

    Parameters
    ----------
    versions:
        By the number of the job, the version that the person looked at.
    until:
        When a pause ends by itself; None when somebody resumes it.

    Returns
    -------
    How many jobs were changed: those that are like that already are left as they are.

    Raises
    ------
    JobRefusedError
        When `until` is not after `now`.
    MovedOnError
        When some of the jobs are at another version, or no longer there.
    """
    job_acts.refuse_past(until, now)
    begin_change()
    try:
        jobs = lock_jobs(versions)
        _refuse_moved(jobs, versions)
        acts = [act for job in jobs if (act := _act(action, job, until, now))]
        record_acts(acts, actor, now)
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
    return len(acts)


def _act(
    action: BulkAction, job: ExpectedBackupJob, until: datetime | None, now: datetime
) -> Act | None:
    if action is BulkAction.PAUSE:
        return job_acts.pause(job, until, now)
    return job_acts.resume(job, now) if action is BulkAction.RESUME else job_acts.delete(job, now)


def _refuse_moved(jobs: Sequence[ExpectedBackupJob], versions: Mapping[int, int]) -> None:
    deleted = [job.title for job in jobs if job.deleted_at is not None]
    changed = {job.id for job in jobs if job.deleted_at is None and job.version != versions[job.id]}
    if deleted or changed or len(jobs) != len(versions):
        raise MovedOnError(frozenset(changed), deleted)
