"""Where each judged file lies."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backupmon.extensions import Model
from backupmon.models.columns import UtcDateTime

if TYPE_CHECKING:
    from backupmon.models.entries import BackupEntry
    from backupmon.models.jobs import ExpectedBackupJob


class StoredState(StrEnum):
    """What has become of a file."""

    #: Concluded, on its way to the final path or to quarantine.
    MOVING = "moving"
    #: At its final path: the last good copy.
    STORED = "stored"
    #: Replaced; kept in ``.previous`` until the next promotion.
    PREVIOUS = "previous"
    #: At a final path that the job no longer uses; left there.
    SUPERSEDED = "superseded"
    #: In quarantine, for a person.
    QUARANTINED = "quarantined"
    #: No more on disk, rightly: replaced twice, or deleted by an operator.
    REMOVED = "removed"
    #: No more on disk, and nobody knows why.
    LOST = "lost"


class StoredBackup(Model):
    """One file that was judged, and its place."""

    __tablename__ = "stored_backups"

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("backup_entries.id"), unique=True)
    expected_job_id: Mapped[int] = mapped_column(ForeignKey("expected_backup_jobs.id"))
    state: Mapped[str] = mapped_column(String(16), default=StoredState.MOVING.value)
    #: ``validated`` or ``quarantine``: the root that `path` is below.
    destination: Mapped[str] = mapped_column(String(16))
    path: Mapped[str] = mapped_column(Text)
    #: `path` as paths are compared: in lower case.
    path_key: Mapped[str] = mapped_column(Text)
    file_name: Mapped[str] = mapped_column(String(255))
    #: None for a file that was not hashed because its size already told.
    sha256: Mapped[str | None] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    cycle_due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    report_end_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Why it is where it is, where that is not plain.
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    entry: Mapped[BackupEntry] = relationship()
    job: Mapped[ExpectedBackupJob] = relationship()

    __table_args__ = (
        Index("ix_stored_backups_job_state", "expected_job_id", "state"),
        Index(
            "ix_stored_backups_moving",
            "state",
            sqlite_where=text("state = 'moving'"),
            postgresql_where=text("state = 'moving'"),
        ),
        Index("ix_stored_backups_path_key", "path_key"),
        # What is on disk, without the many rows of what is no more.
        Index(
            "ix_stored_backups_held",
            "state",
            "size",
            sqlite_where=text("state <> 'removed'"),
            postgresql_where=text("state <> 'removed'"),
        ),
    )
