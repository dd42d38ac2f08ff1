"""How the cycles of a period ended: each as good as its best entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, Subquery, case, func, select

from backupmon.core.standing import NEEDS_YOU
from backupmon.core.statuses import BEST_FIRST, PROBLEMS, Status
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob

_RANKS = {status.value: rank for rank, status in enumerate(BEST_FIRST)}
_BAD = [_RANKS[status.value] for status in (*PROBLEMS, Status.HASH_MISMATCH)]
#: Neither a verdict.
_NO_VERDICT = (Status.PENDING.value, Status.UNKNOWN.value)


@dataclass(frozen=True, slots=True)
class TroubledJob:
    """A job that is well now, and had bad cycles in the period."""

    job_id: int
    agent: str
    database: str
    bad: int
    cycles: int


@dataclass(frozen=True, slots=True)
class Troubled:
    """Those with the most bad cycles, and how many there are."""

    jobs: Sequence[TroubledJob]
    total: int


def count_cycles(
    mine: ColumnElement[bool], since: datetime, until: datetime
) -> tuple[dict[Status, int], int]:
    """How many cycles whose deadline was in the period ended how, and the bytes of the good ones.

    By deadlines, so that each cycle is counted in one period only, and is over when it is.
    """
    cycles = _cycles(mine, since, until)
    query = select(cycles.c.rank, func.count(), func.sum(cycles.c.size)).group_by(cycles.c.rank)
    counts: dict[Status, int] = {}
    arrived = 0
    for rank, number, size in db.session.execute(query):
        counts[BEST_FIRST[rank]] = number
        if BEST_FIRST[rank] is Status.SUCCESS:
            arrived = int(size or 0)
    return counts, arrived


def troubled_jobs(
    mine: ColumnElement[bool], since: datetime, until: datetime, most: int
) -> Troubled:
    """The jobs that are well now, and were not in some cycles of the period."""
    job, cycles = ExpectedBackupJob, _cycles(mine, since, until)
    bad = func.sum(case((cycles.c.rank.in_(_BAD), 1), else_=0))
    well = job.current_status.not_in([standing.value for standing in NEEDS_YOU])
    by_job: Select[int, str, str, int, int, int] = (
        select(
            job.id,
            job.agent_id_responsible,
            job.database_name,
            bad,
            func.count(),
            func.count().over(),
        )
        .join(cycles, cycles.c.job_id == job.id)
        .where(job.is_active.is_(True), well)
        .group_by(job.id, job.agent_id_responsible, job.database_name)
        .having(bad > 0)
        .order_by(bad.desc(), job.id)
        .limit(most)
    )
    rows = db.session.execute(by_job).all()
    return Troubled(
        [TroubledJob(*row[:3], int(row[3]), row[4]) for row in rows], rows[0][5] if rows else 0
    )


def _cycles(mine: ColumnElement[bool], since: datetime, until: datetime) -> Subquery:
    """Each cycle of the period: its job, the rank of its best entry, its largest file."""
    job, entry = ExpectedBackupJob, BackupEntry
    accepted = entry.accepted_at.is_not(None)
    by_status = case(_RANKS, value=entry.status, else_=len(_RANKS))
    rank = case((accepted, _RANKS[Status.SUCCESS.value]), else_=by_status)
    return (
        select(
            entry.expected_job_id.label("job_id"),
            func.min(rank).label("rank"),
            func.max(entry.server_calculated_staged_size).label("size"),
        )
        .join(job, job.id == entry.expected_job_id)
        .where(
            mine,
            # Reads the index of histories from there on; which cycle it is, the deadline says.
            entry.cycle_due_at > since - _longest_grace(mine),
            entry.cycle_deadline_at > since,
            entry.cycle_deadline_at <= until,
            entry.before_job.is_(False),
            entry.status.not_in(_NO_VERDICT),
        )
        .group_by(entry.expected_job_id, entry.cycle_due_at)
        .subquery()
    )


def _longest_grace(mine: ColumnElement[bool]) -> timedelta:
    query = select(func.max(ExpectedBackupJob.grace_minutes)).where(mine)
    # A day more: a deadline that was cut short, or a grace that was longer before.
    return timedelta(days=1, minutes=db.session.scalar(query) or 0)
