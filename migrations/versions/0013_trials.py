"""What a trial of the future ended is known, so that it can be taken back.

Revision 0013.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("expected_backup_jobs", sa.Column("pause_ended", sa.DateTime(), nullable=True))
    op.add_column("alert_recipients", sa.Column("digest_wanted_at", sa.DateTime(), nullable=True))


def downgrade() -> None:
    op.execute("ALTER TABLE alert_recipients DROP COLUMN digest_wanted_at")
    op.execute("ALTER TABLE expected_backup_jobs DROP COLUMN pause_ended")
