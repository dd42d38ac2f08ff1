"""A mail whose text is refused goes out agent by agent, and without the words of the agent.

Revision 0012.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert_messages", sa.Column("agent_key", sa.String(length=255), nullable=True))
    op.add_column("alert_messages", sa.Column("words_refused_at", sa.DateTime(), nullable=True))


def downgrade() -> None:
    for name in ("words_refused_at", "agent_key"):
        op.execute(f"ALTER TABLE alert_messages DROP COLUMN {name}")
