"""What a digest tells, gathered in a fixed number of queries, however many jobs there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from backupmon.config import Settings
from backupmon.core.standing import NEEDS_YOU, Standing
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import Discovery, ExpectedBackupJob
from backupmon.services.alert_recipients import is_told_all
from backupmon.services.dashboard.rows import JobRow, rows_of
from backupmon.services.dashboard.selection import severity
from backupmon.services.dashboard.summary import Counts, count_jobs
from backupmon.services.digest.copies import Kept, Stale, kept_copies, stale_copies
from backupmon.services.digest.cycles import Troubled, count_cycles, troubled_jobs
from backupmon.services.digest.scope import concerns
from backupmon.services.digest.server import ServerState, Watch, server_state, watched
from backupmon.services.digest.sizes import OddSize, odd_sizes

#: More of a kind are counted, and not told one by one.
_MOST_WORST, _MOST = 10, 5


@dataclass(frozen=True, slots=True)
class Discovered:
    """Databases that agents report and nobody expects: some of them, and how many there are."""

    names: tuple[tuple[str, str], ...]
    total: int


@dataclass(frozen=True, slots=True)
class Facts:
    """How all that concerns somebody stands, and has fared since the last digest.

    Parameters
    ----------
    worst:
        The worst of those that need a look; `counts` says how many there are.
    cycles:
        How many cycles of the period ended how.
    arrived:
        The sum of their files, in bytes.
    server:
        None for those who are not told of the server itself.
    """

    since: datetime
    until: datetime
    counts: Counts
    worst: Sequence[JobRow]
    stale: Stale
    cycles: Mapping[Status, int]
    arrived: int
    troubled: Troubled
    sizes: tuple[Sequence[OddSize], int]
    kept: Kept
    discovered: Discovered
    watch: Watch
    server: ServerState | None


def gather(settings: Settings, recipient_key: str, since: datetime, until: datetime) -> Facts:
    """All that a digest tells one person of the time from `since` to `until`."""
    mine = concerns(settings, recipient_key)
    all_jobs = is_told_all(settings, recipient_key)
    cycles, arrived = count_cycles(mine, since, until)
    return Facts(
        since=since,
        until=until,
        counts=count_jobs(until, mine),
        worst=_worst(mine, until),
        stale=stale_copies(mine, until, _MOST),
        cycles=cycles,
        arrived=arrived,
        troubled=troubled_jobs(mine, since, until, _MOST),
        sizes=odd_sizes(mine, since, until, _MOST),
        kept=kept_copies(mine),
        discovered=_discovered(mine, all_jobs),
        watch=watched(settings, since, until),
        server=server_state(settings, until) if all_jobs else None,
    )


def _worst(mine: ColumnElement[bool], now: datetime) -> list[JobRow]:
    job = ExpectedBackupJob
    query = (
        select(job)
        .where(mine, job.is_active.is_(True), job.current_status.in_(_NEEDS_YOU))
        .order_by(severity(), job.search_key, job.id)
        .limit(_MOST_WORST)
    )
    return rows_of(db.session.scalars(query).all(), now)


def _discovered(mine: ColumnElement[bool], all_jobs: bool) -> Discovered:
    """Of those whom not every job concerns, only what the agents of their jobs report."""
    total = func.count().over()
    query = select(Discovery.agent_id, Discovery.database_name, total)
    if not all_jobs:
        agents = select(ExpectedBackupJob.agent_key).where(mine)
        query = query.where(Discovery.agent_key.in_(agents))
    query = query.order_by(Discovery.first_seen_at.desc(), Discovery.id.desc()).limit(_MOST)
    rows = db.session.execute(query).all()
    return Discovered(tuple((row[0], row[1]) for row in rows), rows[0][2] if rows else 0)


_NEEDS_YOU = [Standing(standing).value for standing in NEEDS_YOU]
