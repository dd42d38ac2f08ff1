"""What grew or shrank oddly: the sizes of a period beside those before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, select

from backupmon.core.statuses import Status
from backupmon.core.trend import WINDOW, Band, band_after
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob
from backupmon.services.dashboard.cycles import oldest_wanted

#: Rows that are held at once.
_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class OddSize:
    """A database whose newest backup is of another size than it should be, in bytes."""

    job_id: int
    agent: str
    database: str
    size: int
    normal: Band

    @property
    def grew(self) -> bool:
        """Rather than shrank."""
        return self.size > self.normal.high

    @property
    def oddness(self) -> float:
        """How many times too large or too small; what shrank to nothing is the oddest."""
        if self.grew:
            return self.size / max(1.0, self.normal.high)
        return self.normal.low / max(1, self.size)


def odd_sizes(
    mine: ColumnElement[bool], since: datetime, until: datetime, most: int
) -> tuple[Sequence[OddSize], int]:
    """The oddest sizes of the newest good backups of the period, and how many are odd."""
    job, entry = ExpectedBackupJob, BackupEntry
    query = (
        select(
            job.id,
            entry.cycle_due_at,
            entry.server_calculated_staged_size,
            job.agent_id_responsible,
            job.database_name,
            entry.cycle_deadline_at,
        )
        .join(entry, entry.expected_job_id == job.id)
        .where(
            mine,
            job.is_active.is_(True),
            entry.cycle_due_at >= oldest_wanted(WINDOW + 1),
            entry.status == Status.SUCCESS.value,
            entry.server_calculated_staged_size.is_not(None),
        )
        .order_by(job.id, entry.cycle_due_at, entry.timestamp)
        .execution_options(yield_per=_AT_ONCE)
    )
    found = [
        odd
        for _, rows in groupby(db.session.execute(query), key=lambda row: row[0])
        if (odd := _odd(rows, since, until)) is not None
    ]
    found.sort(key=lambda one: (-one.oddness, one.job_id))
    return found[:most], len(found)


def _odd(rows: Iterable[Any], since: datetime, until: datetime) -> OddSize | None:
    """The newest backup of a job, where it is of the period and odd; `rows` oldest first."""
    by_cycle = {row[1]: row for row in rows}
    *before, newest = by_cycle.values()
    if not since < newest[5] <= until:
        return None
    normal = band_after([row[2] for row in before])
    if normal is None or normal.holds(newest[2]):
        return None
    return OddSize(newest[0], newest[3], newest[4], newest[2], normal)
