"""The server itself: its scans, its roots, and what is wrong with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from backupmon.extensions import Model
from backupmon.models.columns import UtcDateTime


class ScanRun(Model):
    """One scan: when, how far it came, what it counted."""

    __tablename__ = "scan_runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: The moment it judged as of; differs from `started_at` under ``--as-of``.
    moment: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: ``running``, ``done``, ``failed`` or ``interrupted``.
    state: Mapped[str] = mapped_column(String(16), default="running")
    agent: Mapped[str | None] = mapped_column(String(255))
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    counts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    error: Mapped[str | None] = mapped_column(Text)


class ServerCondition(Model):
    """Something wrong with the server itself: never a verdict on a backup."""

    __tablename__ = "server_conditions"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: Stable and dotted (``disk.full``), with what it concerns.
    code: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(512))
    message: Mapped[str] = mapped_column(Text)
    hint: Mapped[str] = mapped_column(Text, default="")
    #: Which part meets it, and so can say that it is gone (`ConditionSource`).
    seen_by: Mapped[str] = mapped_column(String(16), server_default="scan")
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index(
            "uq_server_conditions_open",
            "code",
            "subject",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )


class StorageRoot(Model):
    """A root that was used: the marker it must bear, so that an unmounted disk is noticed."""

    __tablename__ = "storage_roots"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(32))
    path: Mapped[str] = mapped_column(Text)
    marker: Mapped[str] = mapped_column(String(36))
    noted_at: Mapped[datetime] = mapped_column(UtcDateTime)

    __table_args__ = (UniqueConstraint("name", "path"),)
