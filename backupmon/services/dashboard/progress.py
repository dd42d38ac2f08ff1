"""Files that are being verified at this moment, and how far."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import select

from backupmon.config import Settings
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob
from backupmon.queue import QueueDownError
from backupmon.services.background import queue_of
from backupmon.services.progress import FileProgress, current_progress

#: More are not told one by one.
_MOST = 10


@dataclass(frozen=True, slots=True)
class Verifying:
    """An entry that somebody works on.

    Parameters
    ----------
    size:
        Bytes, as the agent says; None where it does not.
    progress:
        None where nobody tells: before the first chunk, and for a scan in the foreground.
    """

    entry_id: int
    job_id: int
    database: str
    city: str
    size: int | None
    progress: FileProgress | None


def verifying_now(settings: Settings) -> list[Verifying]:
    """The entries that are being worked on, the oldest first.

    The database tells which they are; only where there are any the queue is asked how far.
    """
    entry, job = BackupEntry, ExpectedBackupJob
    query = (
        select(
            entry.id,
            job.id,
            job.database_name,
            job.city,
            entry.agent_compress_size_post_compress,
        )
        .join(job, job.id == entry.expected_job_id)
        .where(
            entry.lease_host.is_not(None),
            entry.status == Status.PENDING.value,
            job.deleted_at.is_(None),
        )
        .order_by(entry.id)
        .limit(_MOST)
    )
    rows = db.session.execute(query).all()
    told: dict[int, FileProgress] = {}
    if rows:
        with suppress(QueueDownError):
            told = current_progress(queue_of(settings))
    return [
        Verifying(entry_id, job_id, database, city, size, told.get(entry_id))
        for entry_id, job_id, database, city, size in rows
    ]
