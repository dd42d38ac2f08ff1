"""The entries: what one report, or the lack of one, says of one job in one cycle."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from backupmon.core.statuses import Status
from backupmon.extensions import Model
from backupmon.models.columns import UtcDateTime, row_dict

if TYPE_CHECKING:
    from backupmon.models.jobs import ExpectedBackupJob
    from backupmon.models.reports import AgentReport


class BackupEntry(Model):
    """Born PENDING, concluded exactly once."""

    __tablename__ = "backup_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    expected_job_id: Mapped[int] = mapped_column(ForeignKey("expected_backup_jobs.id"))
    report_id: Mapped[int | None] = mapped_column(ForeignKey("agent_reports.id"), index=True)
    cycle_due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(32), default=Status.PENDING.value)
    late: Mapped[bool] = mapped_column(default=False)
    message: Mapped[str] = mapped_column(Text, default="")
    findings: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)

    operation_log_file_name: Mapped[str | None] = mapped_column(String(255))
    agent_overall_status: Mapped[str | None] = mapped_column(String(255))
    agent_backup_process_status: Mapped[bool | None]
    agent_backup_process_start_time: Mapped[datetime | None] = mapped_column(UtcDateTime)
    agent_backup_process_timestamp: Mapped[datetime | None] = mapped_column(UtcDateTime)
    agent_compress_process_status: Mapped[bool | None]
    agent_compress_process_start_time: Mapped[datetime | None] = mapped_column(UtcDateTime)
    agent_compress_process_timestamp: Mapped[datetime | None] = mapped_column(UtcDateTime)
    agent_transfer_process_status: Mapped[bool | None]
    agent_transfer_process_start_time: Mapped[datetime | None] = mapped_column(UtcDateTime)
    agent_transfer_process_timestamp: Mapped[datetime | None] = mapped_column(UtcDateTime)
    agent_backup_hash_pre_compress: Mapped[str | None] = mapped_column(String(64))
    agent_backup_size_pre_compress: Mapped[int | None] = mapped_column(BigInteger)
    agent_compress_hash_post_compress: Mapped[str | None] = mapped_column(String(64))
    agent_compress_size_post_compress: Mapped[int | None] = mapped_column(BigInteger)
    agent_transfer_error_message: Mapped[str | None] = mapped_column(Text)
    agent_logs_summary: Mapped[str | None] = mapped_column(Text)
    agent_staged_file_name: Mapped[str | None] = mapped_column(String(255))

    server_calculated_staged_hash: Mapped[str | None] = mapped_column(String(64))
    server_calculated_staged_size: Mapped[int | None] = mapped_column(BigInteger)
    previous_successful_hash_global: Mapped[str | None] = mapped_column(String(64))
    #: ``first``, ``changed`` or ``unchanged`` against the last success of an earlier cycle.
    hash_comparison_result: Mapped[str | None] = mapped_column(String(16))
    #: When it was concluded.
    timestamp: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    cycle_deadline_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: The end that the report gives, as this job reads it; None where there was no report.
    report_end_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: What makes the section bad: ``[{"path": …, "problem": …}]``.
    section_faults: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    #: Entered because the deadline passed, not because a report names the database.
    by_deadline: Mapped[bool] = mapped_column(default=False)
    #: A cycle due before the job existed: history, never an alert.
    before_job: Mapped[bool] = mapped_column(default=False)

    #: An operator accepted a changed file: it counts as a success for those that follow.
    accepted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    #: Who works on it, from before it is measured until its file has arrived (`leases`).
    lease_host: Mapped[str | None] = mapped_column(String(255))
    lease_pid: Mapped[int | None]
    lease_process_start: Mapped[int | None] = mapped_column(BigInteger)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: When somebody last tried to verify it, by the database's clock.
    looked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    job: Mapped[ExpectedBackupJob] = relationship()
    report: Mapped[AgentReport | None] = relationship()

    __table_args__ = (
        UniqueConstraint("expected_job_id", "report_id"),
        Index(
            "uq_backup_entries_missing",
            "expected_job_id",
            "cycle_due_at",
            unique=True,
            sqlite_where=text("status = 'MISSING'"),
            postgresql_where=text("status = 'MISSING'"),
        ),
        # Read backwards: newest cycle first, and in it what was concluded last.
        Index("ix_backup_entries_history", "expected_job_id", "cycle_due_at", "timestamp"),
        Index(
            "ix_backup_entries_pending",
            "status",
            sqlite_where=text("status = 'PENDING'"),
            postgresql_where=text("status = 'PENDING'"),
        ),
        Index(
            "ix_backup_entries_leased",
            "lease_host",
            sqlite_where=text("lease_host IS NOT NULL"),
            postgresql_where=text("lease_host IS NOT NULL"),
        ),
        # A number once given names folders on disk, so it is never given again.
        {"sqlite_autoincrement": True},
    )

    PUBLIC = (
        "id",
        "expected_job_id",
        "report_id",
        "cycle_due_at",
        "status",
        "late",
        "message",
        "findings",
        "operation_log_file_name",
        "agent_overall_status",
        "agent_backup_process_status",
        "agent_backup_process_start_time",
        "agent_backup_process_timestamp",
        "agent_compress_process_status",
        "agent_compress_process_start_time",
        "agent_compress_process_timestamp",
        "agent_transfer_process_status",
        "agent_transfer_process_start_time",
        "agent_transfer_process_timestamp",
        "agent_backup_hash_pre_compress",
        "agent_backup_size_pre_compress",
        "agent_compress_hash_post_compress",
        "agent_compress_size_post_compress",
        "agent_transfer_error_message",
        "agent_staged_file_name",
        "server_calculated_staged_hash",
        "server_calculated_staged_size",
        "previous_successful_hash_global",
        "hash_comparison_result",
        "timestamp",
        "created_at",
    )

    def as_dict(self) -> dict[str, Any]:
        """The entry as commands and API bear it: the public columns, times in ISO 8601."""
        return row_dict(self, self.PUBLIC)
