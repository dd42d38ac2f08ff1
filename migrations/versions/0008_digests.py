"""Digests: at which hour, in which zone; each once per period.

Revision 0008.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert_recipients", sa.Column("digest_minute", sa.Integer(), nullable=True))
    op.add_column(
        "alert_recipients", sa.Column("timezone", sa.String(length=64), nullable=True)
    )
    # Nobody could choose so far.
    op.execute("UPDATE alert_recipients SET digest = 'usual' WHERE digest = 'none'")
    op.create_index(
        "uq_alerts_digest",
        "alerts",
        ["recipient_key", "occurrence", "destination"],
        unique=True,
        sqlite_where=sa.text("kind = 'digest'"),
        postgresql_where=sa.text("kind = 'digest'"),
    )


def downgrade() -> None:
    op.drop_index("uq_alerts_digest", table_name="alerts")
    op.execute("UPDATE alert_recipients SET digest = 'none' WHERE digest = 'usual'")
    for name in ("timezone", "digest_minute"):
        op.execute(f"ALTER TABLE alert_recipients DROP COLUMN {name}")
