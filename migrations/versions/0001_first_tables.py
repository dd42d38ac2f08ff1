"""The tables of jobs, reports, entries and stored backups.

Revision 0001, the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent_reports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.String(length=255), nullable=False),
        sa.Column("agent_key", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("occurrence", sa.String(length=32), nullable=False),
        sa.Column("valid", sa.Boolean(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("overall_status", sa.String(length=255), nullable=True),
        sa.Column("database_names", sa.JSON(), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("oddities", sa.JSON(), nullable=False),
        sa.Column("landed_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("archive_path", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_reports")),
        sa.UniqueConstraint(
            "agent_key",
            "sha256",
            "occurrence",
            name=op.f("uq_agent_reports_agent_key_sha256_occurrence"),
        ),
    )
    with op.batch_alter_table("agent_reports", schema=None) as batch_op:
        batch_op.create_index(
            "ix_agent_reports_agent_landed", ["agent_key", "landed_at"], unique=False
        )

    op.create_table(
        "audit_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject_type", sa.String(length=32), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index(
            "ix_audit_events_subject", ["subject_type", "subject_id"], unique=False
        )

    op.create_table(
        "expected_backup_jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=True),
        sa.Column("company_name", sa.String(length=255), nullable=False),
        sa.Column("city", sa.String(length=255), nullable=False),
        sa.Column("neighborhood", sa.String(length=255), nullable=True),
        sa.Column("database_name", sa.String(length=255), nullable=False),
        sa.Column("agent_id_responsible", sa.String(length=255), nullable=False),
        sa.Column("schedule", sa.String(length=255), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("grace_minutes", sa.Integer(), nullable=False),
        sa.Column("early_minutes", sa.Integer(), nullable=False),
        sa.Column("content_policy", sa.String(length=32), nullable=False),
        sa.Column("agent_deposit_path_template", sa.Text(), nullable=False),
        sa.Column("agent_log_deposit_path_template", sa.Text(), nullable=False),
        sa.Column("final_storage_path_template", sa.Text(), nullable=False),
        sa.Column("promotion_mode", sa.String(length=16), nullable=False),
        sa.Column("notification_recipients", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("paused_until", sa.DateTime(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("current_status", sa.String(length=32), nullable=False),
        sa.Column("expected_due_at", sa.DateTime(), nullable=True),
        sa.Column("deadline_at", sa.DateTime(), nullable=True),
        sa.Column("last_checked_timestamp", sa.DateTime(), nullable=True),
        sa.Column("last_successful_backup_timestamp", sa.DateTime(), nullable=True),
        sa.Column("previous_successful_hash_global", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("agent_key", sa.String(length=255), nullable=False),
        sa.Column("final_path_key", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_expected_backup_jobs")),
        sa.UniqueConstraint(
            "agent_key",
            "database_name",
            name=op.f("uq_expected_backup_jobs_agent_key_database_name"),
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("expected_backup_jobs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_expected_backup_jobs_final_path_key", ["final_path_key"], unique=False
        )
        batch_op.create_index(
            "ix_expected_backup_jobs_open_cycle", ["is_active", "deadline_at"], unique=False
        )

    op.create_table(
        "scan_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("moment", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("agent", sa.String(length=255), nullable=True),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scan_runs")),
    )
    op.create_table(
        "server_conditions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=512), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server_conditions")),
    )
    with op.batch_alter_table("server_conditions", schema=None) as batch_op:
        batch_op.create_index(
            "uq_server_conditions_open",
            ["code", "subject"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "storage_roots",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("marker", sa.String(length=36), nullable=False),
        sa.Column("noted_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_storage_roots")),
        sa.UniqueConstraint("name", "path", name=op.f("uq_storage_roots_name_path")),
    )
    op.create_table(
        "backup_entries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("expected_job_id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=True),
        sa.Column("cycle_due_at", sa.DateTime(), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("operation_log_file_name", sa.String(length=255), nullable=True),
        sa.Column("agent_overall_status", sa.String(length=255), nullable=True),
        sa.Column("agent_backup_process_status", sa.Boolean(), nullable=True),
        sa.Column("agent_backup_process_start_time", sa.DateTime(), nullable=True),
        sa.Column("agent_backup_process_timestamp", sa.DateTime(), nullable=True),
        sa.Column("agent_compress_process_status", sa.Boolean(), nullable=True),
        sa.Column("agent_compress_process_start_time", sa.DateTime(), nullable=True),
        sa.Column("agent_compress_process_timestamp", sa.DateTime(), nullable=True),
        sa.Column("agent_transfer_process_status", sa.Boolean(), nullable=True),
        sa.Column("agent_transfer_process_start_time", sa.DateTime(), nullable=True),
        sa.Column("agent_transfer_process_timestamp", sa.DateTime(), nullable=True),
        sa.Column("agent_backup_hash_pre_compress", sa.String(length=64), nullable=True),
        sa.Column("agent_backup_size_pre_compress", sa.BigInteger(), nullable=True),
        sa.Column("agent_compress_hash_post_compress", sa.String(length=64), nullable=True),
        sa.Column("agent_compress_size_post_compress", sa.BigInteger(), nullable=True),
        sa.Column("agent_transfer_error_message", sa.Text(), nullable=True),
        sa.Column("agent_logs_summary", sa.Text(), nullable=True),
        sa.Column("agent_staged_file_name", sa.String(length=255), nullable=True),
        sa.Column("server_calculated_staged_hash", sa.String(length=64), nullable=True),
        sa.Column("server_calculated_staged_size", sa.BigInteger(), nullable=True),
        sa.Column("previous_successful_hash_global", sa.String(length=64), nullable=True),
        sa.Column("hash_comparison_result", sa.String(length=16), nullable=True),
        sa.Column("timestamp", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("cycle_deadline_at", sa.DateTime(), nullable=False),
        sa.Column("report_end_at", sa.DateTime(), nullable=True),
        sa.Column("section_faults", sa.JSON(), nullable=False),
        sa.Column("by_deadline", sa.Boolean(), nullable=False),
        sa.Column("before_job", sa.Boolean(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(), nullable=True),
        sa.Column("lease_host", sa.String(length=255), nullable=True),
        sa.Column("lease_pid", sa.Integer(), nullable=True),
        sa.Column("lease_process_start", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["expected_job_id"],
            ["expected_backup_jobs.id"],
            name=op.f("fk_backup_entries_expected_job_id_expected_backup_jobs"),
        ),
        sa.ForeignKeyConstraint(
            ["report_id"],
            ["agent_reports.id"],
            name=op.f("fk_backup_entries_report_id_agent_reports"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_entries")),
        sa.UniqueConstraint(
            "expected_job_id", "report_id", name=op.f("uq_backup_entries_expected_job_id_report_id")
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("backup_entries", schema=None) as batch_op:
        batch_op.create_index(
            "ix_backup_entries_history",
            ["expected_job_id", "cycle_due_at", "timestamp"],
            unique=False,
        )
        batch_op.create_index(
            "ix_backup_entries_pending",
            ["status"],
            unique=False,
            sqlite_where=sa.text("status = 'PENDING'"),
            postgresql_where=sa.text("status = 'PENDING'"),
        )
        batch_op.create_index(
            batch_op.f("ix_backup_entries_report_id"), ["report_id"], unique=False
        )
        batch_op.create_index(
            "uq_backup_entries_missing",
            ["expected_job_id", "cycle_due_at"],
            unique=True,
            sqlite_where=sa.text("status = 'MISSING'"),
            postgresql_where=sa.text("status = 'MISSING'"),
        )

    op.create_table(
        "discoveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.String(length=255), nullable=False),
        sa.Column("agent_key", sa.String(length=255), nullable=False),
        sa.Column("database_name", sa.String(length=255), nullable=False),
        sa.Column("staged_file_name", sa.String(length=255), nullable=True),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(), nullable=False),
        sa.Column("seen_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"], ["agent_reports.id"], name=op.f("fk_discoveries_report_id_agent_reports")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_discoveries")),
        sa.UniqueConstraint(
            "agent_key", "database_name", name=op.f("uq_discoveries_agent_key_database_name")
        ),
    )
    op.create_table(
        "stored_backups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("expected_job_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("destination", sa.String(length=16), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("path_key", sa.Text(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("cycle_due_at", sa.DateTime(), nullable=False),
        sa.Column("report_end_at", sa.DateTime(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["backup_entries.id"],
            name=op.f("fk_stored_backups_entry_id_backup_entries"),
        ),
        sa.ForeignKeyConstraint(
            ["expected_job_id"],
            ["expected_backup_jobs.id"],
            name=op.f("fk_stored_backups_expected_job_id_expected_backup_jobs"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_backups")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_stored_backups_entry_id")),
    )
    with op.batch_alter_table("stored_backups", schema=None) as batch_op:
        batch_op.create_index(
            "ix_stored_backups_job_state", ["expected_job_id", "state"], unique=False
        )
        batch_op.create_index(
            "ix_stored_backups_moving",
            ["state"],
            unique=False,
            sqlite_where=sa.text("state = 'moving'"),
            postgresql_where=sa.text("state = 'moving'"),
        )
        batch_op.create_index("ix_stored_backups_path_key", ["path_key"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("stored_backups", schema=None) as batch_op:
        batch_op.drop_index("ix_stored_backups_path_key")
        batch_op.drop_index(
            "ix_stored_backups_moving",
            sqlite_where=sa.text("state = 'moving'"),
            postgresql_where=sa.text("state = 'moving'"),
        )
        batch_op.drop_index("ix_stored_backups_job_state")

    op.drop_table("stored_backups")
    op.drop_table("discoveries")
    with op.batch_alter_table("backup_entries", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_backup_entries_missing",
            sqlite_where=sa.text("status = 'MISSING'"),
            postgresql_where=sa.text("status = 'MISSING'"),
        )
        batch_op.drop_index(batch_op.f("ix_backup_entries_report_id"))
        batch_op.drop_index(
            "ix_backup_entries_pending",
            sqlite_where=sa.text("status = 'PENDING'"),
            postgresql_where=sa.text("status = 'PENDING'"),
        )
        batch_op.drop_index("ix_backup_entries_history")

    op.drop_table("backup_entries")
    op.drop_table("storage_roots")
    with op.batch_alter_table("server_conditions", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_server_conditions_open",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.drop_table("server_conditions")
    op.drop_table("scan_runs")
    with op.batch_alter_table("expected_backup_jobs", schema=None) as batch_op:
        batch_op.drop_index("ix_expected_backup_jobs_open_cycle")
        batch_op.drop_index("ix_expected_backup_jobs_final_path_key")

    op.drop_table("expected_backup_jobs")
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_events_subject")

    op.drop_table("audit_events")
    with op.batch_alter_table("agent_reports", schema=None) as batch_op:
        batch_op.drop_index("ix_agent_reports_agent_landed")

    op.drop_table("agent_reports")
