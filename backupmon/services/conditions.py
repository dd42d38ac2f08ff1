"""Server conditions: noted while a scan goes on, recorded at its end, ended when gone."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy import func, select

from backupmon.config import Settings
from backupmon.core.codes import ConditionCode
from backupmon.core.phrases import Phrase, phrase
from backupmon.core.statuses import Status
from backupmon.extensions import begin_write, db
from backupmon.models import BackupEntry, ScanRun, ServerCondition, StoredBackup, StoredState
from backupmon.services.context import Scan
from backupmon.services.outbox import tell_conditions
from backupmon.storage.faults import ServerFault

log = structlog.get_logger()

#: Any number but those of other locks will do ("cond" in ASCII).
_ALONE = 0x636F6E64
#: An entry should not wait, nor a file be on its way, for longer than this.
STUCK_AFTER = timedelta(hours=1)


class SeenBy(StrEnum):
    """Which part meets a condition, and so can say that it is gone."""

    #: Intake, recovery, and what is found overdue.
    SCAN = "scan"
    #: Measuring and putting away, wherever that is done.
    VERIFY = "verify"
    #: Those that ask for the queue.
    BACKGROUND = "background"
    #: Delivery of alerts.
    DELIVERY = "delivery"


#: The mail server takes nothing.
MAIL_DOWN: ConditionCode = "mail.down"
#: A report that is being written. Nothing is wrong with that until it lasts.
SETTLING: ConditionCode = "report.settling"


def open_conditions(now: datetime) -> list[ServerCondition]:
    """What is wrong with the server at `now`, the newest first."""
    return [
        condition
        for condition in _all_open()
        if condition.code != SETTLING or now - condition.started_at >= STUCK_AFTER
    ]


def _all_open() -> list[ServerCondition]:
    query = select(ServerCondition).where(ServerCondition.ended_at.is_(None))
    return list(db.session.scalars(query.order_by(ServerCondition.started_at.desc())))


def settling_since(agent: str) -> datetime | None:
    """Since when scan after scan has found a report of the agent unfinished."""
    query = select(ServerCondition.started_at).where(
        ServerCondition.code == SETTLING,
        ServerCondition.subject == agent,
        ServerCondition.ended_at.is_(None),
    )
    return db.session.scalar(query)


def note_stuck(scan: Scan) -> None:
    """Note entries that have been PENDING, and files that have been moving, for too long.

    A wait within the job's own deadline is no trouble of the server.
    """
    since = scan.real_now - STUCK_AFTER
    pending = db.session.execute(
        select(BackupEntry.id, BackupEntry.created_at, BackupEntry.cycle_deadline_at).where(
            BackupEntry.status == Status.PENDING.value, BackupEntry.created_at < since
        )
    )
    for entry_id, created_at, deadline in pending:
        if deadline < scan.now:
            told = phrase(
                "entry %(entry)s has waited for its verdict for %(age)s",
                entry=str(entry_id),
                age=scan.real_now - created_at,
            )
            scan.note(_stuck("entry.stuck", entry_id, told))
    moving = db.session.execute(
        select(StoredBackup.entry_id, StoredBackup.created_at).where(
            StoredBackup.state == StoredState.MOVING.value, StoredBackup.created_at < since
        )
    )
    for entry_id, created_at in moving:
        told = phrase(
            "entry %(entry)s has a file on its way for %(age)s",
            entry=str(entry_id),
            age=scan.real_now - created_at,
        )
        scan.note(_stuck("file.stuck", entry_id, told))


def _stuck(code: ConditionCode, entry_id: int, told: Phrase) -> ServerFault:
    return ServerFault(
        code,
        f"entry {entry_id}",
        told,
        phrase("look for another server condition that holds it up, and at the log of the scans"),
    )


def record_conditions(scan: Scan, looked: Collection[SeenBy]) -> None:
    """Begin the conditions that this scan met, renew those it met again, end the others.

    Parameters
    ----------
    looked:
        Whose conditions the scan would have met again: it ends no others. A scan of one agent
        ends nothing, since it has not looked everywhere.
    """
    with scan.recording(_ALONE):
        rest = {(c.code, c.subject): c for c in _all_open()}
        for fault in scan.faults:
            known = rest.pop((fault.code, fault.subject[:512]), None)
            _begin_or_renew(scan, fault, known, SeenBy.SCAN)
        for condition in rest.values() if scan.agent is None else ():
            if condition.seen_by in looked:
                _end(condition, scan.real_now)
        tell_open(scan.settings, scan.now)


def end_outlived(scan: Scan) -> None:
    """End what others met while they verified, and did not meet again.

    Whatever is still true was met again since the last scan began, once all that waited then
    has been looked at: the database tells, whatever became of the queue.
    """
    began = _last_began()
    if began is None or _not_looked_at(began):
        return
    with scan.recording(_ALONE):
        for condition in _all_open():
            if condition.seen_by == SeenBy.VERIFY and condition.last_seen_at < began:
                _end(condition, scan.real_now)
        tell_open(scan.settings, scan.now)


def _last_began() -> datetime | None:
    scans = select(ScanRun.started_at).where(ScanRun.state == "done", ScanRun.agent.is_(None))
    return db.session.scalars(scans.order_by(ScanRun.id.desc()).limit(1)).first()


def _not_looked_at(since: datetime) -> bool:
    """Whether anything that waited at `since` is being verified, or has not been since then."""
    looked_at = func.coalesce(BackupEntry.looked_at, BackupEntry.created_at)
    waits = (BackupEntry.status == Status.PENDING.value) & (looked_at < since)
    worked_on = BackupEntry.lease_host.is_not(None)
    return any(
        db.session.scalars(select(BackupEntry.id).where(condition).limit(1)).first()
        for condition in (waits, worked_on)
    )


def note_conditions(scan: Scan) -> None:
    """Begin or renew what was met while verifying, apart from a scan; it ends nothing."""
    if not scan.faults:
        return
    with scan.recording(_ALONE):
        known = {(c.code, c.subject): c for c in _all_open()}
        for fault in scan.faults:
            found = known.get((fault.code, fault.subject[:512]))
            _begin_or_renew(scan, fault, found, SeenBy.VERIFY)
        tell_open(scan.settings, scan.now)


def tell_open(settings: Settings, now: datetime) -> None:
    """Let it be told what is wrong with the server, in the transaction that found it out.

    That no mail goes out is nothing to tell by mail.
    """
    db.session.flush()
    lasting = {c.id for c in open_conditions(datetime.now(UTC)) if c.code != MAIL_DOWN}
    tell_conditions(settings, lasting, now)


def begin_condition(settings: Settings, fault: ServerFault, seen_by: SeenBy) -> None:
    """Begin or renew one condition, apart from any scan."""
    begin_write(alone=_ALONE)
    now, known = datetime.now(UTC), open_condition(fault.code, fault.subject)
    if known is None:
        known = ServerCondition(
            code=fault.code, subject=fault.subject, seen_by=seen_by.value, started_at=now
        )
        db.session.add(known)
    known.message, known.hint, known.last_seen_at = fault.message, fault.hint, now
    tell_open(settings, now)
    db.session.commit()


def end_condition(settings: Settings, code: str, subject: str) -> bool:
    """End one condition, where it is open; as a rule that is one look at a small table."""
    if open_condition(code, subject) is None:
        return False
    begin_write(alone=_ALONE)
    known, now = open_condition(code, subject), datetime.now(UTC)
    if known is not None:
        _end(known, now)
    tell_open(settings, now)
    db.session.commit()
    return True


def open_condition(code: str, subject: str) -> ServerCondition | None:
    """The condition of that code and subject that lasts."""
    query = select(ServerCondition).where(
        ServerCondition.code == code,
        ServerCondition.subject == subject,
        ServerCondition.ended_at.is_(None),
    )
    return db.session.scalar(query)


def _end(condition: ServerCondition, now: datetime) -> None:
    condition.ended_at = now
    log.info("condition.ended", code=condition.code, subject=condition.subject)


def _begin_or_renew(
    scan: Scan, fault: ServerFault, known: ServerCondition | None, seen_by: SeenBy
) -> None:
    if fault.code != SETTLING:
        log.error("condition", code=fault.code, subject=fault.subject, message=fault.message)
    if known is not None:
        known.last_seen_at, known.message, known.hint = scan.real_now, fault.message, fault.hint
        if seen_by is SeenBy.VERIFY:
            # Even where a scan meets it too, only they can say that it is gone.
            known.seen_by = seen_by.value
        return
    db.session.add(
        ServerCondition(
            code=fault.code,
            subject=fault.subject[:512],
            message=fault.message,
            hint=fault.hint,
            seen_by=seen_by.value,
            started_at=scan.real_now,
            last_seen_at=scan.real_now,
        )
    )
