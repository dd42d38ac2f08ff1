"""Size and duration of a job's backups, cycle by cycle, for its charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import select

from backupmon.core.statuses import Status, best
from backupmon.extensions import db
from backupmon.models import BackupEntry

#: Cycles on a chart; and entries that are read for them, since a cycle may have several.
MOST_CYCLES = 90
_MOST_ENTRIES = 270
_STEPS = ("backup", "compress", "transfer")


@dataclass(frozen=True, slots=True)
class Measure:
    """One cycle.

    Parameters
    ----------
    size:
        Bytes of the file as the server measured it; None where none was measured.
    seconds:
        From the first start to the last end that the agent gives; None where it gives too
        little, or what cannot be.
    """

    due: datetime
    status: Status
    size: int | None
    seconds: float | None


def load_measures(job_id: int) -> list[Measure]:
    """The newest cycles that were concluded, oldest first; of each its best entry."""
    entry = BackupEntry
    starts = [getattr(entry, f"agent_{step}_process_start_time") for step in _STEPS]
    ends = [getattr(entry, f"agent_{step}_process_timestamp") for step in _STEPS]
    columns = (entry.cycle_due_at, entry.status, entry.server_calculated_staged_size)
    query = (
        select(*columns, *starts, *ends)
        .where(entry.expected_job_id == job_id, entry.status != Status.PENDING.value)
        .order_by(entry.cycle_due_at.desc(), entry.timestamp.desc())
        .limit(_MOST_ENTRIES)
    )
    rows: list[tuple[Any, ...]] = [tuple(row) for row in db.session.execute(query)]
    cycles = [list(together) for _, together in groupby(rows, key=itemgetter(0))]
    return [_measure(entries) for entries in cycles[:MOST_CYCLES]][::-1]


def _measure(entries: Sequence[tuple[Any, ...]]) -> Measure:
    """Of a cycle's entries, newest first."""
    status = best(Status(row[1]) for row in entries)
    due, _, size, *times = next(row for row in entries if row[1] == status.value)
    return Measure(due, status, size, _seconds(times[:3], times[3:]))


def _seconds(starts: Sequence[datetime | None], ends: Sequence[datetime | None]) -> float | None:
    began = min((moment for moment in starts if moment is not None), default=None)
    ended = max((moment for moment in ends if moment is not None), default=None)
    if began is None or ended is None or ended < began:
        return None
    return (ended - began).total_seconds()
