"""The first glance: how many jobs stand how, what is due next, and whether anybody looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select

from backupmon.config import Settings
from backupmon.core.standing import NEEDS_YOU, Standing, standing_of
from backupmon.extensions import db
from backupmon.models import ExpectedBackupJob, ScanRun

#: A scan that is missed once may have been slow; twice, nobody looks any more.
SILENT_INTERVALS = 2
#: Scans of one agent tell nothing of the others; that many of them may lie above one of all.
_LATEST_SCANS = 20


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs stand how; those with none are left out."""

    by_standing: Mapping[Standing, int]
    overdue: int

    @property
    def total(self) -> int:
        """All jobs, paused ones too."""
        return sum(self.by_standing.values())

    @property
    def expected(self) -> int:
        """The jobs that something is expected of."""
        return self.total - self.by_standing.get(Standing.PAUSED, 0)

    @property
    def needs_you(self) -> int:
        """The jobs that a person should look at."""
        return sum(self.by_standing.get(standing, 0) for standing in NEEDS_YOU)


@dataclass(frozen=True, slots=True)
class DueNext:
    """What is expected next: how many databases, at one moment."""

    at: datetime
    jobs: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When the scanner looked last.

    Parameters
    ----------
    looked_at:
        When the last scan that looked at everything began; None where there was none.
    running_since:
        Set while a scan goes on.
    next_at:
        When the next one should begin.
    silent:
        None has begun for too long.
    error:
        Why the newest scan failed, in its own words; empty where it did not.
    """

    looked_at: datetime | None
    running_since: datetime | None
    next_at: datetime | None
    silent: bool
    error: str = ""


def count_jobs(now: datetime, which: ColumnElement[bool] | None = None) -> Counts:
    """How many jobs stand how, in one query; of all that are not deleted, or of `which`."""
    job = ExpectedBackupJob
    overdue = job.is_active.is_(True) & (job.deadline_at < now)
    query = (
        select(
            job.is_active, job.current_status, func.count(), func.sum(case((overdue, 1), else_=0))
        )
        .where(job.deleted_at.is_(None) if which is None else which)
        .group_by(job.is_active, job.current_status)
    )
    counts: dict[Standing, int] = {}
    late = 0
    for is_active, status, number, overdue_number in db.session.execute(query):
        standing = standing_of(status, is_active)
        counts[standing] = counts.get(standing, 0) + number
        late += overdue_number
    return Counts(counts, late)


def due_next(now: datetime) -> DueNext | None:
    """The moment at which the next backups are due, and how many; None where none is."""
    job = ExpectedBackupJob
    query = (
        select(job.expected_due_at, func.count())
        .where(job.deleted_at.is_(None), job.is_active.is_(True), job.expected_due_at > now)
        .group_by(job.expected_due_at)
        .order_by(job.expected_due_at)
        .limit(1)
    )
    row = db.session.execute(query).first()
    return None if row is None or row[0] is None else DueNext(row[0], row[1])


def heartbeat_of(settings: Settings, now: datetime) -> Heartbeat:
    """As `heartbeat`, for the interval that is set."""
    return heartbeat(now, timedelta(minutes=settings.scanner_interval_minutes))


def heartbeat(now: datetime, interval: timedelta) -> Heartbeat:
    """When the scanner looked last, and whether it has fallen silent."""
    query = (
        select(ScanRun.started_at, ScanRun.state, ScanRun.agent, ScanRun.error)
        .order_by(ScanRun.id.desc())
        .limit(_LATEST_SCANS)
    )
    runs = [run for run in db.session.execute(query) if run.agent is None]
    running = next((run.started_at for run in runs[:1] if run.state == "running"), None)
    looked = next((run.started_at for run in runs if run.state == "done"), None)
    latest = max((moment for moment in (running, looked) if moment is not None), default=None)
    failed = runs[0] if runs and runs[0].state == "failed" else None
    return Heartbeat(
        looked_at=looked,
        running_since=running,
        next_at=None if latest is None else latest + interval,
        silent=latest is None or now - latest > SILENT_INTERVALS * interval,
        error=(failed.error or "") if failed else "",
    )
