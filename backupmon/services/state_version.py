"""A number that differs whenever what pages show has changed."""

from __future__ import annotations

from sqlalchemy import func, select

from backupmon.extensions import db
from backupmon.models import StateChange


def state_version() -> int:
    """How many transactions have changed what pages show.

    It grows with every commit that touched jobs, entries, copies, server conditions, scan runs
    or discoveries; only an emptied database begins anew.
    """
    total: int | None = db.session.scalar(select(func.sum(StateChange.version)))
    return int(total or 0)
