"""What pages search by, and a count of what changed.

Revision 0004.
"""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_JOBS = sa.table(
    "expected_backup_jobs",
    sa.column("id", sa.Integer),
    sa.column("company_name", sa.String),
    sa.column("city", sa.String),
    sa.column("neighborhood", sa.String),
    sa.column("agent_id_responsible", sa.String),
    sa.column("database_name", sa.String),
    sa.column("search_key", sa.Text),
)


def upgrade():
    op.create_table(
        "state_changes",
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("slot", name=op.f("pk_state_changes")),
    )
    # Nullable, since SQLite would else have to copy the table, and would lose in doing so that
    # its numbers are never given twice.
    op.add_column("expected_backup_jobs", sa.Column("search_key", sa.Text(), nullable=True))
    _fill_search_keys()
    op.create_index(
        "ix_expected_backup_jobs_standing",
        "expected_backup_jobs",
        ["deleted_at", "is_active", "current_status", "deadline_at", "expected_due_at"],
    )


def downgrade():
    op.drop_index("ix_expected_backup_jobs_standing", "expected_backup_jobs")
    op.drop_column("expected_backup_jobs", "search_key")
    op.drop_table("state_changes")


def _fill_search_keys():
    connection = op.get_bind()
    columns = ("company_name", "city", "neighborhood", "agent_id_responsible", "database_name")
    rows = connection.execute(sa.select(_JOBS.c.id, *(_JOBS.c[name] for name in columns))).all()
    statement = (
        sa.update(_JOBS)
        .where(_JOBS.c.id == sa.bindparam("job"))
        .values(search_key=sa.bindparam("key"))
    )
    keys = [{"job": row[0], "key": _folded("\n".join(v or "" for v in row[1:]))} for row in rows]
    if keys:
        connection.execute(statement, keys)


def _folded(value):
    apart = unicodedata.normalize("NFKD", value)
    return "".join(c for c in apart.casefold() if not unicodedata.combining(c))
