"""Copies that jobs left behind: at a former path, or by a job that was deleted.

They stay until a person deletes them, and nothing else is put where they stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import joinedload

from backupmon.config import Settings
from backupmon.core.errors import NotFoundError, RefusedError
from backupmon.core.job_spec import agent_key
from backupmon.core.phrases import phrase
from backupmon.extensions import begin_write, db
from backupmon.models import ExpectedBackupJob, StoredBackup, StoredState
from backupmon.services.audit import Act, record_acts
from backupmon.services.context import Scan
from backupmon.services.job_state import lock_jobs
from backupmon.services.promotion import VALIDATED
from backupmon.services.quarantine import Operator, at_work
from backupmon.storage.failpoints import failpoint
from backupmon.storage.placing import remove_at, size_at

log = structlog.get_logger()

_DELETE = "copy.delete"
#: Of the list on its page.
PAGE_SIZE = 50
_BATCH = 500
_STORED, _SUPERSEDED = StoredState.STORED.value, StoredState.SUPERSEDED.value


@dataclass(frozen=True, slots=True)
class LeftCopy:
    """One of them.

    Parameters
    ----------
    newer:
        The copy of the same job that stands where the job puts them; None where there is none,
        so that this one may be the last of its database.
    """

    row: StoredBackup
    newer: StoredBackup | None

    @property
    def deletable(self) -> bool:
        """A job that is expected does not lose its last good copy."""
        return self.newer is not None or self.row.job.deleted_at is not None


@dataclass(frozen=True, slots=True)
class LeftPage:
    """A page of them.

    Parameters
    ----------
    found, size:
        How many there are in all, and their bytes.
    """

    items: Sequence[LeftCopy]
    found: int
    size: int
    page: int

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, -(-self.found // PAGE_SIZE))


@dataclass(frozen=True, slots=True)
class Pruned:
    """What came of deleting those that are old enough.

    Parameters
    ----------
    files, size:
        How many were deleted, and their bytes.
    kept:
        How many were not, since the newer copy is not there as it should be.
    """

    files: int
    size: int
    kept: int


def list_left_copies() -> list[LeftCopy]:
    """All of them, the oldest first."""
    return _with_newer(_query())


def load_left_copies(page: int = 1) -> LeftPage:
    """A page of them, the oldest first; in three queries."""
    counted = select(func.count(), func.coalesce(func.sum(StoredBackup.size), 0))
    found, size = db.session.execute(
        counted.select_from(StoredBackup).join(ExpectedBackupJob).where(_is_left())
    ).one()
    query = _query().offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE)
    return LeftPage(_with_newer(query), found, int(size), page)


def delete_left_copy(settings: Settings, entry_id: int, operator: Operator) -> StoredBackup:
    """Delete the copy of an entry; its entry and its findings stay.

    Raises
    ------
    NotFoundError
        When the entry has no copy that was left behind.
    RefusedError
        When it may be the last good copy of a job that is expected.
    ServerFault
        When it cannot be deleted.
    ScanRunningError
        While a scan is running.
    """
    with at_work(settings) as scan:
        return _delete(scan, entry_id, operator)


def prune_left_copies(
    settings: Settings, older_than: timedelta, operator: Operator, agent: str | None = None
) -> Pruned:
    """Delete what stands at former paths and was backed up so long ago, as `delete_left_copy`.

    What jobs left that were deleted is not touched: it may be all that there is.

    Parameters
    ----------
    older_than:
        By when the agent ended its run, held against the clock.
    agent:
        The id of the only agent whose copies are in question.

    Raises
    ------
    ServerFault
        When one cannot be deleted; those before it are.
    ScanRunningError
        While a scan is running.
    """
    files = size = kept = 0
    with at_work(settings) as scan:
        query = _query().where(
            StoredBackup.report_end_at < scan.real_now - older_than,
            ExpectedBackupJob.deleted_at.is_(None),
        )
        if agent is not None:
            query = query.where(ExpectedBackupJob.agent_key == agent_key(agent))
        for entry_id in [row.entry_id for row in db.session.scalars(query)]:
            try:
                size += _delete(scan, entry_id, operator).size
                files += 1
            except (NotFoundError, RefusedError):
                kept += 1
    return Pruned(files, size, kept)


def _query() -> Select[StoredBackup]:
    return (
        select(StoredBackup)
        .join(ExpectedBackupJob)
        .where(_is_left())
        .options(joinedload(StoredBackup.job))
        .order_by(StoredBackup.report_end_at, StoredBackup.id)
    )


def _is_left() -> ColumnElement[bool]:
    there = StoredBackup.state.in_((_STORED, _SUPERSEDED, StoredState.PREVIOUS.value))
    deleted = ExpectedBackupJob.deleted_at.is_not(None)
    return (StoredBackup.destination == VALIDATED) & (
        (StoredBackup.state == _SUPERSEDED) | (there & deleted)
    )


def _with_newer(query: Select[StoredBackup]) -> list[LeftCopy]:
    rows = db.session.scalars(query).all()
    newer = _standing_of(sorted({r.expected_job_id for r in rows if r.job.deleted_at is None}))
    return [LeftCopy(row, newer.get(row.expected_job_id)) for row in rows]


def _standing_of(job_ids: Sequence[int]) -> dict[int, StoredBackup]:
    """The copy of each job that stands at its path."""
    found: dict[int, StoredBackup] = {}
    for start in range(0, len(job_ids), _BATCH):
        query = select(StoredBackup).where(
            StoredBackup.expected_job_id.in_(job_ids[start : start + _BATCH]),
            StoredBackup.destination == VALIDATED,
            StoredBackup.state == _STORED,
        )
        found.update((row.expected_job_id, row) for row in db.session.scalars(query))
    return found


def _delete(scan: Scan, entry_id: int, operator: Operator) -> StoredBackup:
    db.session.rollback()
    if scan.roots.validated is None:
        raise scan.faults[0]
    begin_write()
    job_id = _find(entry_id).row.expected_job_id
    # From here on no verdict on the job is entered, so no file sets out for one of its paths.
    lock_jobs([job_id])
    copy = _find(entry_id)
    _refuse_while_moving(job_id)
    _refuse_the_last(scan.roots.validated, copy)
    row = copy.row
    before = {"state": row.state, "path": row.path, "sha256": row.sha256}
    row.state = StoredState.REMOVED.value
    after = {"state": row.state, "reason": operator.reason}
    record_acts([Act(_DELETE, "entry", entry_id, before, after)], operator.name, scan.real_now)
    db.session.flush()
    remove_at(scan.roots.validated, tuple(row.path.split("/")))
    # Killed here it is still listed, and may be deleted again.
    failpoint("copies.removed")
    db.session.commit()
    log.info(_DELETE, entry=entry_id, job=row.expected_job_id, actor=operator.name)
    return row


def _find(entry_id: int) -> LeftCopy:
    query = _query().where(StoredBackup.entry_id == entry_id)
    found = _with_newer(query.execution_options(populate_existing=True))
    if not found:
        raise NotFoundError(
            f"entry {entry_id} has no copy that was left behind", "flask copies list shows those"
        )
    return found[0]


def _refuse_while_moving(job_id: int) -> None:
    """A file on its way may take the very place of this one at any moment."""
    moving = (
        StoredBackup.expected_job_id == job_id,
        StoredBackup.state == StoredState.MOVING.value,
    )
    if db.session.scalar(select(StoredBackup.id).where(*moving).limit(1)) is not None:
        raise RefusedError(
            phrase("a newer copy of the same job is on its way"),
            phrase("try again in a moment"),
        )


def _refuse_the_last(validated: int, copy: LeftCopy) -> None:
    """What the database says of the newer copy is not believed: it is looked for."""
    if copy.row.job.deleted_at is not None:
        return
    newer = copy.newer
    if newer is None or size_at(validated, tuple(newer.path.split("/"))) != newer.size:
        raise RefusedError(
            phrase("it may be the last good copy of %(job)s", job=copy.row.job.title),
            phrase("wait until a newer one stands, or delete the job first"),
        )
