"""Jobs and their entries by pages, with how many there are in all."""

from __future__ import annotations

from sqlalchemy import func, select

from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob
from backupmon.services.dashboard.selection import Selection, conditions


def page_of_jobs(
    *, status: str, company: str, city: str, agent: str, search: str, limit: int, offset: int
) -> tuple[list[ExpectedBackupJob], int]:
    """The jobs that fit every filter which is not empty, paused ones too, by number."""
    chosen = Selection(search=search, company=company, city=city, agent=agent)
    where = conditions(chosen)
    if status:
        where.append(ExpectedBackupJob.current_status == status)
    total = db.session.scalar(select(func.count()).select_from(ExpectedBackupJob).where(*where))
    query = select(ExpectedBackupJob).where(*where).order_by(ExpectedBackupJob.id)
    return list(db.session.scalars(query.offset(offset).limit(limit))), total or 0


def page_of_history(
    job_id: int, status: str, limit: int, offset: int
) -> tuple[list[BackupEntry], int]:
    """The entries of a job: newest cycle first, and in it what was concluded last."""
    where = [BackupEntry.expected_job_id == job_id]
    if status:
        where.append(BackupEntry.status == status)
    total = db.session.scalar(select(func.count()).select_from(BackupEntry).where(*where))
    query = (
        select(BackupEntry)
        .where(*where)
        .order_by(
            BackupEntry.cycle_due_at.desc(),
            BackupEntry.timestamp.desc().nulls_first(),
            BackupEntry.id.desc(),
        )
    )
    return list(db.session.scalars(query.offset(offset).limit(limit))), total or 0
