"""Emptying a database, for a new beginning."""

from __future__ import annotations

from sqlalchemy import func, select

from backupmon.extensions import begin_write, db
from backupmon.models import MeasuredTotal, StateChange


def count_rows() -> dict[str, int]:
    """How many rows each table holds; empty tables are left out, and those that only count."""
    counting = {StateChange.__tablename__, MeasuredTotal.__tablename__}
    counts = {
        table.name: db.session.scalar(select(func.count()).select_from(table)) or 0
        for table in db.metadata.sorted_tables
        if table.name not in counting
    }
    db.session.rollback()
    return {name: count for name, count in counts.items() if count}


def empty_database() -> None:
    """Delete every row of every table; no file is touched."""
    begin_write()
    for table in reversed(db.metadata.sorted_tables):
        db.session.execute(table.delete())
    db.session.commit()
