"""Alerts always go by mail too: nobody could choose otherwise.

Revision 0010.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE alert_recipients DROP COLUMN by_mail")


def downgrade() -> None:
    column = sa.Column("by_mail", sa.Boolean(), nullable=False, server_default=sa.true())
    with op.batch_alter_table("alert_recipients") as table:
        table.add_column(column)
        table.alter_column("by_mail", server_default=None)
