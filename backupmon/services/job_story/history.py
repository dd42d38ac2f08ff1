"""The history of a job, page by page, and one entry of it with all that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from backupmon.core.errors import NotFoundError
from backupmon.extensions import db
from backupmon.models import BackupEntry, StoredBackup

#: Entries on one page.
PAGE_SIZE = 20


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """One page of entries, newest cycle first, and how many there are on all pages."""

    entries: Sequence[BackupEntry]
    found: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.found // PAGE_SIZE))


def load_history(job_id: int, status: str = "", page: int = 1) -> HistoryPage:
    """A page of a job's entries.

    Parameters
    ----------
    status:
        Only those of this status; empty for all.
    page:
        From 1.
    """
    mine = [BackupEntry.expected_job_id == job_id]
    if status:
        mine.append(BackupEntry.status == status)
    found = db.session.scalar(select(func.count()).select_from(BackupEntry).where(*mine)) or 0
    query = (
        select(BackupEntry)
        .where(*mine)
        .order_by(
            BackupEntry.cycle_due_at.desc(),
            BackupEntry.timestamp.desc().nulls_first(),
            BackupEntry.id.desc(),
        )
        .offset((page - 1) * PAGE_SIZE)
        .limit(PAGE_SIZE)
    )
    return HistoryPage(list(db.session.scalars(query)), found, page)


def find_entry(entry_id: int) -> tuple[BackupEntry, StoredBackup | None]:
    """An entry with its job and report loaded, and where its file is.

    Raises
    ------
    NotFoundError
        When there is none, or its job was deleted.
    """
    query = (
        select(BackupEntry)
        .where(BackupEntry.id == entry_id)
        .options(joinedload(BackupEntry.job), joinedload(BackupEntry.report))
    )
    # Beyond what the column holds a database complains instead of finding nothing.
    entry = db.session.scalar(query) if 0 < entry_id < 2**31 else None
    if entry is None or entry.job.deleted_at is not None:
        raise NotFoundError(f"there is no entry {entry_id}")
    stored = db.session.scalar(select(StoredBackup).where(StoredBackup.entry_id == entry_id))
    return entry, stored
