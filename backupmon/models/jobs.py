"""The jobs: what is expected of whom, and how the newest cycle went."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from backupmon.core.job_spec import EDITABLE, JobSpec
from backupmon.core.schedule import Schedule
from backupmon.core.statuses import Status
from backupmon.core.text import folded
from backupmon.extensions import Model
from backupmon.models.columns import UtcDateTime, row_dict


class ExpectedBackupJob(Model):
    """One database that one agent must deliver on a schedule."""

    __tablename__ = "expected_backup_jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    year: Mapped[int | None]
    company_name: Mapped[str] = mapped_column(String(255))
    city: Mapped[str] = mapped_column(String(255))
    neighborhood: Mapped[str | None] = mapped_column(String(255))
    database_name: Mapped[str] = mapped_column(String(255))
    agent_id_responsible: Mapped[str] = mapped_column(String(255))
    schedule: Mapped[str] = mapped_column(String(255))
    timezone: Mapped[str] = mapped_column(String(64))
    grace_minutes: Mapped[int]
    early_minutes: Mapped[int]
    content_policy: Mapped[str] = mapped_column(String(32))
    agent_deposit_path_template: Mapped[str] = mapped_column(Text)
    agent_log_deposit_path_template: Mapped[str] = mapped_column(Text)
    final_storage_path_template: Mapped[str] = mapped_column(Text)
    promotion_mode: Mapped[str] = mapped_column(String(16))
    notification_recipients: Mapped[str | None] = mapped_column(Text)
    #: `core.alert_policy.AlertWhen`, and `Reminders`.
    alert_when: Mapped[str] = mapped_column(String(16), server_default="every_cycle")
    alert_reminders: Mapped[str] = mapped_column(String(16), server_default="none")
    is_active: Mapped[bool]
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: The end of a pause that a scan has ended: one that lies ahead was ended by a trial. Any
    #: later word of a person's forgets it.
    pause_ended: Mapped[datetime | None] = mapped_column(UtcDateTime)

    #: Counts changes by people, so that two who edit at once are told.
    version: Mapped[int] = mapped_column(Integer, default=1)
    current_status: Mapped[str] = mapped_column(String(32), default=Status.UNKNOWN.value)
    #: The open cycle. Stored and indexed, so that what is overdue is one query.
    expected_due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deadline_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_checked_timestamp: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_successful_backup_timestamp: Mapped[datetime | None] = mapped_column(UtcDateTime)
    previous_successful_hash_global: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)

    #: `agent_id_responsible` as ids are compared: without regard to case.
    agent_key: Mapped[str] = mapped_column(String(255))
    #: What no two jobs may share (`core.paths.final_path_key`).
    final_path_key: Mapped[str] = mapped_column(Text)
    #: Place and names, as pages search and sort by them (`search_key_of`).
    search_key: Mapped[str | None] = mapped_column(Text)
    #: A deleted job is hidden; its entries and files stay.
    deleted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        UniqueConstraint("agent_key", "database_name"),
        Index("ix_expected_backup_jobs_open_cycle", "is_active", "deadline_at"),
        Index("ix_expected_backup_jobs_final_path_key", "final_path_key"),
        # Holds all that the dashboard counts, so that it need not read the rows.
        Index(
            "ix_expected_backup_jobs_standing",
            "deleted_at",
            "is_active",
            "current_status",
            "deadline_at",
            "expected_due_at",
        ),
        # A number once given names folders on disk, so it is never given again.
        {"sqlite_autoincrement": True},
    )

    PUBLIC = (
        "id",
        *EDITABLE,
        "version",
        "current_status",
        "expected_due_at",
        "deadline_at",
        "last_checked_timestamp",
        "last_successful_backup_timestamp",
        "previous_successful_hash_global",
        "created_at",
        "updated_at",
    )

    def as_dict(self) -> dict[str, Any]:
        """The job as commands and API bear it: the public columns, times in ISO 8601."""
        return row_dict(self, self.PUBLIC)

    @property
    def cycles(self) -> Schedule:
        """The schedule, as the rules know it."""
        return Schedule(self.schedule, self.timezone, self.grace_minutes, self.early_minutes)

    @property
    def title(self) -> str:
        """How a person names the job: agent and database."""
        return f"{self.agent_id_responsible}/{self.database_name}"

    def path_values(self, staged_file_name: str | None, year: int) -> dict[str, str | int | None]:
        """What fills the placeholders of the templates; `year` is the cycle's."""
        return {
            "agent_id": self.agent_id_responsible,
            "company_name": self.company_name,
            "city": self.city,
            "neighborhood": self.neighborhood,
            "database_name": self.database_name,
            "staged_file_name": staged_file_name,
            "year": self.year if self.year is not None else year,
        }

    def take_spec(self, spec: JobSpec) -> None:
        """Copy what a person may set."""
        if (self.is_active, self.paused_until) != (spec.is_active, spec.paused_until):
            self.pause_ended = None
        for name in EDITABLE:
            value = getattr(spec, name)
            # Drivers want the plain word.
            setattr(self, name, value.value if isinstance(value, StrEnum) else value)
        self.search_key = search_key_of(spec)


def search_key_of(job: JobSpec) -> str:
    """Company, city, neighborhood, agent and database, folded, one a line.

    In this order it sorts jobs by their place; a line break sorts before any letter.
    """
    place = (job.company_name, job.city, job.neighborhood or "")
    return folded("\n".join((*place, job.agent_id_responsible, job.database_name)))
