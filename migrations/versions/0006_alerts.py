"""Alerts: the outbox, recipients and their channels, silences; what a job says of its alerts.

Revision 0006.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JOB_COLUMNS = {"alert_when": "every_cycle", "alert_reminders": "none"}


def upgrade() -> None:
    op.create_table(
        "alert_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("header_id", sa.String(length=255), nullable=False),
        sa.Column("recipient", sa.String(length=255), nullable=False),
        sa.Column("recipient_key", sa.String(length=255), nullable=False),
        sa.Column("destination", sa.String(length=32), nullable=False),
        sa.Column("is_digest", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_tried_at", sa.DateTime(), nullable=True),
        sa.Column("next_try_at", sa.DateTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.Column("lease_host", sa.String(length=255), nullable=True),
        sa.Column("lease_pid", sa.Integer(), nullable=True),
        sa.Column("lease_process_start", sa.BigInteger(), nullable=True),
        sa.Column("lease_until", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_messages")),
        sa.UniqueConstraint("header_id", name=op.f("uq_alert_messages_header_id")),
    )
    with op.batch_alter_table("alert_messages", schema=None) as batch_op:
        batch_op.create_index(
            "ix_alert_messages_recipient_sent", ["recipient_key", "sent_at"], unique=False
        )
        batch_op.create_index(
            "ix_alert_messages_unsent",
            ["recipient_key"],
            unique=False,
            sqlite_where=sa.text("state IN ('open', 'handed_over')"),
            postgresql_where=sa.text("state IN ('open', 'handed_over')"),
        )

    op.create_table(
        "alert_recipients",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("address_key", sa.String(length=255), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=True),
        sa.Column("by_mail", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=16), nullable=False),
        sa.Column("digest_raised_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_recipients")),
        sa.UniqueConstraint("address_key", name=op.f("uq_alert_recipients_address_key")),
    )
    op.create_table(
        "alert_channels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recipient_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recipient_id"],
            ["alert_recipients.id"],
            name=op.f("fk_alert_channels_recipient_id_alert_recipients"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_channels")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("alert_channels", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_alert_channels_recipient_id"), ["recipient_id"], unique=False
        )

    op.create_table(
        "alert_silences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["expected_backup_jobs.id"],
            name=op.f("fk_alert_silences_job_id_expected_backup_jobs"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_silences")),
    )
    with op.batch_alter_table("alert_silences", schema=None) as batch_op:
        batch_op.create_index(
            "ix_alert_silences_open",
            ["job_id"],
            unique=False,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=True),
        sa.Column("condition_id", sa.Integer(), nullable=True),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("agent_key", sa.String(length=255), nullable=False),
        sa.Column("cycle_due_at", sa.DateTime(), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=True),
        sa.Column("occurrence", sa.String(length=32), nullable=False),
        sa.Column("recipient", sa.String(length=255), nullable=False),
        sa.Column("recipient_key", sa.String(length=255), nullable=False),
        sa.Column("destination", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("raised_at", sa.DateTime(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.Column("answered_at", sa.DateTime(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["condition_id"],
            ["server_conditions.id"],
            name=op.f("fk_alerts_condition_id_server_conditions"),
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["backup_entries.id"], name=op.f("fk_alerts_entry_id_backup_entries")
        ),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["expected_backup_jobs.id"],
            name=op.f("fk_alerts_job_id_expected_backup_jobs"),
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["alert_messages.id"], name=op.f("fk_alerts_message_id_alert_messages")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sa.UniqueConstraint(
            "condition_id",
            "kind",
            "occurrence",
            "recipient_key",
            "destination",
            name="uq_alerts_condition",
        ),
        sa.UniqueConstraint(
            "entry_id", "kind", "occurrence", "recipient_key", "destination", name="uq_alerts_entry"
        ),
    )
    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.create_index("ix_alerts_job", ["job_id", "id"], unique=False)
        batch_op.create_index(batch_op.f("ix_alerts_message_id"), ["message_id"], unique=False)
        batch_op.create_index("ix_alerts_raised_at", ["raised_at"], unique=False)
        batch_op.create_index(
            "ix_alerts_unanswered",
            ["job_id"],
            unique=False,
            sqlite_where=sa.text("answered_at IS NULL"),
            postgresql_where=sa.text("answered_at IS NULL"),
        )
        batch_op.create_index(
            "ix_alerts_waiting",
            ["recipient_key"],
            unique=False,
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )

    # With a default of the database's own: SQLite then adds a column without making the table anew.
    for name, default in JOB_COLUMNS.items():
        op.add_column(
            "expected_backup_jobs",
            sa.Column(name, sa.String(length=16), nullable=False, server_default=default),
        )


def downgrade() -> None:
    for name in JOB_COLUMNS:
        op.execute(f"ALTER TABLE expected_backup_jobs DROP COLUMN {name}")

    with op.batch_alter_table("alerts", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_alerts_waiting",
            sqlite_where=sa.text("state = 'waiting'"),
            postgresql_where=sa.text("state = 'waiting'"),
        )
        batch_op.drop_index(
            "ix_alerts_unanswered",
            sqlite_where=sa.text("answered_at IS NULL"),
            postgresql_where=sa.text("answered_at IS NULL"),
        )
        batch_op.drop_index("ix_alerts_raised_at")
        batch_op.drop_index(batch_op.f("ix_alerts_message_id"))
        batch_op.drop_index("ix_alerts_job")

    op.drop_table("alerts")
    with op.batch_alter_table("alert_silences", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_alert_silences_open",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.drop_table("alert_silences")
    with op.batch_alter_table("alert_channels", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_alert_channels_recipient_id"))

    op.drop_table("alert_channels")
    op.drop_table("alert_recipients")
    with op.batch_alter_table("alert_messages", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_alert_messages_unsent",
            sqlite_where=sa.text("state IN ('open', 'handed_over')"),
            postgresql_where=sa.text("state IN ('open', 'handed_over')"),
        )
        batch_op.drop_index("ix_alert_messages_recipient_sent")

    op.drop_table("alert_messages")
