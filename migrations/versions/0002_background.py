"""Work by several processes: leases are found quickly; who saw a condition, and looked when.

Revision 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_backup_entries_leased",
        "backup_entries",
        ["lease_host"],
        sqlite_where=sa.text("lease_host IS NOT NULL"),
        postgresql_where=sa.text("lease_host IS NOT NULL"),
    )
    op.add_column("backup_entries", sa.Column("looked_at", sa.DateTime(), nullable=True))
    op.add_column(
        "server_conditions",
        sa.Column("seen_by", sa.String(length=16), nullable=False, server_default="scan"),
    )


def downgrade() -> None:
    with op.batch_alter_table("server_conditions") as table:
        table.drop_column("seen_by")
    op.drop_column("backup_entries", "looked_at")
    op.drop_index("ix_backup_entries_leased", "backup_entries")
