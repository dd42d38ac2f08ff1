"""What agents said: their reports, and the databases that no job expects."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backupmon.extensions import Model
from backupmon.models.columns import UtcDateTime


class AgentReport(Model):
    """One ``STATUS.json``, taken in once; an invalid one with all that is wrong with it."""

    __tablename__ = "agent_reports"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: The agent whose folder it lay in, as its job or folder spells it.
    agent_id: Mapped[str] = mapped_column(String(255))
    agent_key: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    #: Empty for a valid report; an invalid one is known by its time too (ns since 1970), since
    #: an agent that fails in the same way each night writes the same bytes each night.
    occurrence: Mapped[str] = mapped_column(String(32), default="")
    valid: Mapped[bool]
    folder: Mapped[str] = mapped_column(Text)
    file_name: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigInteger)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    overall_status: Mapped[str | None] = mapped_column(String(255))
    database_names: Mapped[list[str]] = mapped_column(JSON, default=list)
    faults: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    oddities: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    #: When the file landed, on the scale of the scan's moment (`Scan.landed`).
    landed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Its ctime, by the filesystem's clock: what its age is told by.
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: The moment of the scan that took it in (`--as-of` where that was given).
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Below REPORT_ARCHIVE_ROOT.
    archive_path: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        UniqueConstraint("agent_key", "sha256", "occurrence"),
        Index("ix_agent_reports_agent_landed", "agent_key", "landed_at"),
        # Few are invalid, and they are what people look for.
        Index(
            "ix_agent_reports_invalid",
            "id",
            sqlite_where=text("valid IS 0"),
            postgresql_where=text("valid IS FALSE"),
        ),
    )


class Discovery(Model):
    """A database that an agent reports and no job expects."""

    __tablename__ = "discoveries"

    id: Mapped[int] = mapped_column(primary_key=True)
    agent_id: Mapped[str] = mapped_column(String(255))
    agent_key: Mapped[str] = mapped_column(String(255))
    database_name: Mapped[str] = mapped_column(String(255))
    staged_file_name: Mapped[str | None] = mapped_column(String(255))
    folder: Mapped[str] = mapped_column(Text)
    report_id: Mapped[int] = mapped_column(ForeignKey("agent_reports.id"))
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_count: Mapped[int] = mapped_column(default=1)
    #: Bytes before and after compression, as the last report gives them.
    backup_size: Mapped[int | None] = mapped_column(BigInteger)
    compress_size: Mapped[int | None] = mapped_column(BigInteger)
    #: Somebody wants to hear of it no more, until it is asked for.
    ignored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ignored_by: Mapped[str | None] = mapped_column(String(255))

    __table_args__ = (UniqueConstraint("agent_key", "database_name"),)
