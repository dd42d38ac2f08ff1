"""All that the dashboard shows, gathered in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.models import ExpectedBackupJob, ServerCondition
from backupmon.services.conditions import open_conditions
from backupmon.services.dashboard.rows import JobRow, rows_of
from backupmon.services.dashboard.selection import (
    PAGE_SIZE,
    Selection,
    count_selected,
    held_jobs,
    selected_jobs,
)
from backupmon.services.dashboard.summary import (
    Counts,
    DueNext,
    Heartbeat,
    count_jobs,
    due_next,
    heartbeat_of,
)


@dataclass(frozen=True, slots=True)
class Board:
    """The dashboard at one moment.

    Parameters
    ----------
    rows:
        One page of the jobs that were asked for.
    found:
        How many there are on all pages.
    conditions:
        What is wrong with the server.
    """

    counts: Counts
    heartbeat: Heartbeat
    due_next: DueNext | None
    conditions: Sequence[ServerCondition]
    selection: Selection
    rows: Sequence[JobRow]
    found: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.found // PAGE_SIZE))


@dataclass(frozen=True, slots=True)
class Place:
    """A site, for the lists to choose from."""

    company: str
    city: str
    agent: str


def load_board(
    settings: Settings,
    selection: Selection,
    now: datetime,
    held: Sequence[int] | None = None,
) -> Board:
    """Gather the dashboard; the number of queries does not depend on the number of jobs.

    Parameters
    ----------
    held:
        The ids of the jobs whose rows are to stay where they are, in their order: somebody is
        reading them. None takes those of the selection.
    """
    counts = count_jobs(now)
    found = count_selected(selection) if selection.is_filtered else counts.total
    jobs = selected_jobs(selection) if held is None else held_jobs(held)
    return Board(
        counts=counts,
        heartbeat=heartbeat_of(settings, now),
        due_next=due_next(now),
        conditions=open_conditions(now),
        selection=selection,
        rows=rows_of(jobs, now),
        found=found,
    )


def places() -> list[Place]:
    """Every site, by company, city and agent."""
    job = ExpectedBackupJob
    columns = (job.company_name, job.city, job.agent_id_responsible)
    query = select(*columns).where(job.deleted_at.is_(None)).distinct().order_by(*columns)
    return [Place(*row) for row in db.session.execute(query)]
