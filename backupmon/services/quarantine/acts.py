"""What an operator does with quarantined files: accept a changed one, or delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.core.errors import NotFoundError
from backupmon.core.phrases import phrase
from backupmon.extensions import begin_write, db
from backupmon.models import BackupEntry, StoredBackup, StoredState
from backupmon.services.audit import Act, record_acts
from backupmon.services.context import Scan
from backupmon.services.job_state import lock_jobs
from backupmon.services.judging import note_success
from backupmon.services.locking import ScanLock
from backupmon.services.outbox import tell_verdicts
from backupmon.services.promotion import VALIDATED, final_path
from backupmon.services.quarantine.obstacles import NotAcceptableError, Obstacle, obstacle_to
from backupmon.services.quarantine.past import ACCEPT, DELETE
from backupmon.services.recovery import recover
from backupmon.services.scanning import ScanOptions, prepare_scan
from backupmon.storage.faults import ServerFault
from backupmon.storage.placing import hash_at, remove_at
from backupmon.storage.quarantine import forget_quarantined

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acts, and what they give as the reason."""

    name: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What came of deleting several files.

    Parameters
    ----------
    files, size:
        How many were deleted, and their bytes.
    gone:
        How many lay there no longer: somebody else was faster.
    fault:
        Why the others were not; None where all were.
    """

    files: int
    size: int
    gone: int
    fault: ServerFault | None = None


def accept_quarantined(settings: Settings, entry_id: int, operator: Operator) -> StoredBackup:
    """Accept a file that changed though it must not: it is promoted, and the new baseline.

    It is read once more, since it may have lain there for long.

    Raises
    ------
    NotFoundError
        When nothing of that entry lies in quarantine.
    NotAcceptableError
        When it is damaged, no longer what was judged, or a newer copy stands.
    ServerFault
        When it cannot be read.
    ScanRunningError
        While a scan is running.
    """
    with at_work(settings) as scan:
        row = _find(entry_id)
        _refuse_unless_acceptable(row)
        _refuse_unless_unchanged(scan, row)
        # Not before now: others would have to wait with what they write until it is read.
        db.session.rollback()
        begin_write()
        row = _find(entry_id)
        lock_jobs([row.expected_job_id])
        _refuse_unless_acceptable(row)
        _turn_round(scan, row, operator)
        db.session.commit()
        # From here on it is a file on its way, which a scan would finish as well.
        recover(scan)
    return row


def delete_quarantined(settings: Settings, entry_id: int, operator: Operator) -> StoredBackup:
    """Delete a quarantined file; its entry and its findings stay.

    Raises
    ------
    NotFoundError
        When nothing of that entry lies in quarantine.
    ServerFault
        When it cannot be deleted.
    ScanRunningError
        While a scan is running.
    """
    with at_work(settings) as scan:
        return _delete(scan, entry_id, operator)


def delete_several(settings: Settings, entry_ids: Sequence[int], operator: Operator) -> Deleted:
    """Delete several quarantined files, each as `delete_quarantined`, until one cannot be.

    Raises
    ------
    ScanRunningError
        While a scan is running.
    """
    files = size = gone = 0
    fault = None
    with at_work(settings) as scan:
        for entry_id in entry_ids:
            try:
                size += _delete(scan, entry_id, operator).size
                files += 1
            except NotFoundError:
                gone += 1
            except ServerFault as error:
                fault = error
                break
    return Deleted(files, size, gone, fault)


@contextmanager
def at_work(settings: Settings) -> Iterator[Scan]:
    """What a scan works with, and its lock.

    Raises
    ------
    ScanRunningError
        While a scan is running.
    """
    with ScanLock(settings):
        now = datetime.now(UTC)
        scan = prepare_scan(settings, ScanOptions(), now, now)
        try:
            yield scan
        finally:
            db.session.rollback()
            scan.roots.close()


def _find(entry_id: int) -> StoredBackup:
    query = select(StoredBackup).where(
        StoredBackup.entry_id == entry_id, StoredBackup.state == StoredState.QUARANTINED.value
    )
    row = db.session.scalar(query)
    if row is None:
        raise NotFoundError(
            f"nothing of entry {entry_id} lies in quarantine", "flask quarantine list shows it"
        )
    return row


def _delete(scan: Scan, entry_id: int, operator: Operator) -> StoredBackup:
    db.session.rollback()
    begin_write()
    row = _find(entry_id)
    lock_jobs([row.expected_job_id])
    if scan.roots.quarantine is None:
        raise scan.faults[0]
    row.state = StoredState.REMOVED.value
    _record(row, operator, DELETE, scan.real_now)
    remove_at(scan.roots.quarantine, tuple(row.path.split("/")))
    forget_quarantined(scan.roots.quarantine, entry_id)
    db.session.commit()
    return row


def _refuse_unless_acceptable(row: StoredBackup) -> None:
    obstacle = obstacle_to(row)
    if obstacle is not None:
        raise obstacle


def _refuse_unless_unchanged(scan: Scan, row: StoredBackup) -> None:
    """A rename promotes unread what somebody may have removed, cut or overwritten meanwhile."""
    if scan.roots.quarantine is None:
        raise scan.faults[0]
    found = hash_at(scan.roots.quarantine, tuple(row.path.split("/")))
    if found is None:
        raise NotAcceptableError(
            Obstacle.GONE,
            phrase("QUARANTINE_ROOT/%(path)s is not there: somebody removed it", path=row.path),
            phrase("delete it here too, and let the agent send it again"),
        )
    if found != (row.size, row.sha256):
        raise NotAcceptableError(
            Obstacle.ALTERED,
            phrase("QUARANTINE_ROOT/%(path)s is no longer the file that was judged", path=row.path),
            phrase("let the agent send it again; you may delete this one"),
        )


def _turn_round(scan: Scan, row: StoredBackup, operator: Operator) -> None:
    """The row says ``moving`` again, now to the validated area."""
    entry: BackupEntry = row.entry
    path, why_not = final_path(scan, entry)
    if path is None:
        raise NotAcceptableError(
            Obstacle.PLACE,
            phrase("it cannot be promoted: %(problem)s", problem=why_not),
            phrase("free the path first"),
        )
    entry.accepted_at = scan.real_now
    row.destination, row.state = VALIDATED, StoredState.MOVING.value
    row.path = "/".join(path)
    row.path_key = row.path.lower()
    note_success(entry)
    tell_verdicts(scan.settings, [entry], scan.real_now)
    _record(row, operator, ACCEPT, scan.real_now)


def _record(row: StoredBackup, operator: Operator, action: str, now: datetime) -> None:
    after = {"path": row.path, "state": row.state, "reason": operator.reason}
    before = {"state": StoredState.QUARANTINED.value, "sha256": row.sha256}
    record_acts([Act(action, "entry", row.entry_id, before, after)], operator.name, now)
    log.info(action, entry=row.entry_id, job=row.expected_job_id, actor=operator.name)
