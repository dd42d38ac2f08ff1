"""How much was measured since the beginning, and what is on disk without reading every row.

Revision 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "measured_totals",
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("slot", name=op.f("pk_measured_totals")),
    )
    # What was judged before counts too.
    op.execute(
        "INSERT INTO measured_totals (slot, files, bytes)"
        " SELECT 0, count(*), coalesce(sum(server_calculated_staged_size), 0)"
        " FROM backup_entries WHERE server_calculated_staged_hash IS NOT NULL"
        " HAVING count(*) > 0"
    )
    op.create_index(
        "ix_stored_backups_held",
        "stored_backups",
        ["state", "size"],
        sqlite_where=sa.text("state <> 'removed'"),
        postgresql_where=sa.text("state <> 'removed'"),
    )


def downgrade():
    op.drop_index("ix_stored_backups_held", "stored_backups")
    op.drop_table("measured_totals")
