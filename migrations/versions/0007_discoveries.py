"""Discoveries: how large they are, and which ones somebody wants to hear no more of.

Revision 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COLUMNS = (
    ("backup_size", sa.BigInteger()),
    ("compress_size", sa.BigInteger()),
    ("ignored_at", sa.DateTime()),
    ("ignored_by", sa.String(length=255)),
)


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("discoveries", sa.Column(name, kind, nullable=True))
    # Few reports are invalid, and they are what people look for.
    op.create_index(
        "ix_agent_reports_invalid",
        "agent_reports",
        ["id"],
        sqlite_where=sa.text("valid IS 0"),
        postgresql_where=sa.text("valid IS FALSE"),
    )


def downgrade() -> None:
    op.drop_index("ix_agent_reports_invalid", table_name="agent_reports")
    for name, _kind in reversed(COLUMNS):
        op.execute(f"ALTER TABLE discoveries DROP COLUMN {name}")
