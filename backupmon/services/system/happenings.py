"""What happened to the server: its scans, and the conditions that are over, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import func, select

from backupmon.extensions import db
from backupmon.models import ScanRun, ServerCondition

PAGE_SIZE = 30

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Happenings(Generic[T]):
    """One page of them, newest first, and how many there are on all pages."""

    items: Sequence[T]
    found: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.found // PAGE_SIZE))


def load_runs(page: int = 1, most: int = PAGE_SIZE) -> Happenings[ScanRun]:
    """A page of scans; `most` of them, where only the newest are wanted."""
    found = db.session.scalar(select(func.count()).select_from(ScanRun)) or 0
    query = select(ScanRun).order_by(ScanRun.id.desc())
    query = query.offset((page - 1) * PAGE_SIZE).limit(most)
    return Happenings(db.session.scalars(query).all(), found, page)


def load_ended_conditions(page: int = 1) -> Happenings[ServerCondition]:
    """A page of the server conditions that are over, by their end."""
    over = ServerCondition.ended_at.is_not(None)
    found = db.session.scalar(select(func.count()).select_from(ServerCondition).where(over)) or 0
    query = select(ServerCondition).where(over)
    query = query.order_by(ServerCondition.ended_at.desc(), ServerCondition.id.desc())
    query = query.offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE)
    return Happenings(db.session.scalars(query).all(), found, page)
