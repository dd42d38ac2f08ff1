"""What an operator does with quarantined files: look, accept a changed one, delete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from backupmon.config import Settings
from backupmon.core.errors import NotFoundError, RefusedError
from backupmon.core.statuses import Status
from backupmon.core.words import human_time
from backupmon.extensions import begin_write, db
from backupmon.models import BackupEntry, StoredBackup, StoredState
from backupmon.services.audit import Act, record_acts
from backupmon.services.context import Scan
from backupmon.services.job_state import lock_jobs
from backupmon.services.judging import note_success
from backupmon.services.locking import ScanLock
from backupmon.services.outbox import tell_verdicts
from backupmon.services.promotion import VALIDATED, final_path
from backupmon.services.recovery import recover
from backupmon.services.scanning import ScanOptions, prepare_scan
from backupmon.storage.placing import remove_at
from backupmon.storage.quarantine import forget_quarantined

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acts, and what they give as the reason."""

    name: str
    reason: str = ""


def list_quarantined() -> Sequence[StoredBackup]:
    """What lies in quarantine, the newest first, with entry and job."""
    query = (
        select(StoredBackup)
        .where(StoredBackup.state == StoredState.QUARANTINED.value)
        .options(joinedload(StoredBackup.entry), joinedload(StoredBackup.job))
        .order_by(StoredBackup.id.desc())
    )
    return db.session.scalars(query).all()


def accept_quarantined(settings: Settings, entry_id: int, operator: Operator) -> StoredBackup:
    """Accept a file that changed though it must not: it is promoted, and the new baseline.

    Raises
    ------
    NotFoundError
        When nothing of that entry lies in quarantine.
    RefusedError
        When it is damaged, or a newer copy stands.
    ScanRunningError
        While a scan is running.
    """
    with _at_work(settings) as scan:
        row = _find(entry_id)
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
    with _at_work(settings) as scan:
        row = _find(entry_id)
        if scan.roots.quarantine is None:
            raise scan.faults[0]
        row.state = StoredState.REMOVED.value
        _record(row, operator, "quarantine.delete", scan.real_now)
        remove_at(scan.roots.quarantine, tuple(row.path.split("/")))
        forget_quarantined(scan.roots.quarantine, entry_id)
        db.session.commit()
    return row


@contextmanager
def _at_work(settings: Settings) -> Iterator[Scan]:
    """What a scan works with, and its lock, within a transaction that will write."""
    with ScanLock(settings):
        now = datetime.now(UTC)
        scan = prepare_scan(settings, ScanOptions(), now, now)
        try:
            begin_write()
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
    lock_jobs([row.expected_job_id])
    return row


def _refuse_unless_acceptable(row: StoredBackup) -> None:
    status = row.entry.status
    if status not in (Status.HASH_MISMATCH.value, Status.SUCCESS.value):
        raise RefusedError(
            f"the file of entry {row.entry_id} did not arrive whole ({status}): "
            "a damaged file is never promoted",
            "ask the agent to send it again; you may delete this one",
        )
    newer = db.session.scalar(
        select(StoredBackup).where(
            StoredBackup.expected_job_id == row.expected_job_id,
            StoredBackup.state == StoredState.STORED.value,
            StoredBackup.report_end_at > row.report_end_at,
        )
    )
    if newer is not None:
        raise RefusedError(
            f"a newer copy of {row.job.title} stands, of {human_time(newer.report_end_at)}",
            "accept a file before the next good one arrives, or let the agent send it again",
        )


def _turn_round(scan: Scan, row: StoredBackup, operator: Operator) -> None:
    """The row says ``moving`` again, now to the validated area."""
    entry: BackupEntry = row.entry
    path, why_not = final_path(scan, entry)
    if path is None:
        raise RefusedError(f"it cannot be promoted: {why_not}", "free the path first")
    entry.accepted_at = scan.real_now
    row.destination, row.state = VALIDATED, StoredState.MOVING.value
    row.path = "/".join(path)
    row.path_key = row.path.lower()
    note_success(entry)
    tell_verdicts(scan.settings, [entry], scan.real_now)
    _record(row, operator, "quarantine.accept", scan.real_now)


def _record(row: StoredBackup, operator: Operator, action: str, now: datetime) -> None:
    after = {"path": row.path, "state": row.state, "reason": operator.reason}
    before = {"state": StoredState.QUARANTINED.value, "sha256": row.sha256}
    record_acts([Act(action, "entry", row.entry_id, before, after)], operator.name, now)
    log.info(action, entry=row.entry_id, job=row.expected_job_id, actor=operator.name)
