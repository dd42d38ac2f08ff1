"""The history of a job: its entries, newest cycle first."""

from __future__ import annotations

from sqlalchemy import select

from backupmon.core.errors import NotFoundError
from backupmon.core.job_spec import agent_key
from backupmon.core.text import one_line
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob


def find_job(job_id: int) -> ExpectedBackupJob:
    """The job of that number.

    Raises
    ------
    NotFoundError
        When there is none, or it was deleted.
    """
    # Beyond what the column holds a database complains instead of finding nothing.
    job = db.session.get(ExpectedBackupJob, job_id) if 0 < job_id < 2**31 else None
    if job is None or job.deleted_at is not None:
        raise NotFoundError(f"there is no job {job_id}", "flask jobs list shows them")
    return job


def job_named(agent: str, database: str) -> ExpectedBackupJob | None:
    """The job of that agent and database; None where there is none that is not deleted."""
    # What no column could hold is never sent: some databases choke on it.
    query = select(ExpectedBackupJob).where(
        ExpectedBackupJob.agent_key == agent_key(one_line(agent)),
        ExpectedBackupJob.database_name == one_line(database),
        ExpectedBackupJob.deleted_at.is_(None),
    )
    return db.session.scalar(query)


def job_history(job_id: int, limit: int | None = None) -> list[BackupEntry]:
    """The entries of a job: newest cycle first, and in it what was concluded last.

    Parameters
    ----------
    limit:
        At most so many; None gives all.
    """
    query = (
        select(BackupEntry)
        .where(BackupEntry.expected_job_id == job_id)
        .order_by(
            BackupEntry.cycle_due_at.desc(),
            BackupEntry.timestamp.desc().nulls_first(),
            BackupEntry.id.desc(),
        )
        .limit(limit)
    )
    return list(db.session.scalars(query))
