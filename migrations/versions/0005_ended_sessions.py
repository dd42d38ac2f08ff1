"""Sessions that were logged out before their cookie was over.

Revision 0005.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ended_sessions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ended_sessions"),
        sa.UniqueConstraint("key", name="uq_ended_sessions_key"),
    )


def downgrade() -> None:
    op.drop_table("ended_sessions")
