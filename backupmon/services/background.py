"""Scans in the background: the same steps as ``flask scan``, with the verifying handed over."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache

import structlog
from redis import Redis
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import BackupEntry, ScanRun
from backupmon.models.columns import iso
from backupmon.queue import (
    QueueDownError,
    answering,
    connect,
    deliver_at,
    enqueue_delivery,
    enqueue_scan,
    enqueue_verifications,
    forget_verifications,
    scan_again_at,
    verify_later,
)
from backupmon.services.conditions import note_conditions
from backupmon.services.context import Scan, Watch
from backupmon.services.delivery import Delivery, deliver_alerts
from backupmon.services.leases import drop_leases
from backupmon.services.locking import ScanRunningError
from backupmon.services.scanning import (
    ScanOptions,
    ScanResult,
    open_scan,
    run_scan,
    tell_of_life,
)
from backupmon.services.siblings import BAD_NEWS_WAIT
from backupmon.services.taking import Found, take_one
from backupmon.services.verification import verify_taken

log = structlog.get_logger()

#: How long to wait for another process that works on what must come before, or for a scan.
_SOON = timedelta(seconds=5)


@cache
def _connection(url: str) -> Redis:
    return connect(url)


def queue_of(settings: Settings) -> Redis:
    """The connection to the queue; it is not tried here."""
    return _connection(settings.queue_url)


def request_scan(
    settings: Settings, as_of: datetime | None = None, agent: str | None = None
) -> None:
    """Ask for a scan in the background; asked for during one, one more follows.

    Raises
    ------
    QueueDownError
    """
    with answering():
        enqueue_scan(queue_of(settings), iso(as_of), agent)


def scan_in_background(
    settings: Settings, as_of: datetime | None = None, agent: str | None = None
) -> ScanResult | None:
    """Do one scan whose entries are verified by others; None when another one is running.

    Then one more is arranged, which will see what this one was asked for.
    """
    redis = queue_of(settings)
    try:
        result = _scan(settings, as_of, agent)
    except ScanRunningError as error:
        log.info("scan.running", since=error.since, follows=True)
        with suppress(QueueDownError), answering():
            scan_again_at(redis, datetime.now(UTC) + _SOON, iso(as_of), agent)
        return None
    return result


def scan_if_due(settings: Settings) -> ScanResult | None:
    """The periodic scan; None when another one is running, or was begun just now.

    After a long wait on the queue several may stand there: the first does the work of all.
    One that began later than now, by a clock that has been set back since, does nobody's.
    """
    now = datetime.now(UTC)
    lately = now - timedelta(minutes=settings.scanner_interval_minutes) / 2
    query = select(ScanRun.id).where(
        ScanRun.agent.is_(None),
        ScanRun.state == "done",
        ScanRun.started_at.between(lately, now),
        # A trial with --as-of has judged another moment.
        ScanRun.moment == ScanRun.started_at,
    )
    begun = db.session.scalar(query.limit(1))
    db.session.rollback()
    if begun is not None:
        log.info("scan.not_due", scan=begun)
        return None
    try:
        return _scan(settings, None, None)
    except ScanRunningError as error:
        log.info("scan.running", since=error.since, follows=False)
        return None


def _scan(settings: Settings, as_of: datetime | None, agent: str | None) -> ScanResult:
    redis = queue_of(settings)
    options = ScanOptions(as_of, agent)
    result = run_scan(settings, options, hand_over=lambda ids: _give(redis, ids, as_of))
    _look_again(redis, result.look_again_at)
    _tell(redis, as_of)
    tell_of_life(settings, options, result)
    return result


def _give(redis: Redis, entry_ids: Sequence[int], as_of: datetime | None) -> None:
    try:
        with answering():
            enqueue_verifications(redis, entry_ids, iso(as_of))
    except QueueDownError as error:
        # They stay PENDING in the database, and the next scan enqueues them.
        log.warning("queue.down", entries=len(entry_ids), reason=error.message)


def _look_again(redis: Redis, moment: datetime | None) -> None:
    """Arrange the next look at what has to wait; where that fails, the periodic scan looks."""
    if moment is not None:
        with suppress(QueueDownError), answering():
            scan_again_at(redis, moment)


def verify_entry(settings: Settings, entry_id: int, as_of: datetime | None, watch: Watch) -> Found:
    """Verify an entry, and what has to be verified with it; quietly nothing where that is done.

    Parameters
    ----------
    as_of:
        The moment to judge as of; None is now.
    watch:
        Who looks on while files are read, and may end it.
    """
    redis = queue_of(settings)
    if watch.stopping():
        _give(redis, [entry_id], as_of)
        return Found.BLOCKED
    found, ids = take_one(entry_id)
    if found is Found.BLOCKED:
        with suppress(QueueDownError), answering():
            verify_later(redis, entry_id, datetime.now(UTC) + _SOON, iso(as_of))
    if found is not Found.TAKEN:
        log.info("verification.left", entry=entry_id, reason=found.value)
        return found
    looked = False
    try:
        if len(ids) > 1:
            with suppress(QueueDownError), answering():
                forget_verifications(redis, ids)
        _verify(settings, ids, as_of, watch, redis)
        looked = not watch.stopping()
    finally:
        db.session.rollback()
        # What was broken off may not have met again what it met before.
        drop_leases(ids, looked=looked)
    if watch.stopping():
        _give(redis, _still_pending(ids), as_of)
    return found


def _verify(
    settings: Settings, ids: Sequence[int], as_of: datetime | None, watch: Watch, redis: Redis
) -> None:
    started_at = datetime.now(UTC)
    scan: Scan = open_scan(settings, ScanOptions(as_of), started_at, as_of or started_at)
    scan.watch = watch
    try:
        verify_taken(scan, ids)
        note_conditions(scan)
    finally:
        scan.roots.close()
    _look_again(redis, scan.look_again_at)
    if scan.concluded or scan.faults:
        _tell(redis, as_of)


def _tell(redis: Redis, as_of: datetime | None) -> None:
    """Let what waits in the outbox be sent; where that fails, the next scan asks again."""
    with suppress(QueueDownError), answering():
        enqueue_delivery(redis, iso(as_of))


def deliver_in_background(settings: Settings, as_of: datetime | None = None) -> Delivery:
    """Send what waits; what waits for its siblings to be judged has its turn within a minute.

    The verdict on the last of them asks for a delivery too; this is for those that take hours.
    """
    result = deliver_alerts(settings, as_of or datetime.now(UTC), together=True)
    if result.held:
        with suppress(QueueDownError), answering():
            deliver_at(queue_of(settings), datetime.now(UTC) + BAD_NEWS_WAIT, iso(as_of))
    return result


def _still_pending(ids: Sequence[int]) -> list[int]:
    query = select(BackupEntry.id).where(
        BackupEntry.id.in_(ids), BackupEntry.status == Status.PENDING.value
    )
    return list(db.session.scalars(query))
