"""A quarantined file beside the last good copy of its job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, select
from sqlalchemy.orm import joinedload

from backupmon.core.errors import NotFoundError
from backupmon.extensions import db
from backupmon.models import BackupEntry, StoredBackup, StoredState

_STEPS = ("backup", "compress", "transfer")
#: The copies that were judged good, the first that there is.
_GOOD = (StoredState.STORED.value, StoredState.PREVIOUS.value, StoredState.SUPERSEDED.value)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two files.

    Parameters
    ----------
    duration:
        From the first start to the last end that the agent gives; None where it gives too
        little, or what cannot be.
    """

    file: StoredBackup
    entry: BackupEntry
    duration: timedelta | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The file, and the good copy that it would take the place of; None where there is none."""

    kept: Side
    good: Side | None

    @property
    def apart(self) -> timedelta | None:
        """How much later than the good copy it was backed up; negative for earlier."""
        if self.good is None:
            return None
        return self.kept.file.report_end_at - self.good.file.report_end_at

    @property
    def grown_by(self) -> int | None:
        """How many bytes larger than the good copy it is; negative for smaller."""
        return None if self.good is None else self.kept.file.size - self.good.file.size


def find_kept(entry_id: int) -> StoredBackup:
    """The quarantined file of an entry, with entry, report and job.

    Raises
    ------
    NotFoundError
        When nothing of that entry lies in quarantine.
    """
    query = select(StoredBackup).where(
        StoredBackup.entry_id == entry_id, StoredBackup.state == StoredState.QUARANTINED.value
    )
    found: StoredBackup | None = db.session.scalar(_with_entry(query))
    if found is None:
        raise NotFoundError(f"nothing of entry {entry_id} lies in quarantine")
    return found


def compare_with_good(row: StoredBackup) -> Comparison:
    """Put the file beside the last good copy of its job."""
    order = case({state: place for place, state in enumerate(_GOOD)}, value=StoredBackup.state)
    query = (
        select(StoredBackup)
        .where(
            StoredBackup.expected_job_id == row.expected_job_id,
            StoredBackup.state.in_(_GOOD),
        )
        .order_by(order, StoredBackup.report_end_at.desc())
        .limit(1)
    )
    good: StoredBackup | None = db.session.scalar(_with_entry(query))
    return Comparison(_side(row), None if good is None else _side(good))


def _with_entry(query: Any) -> Any:
    whole = joinedload(StoredBackup.entry).joinedload(BackupEntry.report)
    return query.options(whole, joinedload(StoredBackup.job))


def _side(row: StoredBackup) -> Side:
    return Side(row, row.entry, _duration(row.entry))


def _duration(entry: BackupEntry) -> timedelta | None:
    starts = _times(entry, "start_time")
    ends = _times(entry, "timestamp")
    if not starts or not ends or max(ends) < min(starts):
        return None
    return max(ends) - min(starts)


def _times(entry: BackupEntry, which: str) -> list[datetime]:
    found = (getattr(entry, f"agent_{step}_process_{which}") for step in _STEPS)
    return [moment for moment in found if moment is not None]
