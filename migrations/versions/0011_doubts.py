"""How often a message was handed over, and nobody answered.

Revision 0011.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("doubts", sa.Integer(), nullable=False, server_default="0")
    op.add_column("alert_messages", column)


def downgrade() -> None:
    op.execute("ALTER TABLE alert_messages DROP COLUMN doubts")
