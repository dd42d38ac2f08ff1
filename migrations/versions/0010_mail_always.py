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
    op.add_column("alert_recipients", column)
