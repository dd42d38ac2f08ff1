"""Delivery: what waits in the outbox is sent, one message per person.

A message is leased, marked as handed over, sent, and marked as sent: a process that dies between
the last two sends it once more, under the same Message-ID. Tries are spaced by the scan's clock,
leases go by the database's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import structlog
from flask_mail import Message
from sqlalchemy import ColumnElement, func, select, true, update

from backupmon.config import Settings
from backupmon.core.alert_policy import AlertKind, side_of
from backupmon.core.alert_timing import (
    EXPIRES_AFTER,
    FIRST_RETRY,
    GATHER_FOR,
    is_held,
    may_try,
    retry_after,
    retry_in_outage,
)
from backupmon.core.errors import BackupmonError
from backupmon.core.words import to_translate
from backupmon.extensions import begin_write, db
from backupmon.models import (
    MAIL,
    Alert,
    AlertMessage,
    AlertState,
    ExpectedBackupJob,
    MessageState,
)
from backupmon.services.audit import Act, record_acts
from backupmon.services.channel_delivery import deliver_to_channels
from backupmon.services.conditions import (
    MAIL_DOWN,
    SeenBy,
    begin_condition,
    end_condition,
    open_condition,
)
from backupmon.services.digest.due import enter_digests
from backupmon.services.leases import database_now, is_void
from backupmon.services.mail_server import (
    MailLostError,
    MailRefusedError,
    MailServerError,
    mail_server,
    new_header_id,
)
from backupmon.services.mails import compose
from backupmon.services.message_leases import lease_next, write_and_free
from backupmon.services.siblings import ready
from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import ServerFault
from backupmon.storage.locks import this_process

log = structlog.get_logger()

#: Longer than one message can take, with every answer as late as it may be.
LEASE_FOR = timedelta(minutes=10)
#: A server that takes its time must not hold a scan, or a worker, for ever.
LONGEST_RUN = timedelta(minutes=5)
#: Any number but those of other locks will do ("mail" in ASCII).
_ALONE = 0x6D61696C
#: The states of messages that are still to be sent.
UNSENT = (MessageState.OPEN.value, MessageState.HANDED_OVER.value)
_WAITING = AlertState.WAITING.value
_SUBJECT = "mail"
#: What is to go by mail; channels have a delivery of their own.
_UNSENT_MAIL = AlertMessage.state.in_(UNSENT) & (AlertMessage.destination == MAIL)


@dataclass(slots=True)
class Delivery:
    """What a delivery did: messages sent, messages refused, and why the server takes none."""

    sent: int = 0
    refused: int = 0
    error: BackupmonError | None = None
    #: Something waits for its siblings to be judged.
    held: bool = False


def deliver_alerts(
    settings: Settings,
    now: datetime,
    *,
    together: bool = False,
    longest: timedelta = LONGEST_RUN,
) -> Delivery:
    """Send what waits, as far as it can be sent; whatever happens, nothing is raised.

    Parameters
    ----------
    now:
        The scan's moment, by which tries are spaced and news grow old.
    together:
        News wait for their siblings, since others are judging those.
    longest:
        After so long no further mail is begun: the rest waits for the next delivery.
    """
    _enter_digests(settings, now)
    try:
        result = _deliver(settings, now, longest, together=together)
    except Exception as error:
        # A verdict stands whether or not it could be told of.
        db.session.rollback()
        log.exception("alerts.failed")
        result = Delivery(error=BackupmonError(f"alerts could not be sent: {error!r}"))
    by_channels = deliver_to_channels(settings, now, together=together)
    result.held = result.held or by_channels.held
    result.sent += by_channels.sent
    result.refused += by_channels.failed
    return result


def _enter_digests(settings: Settings, now: datetime) -> None:
    try:
        enter_digests(settings, now)
    except Exception:
        # Alerts go out whatever becomes of digests.
        db.session.rollback()
        log.exception("digests.failed")


def _deliver(settings: Settings, now: datetime, longest: timedelta, *, together: bool) -> Delivery:
    result = Delivery()
    _tidy(now)
    if settings.mail_server is None:
        db.session.commit()
        # What is not there cannot be down.
        end_condition(settings, MAIL_DOWN, _SUBJECT)
        return result
    told = ready(now) if together else true()
    result.held = _is_any_held(told)
    _open_messages(settings, now, told)
    due = _is_any_due(now)
    db.session.commit()
    if not due and not _is_outage_unwatched():
        return result
    try:
        with mail_server(settings) as server:
            _send_all(
                settings, server, _Run(now, told, monotonic() + longest.total_seconds()), result
            )
    except MailServerError as error:
        log.warning("mail.down", reason=error.message)
        result.error = error
        fault = ServerFault(MAIL_DOWN, _SUBJECT, error.message, error.hint)
        begin_condition(settings, fault, SeenBy.DELIVERY)
        _put_off(settings, now, error)
    return result


@dataclass(slots=True)
class _Run:
    """One delivery: its moment, which alerts are ready to be told, and until when it may go on."""

    now: datetime
    ready: ColumnElement[bool]
    end: float
    tried: list[int] = field(default_factory=list)


def _send_all(settings: Settings, server: Any, run: _Run, result: Delivery) -> None:
    lost: MailLostError | None = None
    while monotonic() < run.end and (message := _next(settings, run)) is not None:
        run.tried.append(message.id)
        try:
            _send(settings, server, message, run.now, result)
        except MailLostError as error:
            # One mail that it stumbles over is no dead server, as long as it takes others.
            if lost is not None:
                raise
            lost = error
    if lost is not None and not result.sent:
        raise lost


def _next(settings: Settings, run: _Run) -> AlertMessage | None:
    message = _take(run)
    if message is None and not run.tried and _note_up(settings):
        message = _take(run)
    return message


def _send(
    settings: Settings, server: Any, message: AlertMessage, now: datetime, result: Delivery
) -> None:
    mail = _written(settings, message, now)
    if mail is None:
        result.refused += 1
        return
    interval = timedelta(minutes=settings.scanner_interval_minutes)
    try:
        server.deliver(mail)
    except MailRefusedError as error:
        log.warning("alert.refused", recipient=message.recipient, reason=error.message)
        _note_up(settings)
        _give_back(message, now, error.message)
        result.refused += 1
    except MailLostError as error:
        _keep(message, now, error.message, interval)
        raise
    except MailServerError as error:
        _give_back(message, now, error.message, interval)
        raise
    else:
        failpoint("delivery.sent")
        _mark_sent(message, now, str(mail.subject))
        _note_up(settings)
        result.sent += 1


def _tidy(now: datetime) -> None:
    """What has grown too old, and what concerns jobs that are paused, is not sent."""
    begin_write(alone=_ALONE)
    waiting = Alert.state == _WAITING
    silent = select(ExpectedBackupJob.id).where(
        ExpectedBackupJob.is_active.is_(False) | ExpectedBackupJob.deleted_at.is_not(None)
    )
    free = waiting & Alert.message_id.is_(None)
    paused = {"state": AlertState.WITHDRAWN.value, "note": to_translate("the job is paused")}
    _run(update(Alert).where(free, Alert.job_id.in_(silent)).values(paused))
    old = Alert.raised_at < now - EXPIRES_AFTER
    _run(update(Alert).where(waiting, old).values(state=AlertState.EXPIRED.value))


def _is_any_held(ready: ColumnElement[bool]) -> bool:
    query = select(Alert.id).where(
        *(Alert.state == _WAITING, Alert.message_id.is_(None), Alert.destination == MAIL),
        *(Alert.kind != AlertKind.DIGEST.value, ~ready),
    )
    return db.session.scalars(query.limit(1)).first() is not None


def _open_messages(settings: Settings, now: datetime, ready: ColumnElement[bool]) -> None:
    """Have a message for each person who is to be told something by now."""
    rows = db.session.execute(
        select(Alert.recipient_key, func.min(Alert.recipient), Alert.agent_key, Alert.kind)
        .where(
            Alert.state == _WAITING, Alert.message_id.is_(None), Alert.destination == MAIL, ready
        )
        .where(Alert.kind != AlertKind.DIGEST.value)
        .group_by(Alert.recipient_key, Alert.agent_key, Alert.kind)
    ).all()
    if not rows:
        return
    under_way = set(
        db.session.scalars(
            select(AlertMessage.recipient_key).where(
                AlertMessage.state == MessageState.OPEN.value,
                AlertMessage.is_digest.is_(False),
                AlertMessage.destination == MAIL,
            )
        )
    )
    lately = _told_lately(now)
    wanted: dict[str, str] = {}
    for key, recipient, agent, kind in rows:
        if key not in under_way and not is_held(lately.get((key, agent, side_of(kind))), now):
            wanted.setdefault(key, recipient)
    next_try = _next_try_in_outage(now) if wanted else None
    for key, recipient in sorted(wanted.items()):
        db.session.add(
            AlertMessage(
                header_id=new_header_id(settings, "alert"),
                recipient=recipient,
                recipient_key=key,
                created_at=datetime.now(UTC),
                next_try_at=next_try,
            )
        )


def _next_try_in_outage(now: datetime) -> datetime | None:
    """When a server that takes no mail is tried next: new messages do not hurry that."""
    if open_condition(MAIL_DOWN, _SUBJECT) is None:
        return None
    times = db.session.scalars(select(AlertMessage.next_try_at).where(_UNSENT_MAIL))
    return min((moment for moment in times if moment and not may_try(moment, now)), default=None)


def _told_lately(now: datetime) -> dict[tuple[str, str, str], datetime]:
    """When each person was last told of each agent, within the time that news are gathered."""
    query = (
        select(Alert.recipient_key, Alert.agent_key, Alert.kind, func.max(Alert.sent_at))
        .where(
            Alert.state == AlertState.SENT.value,
            Alert.sent_at > now - GATHER_FOR,
            Alert.sent_at <= now,
            Alert.destination == MAIL,
        )
        .group_by(Alert.recipient_key, Alert.agent_key, Alert.kind)
    )
    found: dict[tuple[str, str, str], datetime] = {}
    for key, agent, kind, sent_at in db.session.execute(query):
        place = key, agent, side_of(kind)
        if sent_at is not None:
            found[place] = max(sent_at, found.get(place, sent_at))
    return found


def _is_any_due(now: datetime) -> bool:
    db.session.flush()
    times = db.session.scalars(select(AlertMessage.next_try_at).where(_UNSENT_MAIL))
    return any(may_try(moment, now) for moment in times)


def _is_outage_unwatched() -> bool:
    """Whether the server is said to be down, and nobody has looked lately.

    What waited for it may have expired, or another process may have sent it.
    """
    down = open_condition(MAIL_DOWN, _SUBJECT)
    db.session.commit()
    if down is None:
        return False
    return not timedelta(0) <= datetime.now(UTC) - down.last_seen_at < FIRST_RETRY


def _take(run: _Run) -> AlertMessage | None:
    """Lease the next message that is due, with all that it is to say."""
    begin_write(alone=_ALONE)
    unsent = (
        select(AlertMessage)
        .where(_UNSENT_MAIL, AlertMessage.id.not_in(run.tried))
        # What was tried last comes last: no mail that a server dies of holds up the others.
        .order_by(
            AlertMessage.last_tried_at.is_not(None), AlertMessage.last_tried_at, AlertMessage.id
        )
    )
    return lease_next(unsent, run.now, LEASE_FOR, lambda message: _fill(message, run.ready))


def _fill(message: AlertMessage, ready: ColumnElement[bool]) -> bool:
    """Let an open message say all that waits for its recipient; whether there is anything.

    What was handed over already stays as it is.
    """
    mine = Alert.message_id == message.id
    if message.state == MessageState.OPEN.value:
        mine = Alert.message_id.is_(None) & (Alert.recipient_key == message.recipient_key) & ready
    query = (
        select(Alert.id)
        .where(mine, Alert.state == _WAITING, Alert.destination == message.destination)
        .where((Alert.kind == AlertKind.DIGEST.value) == message.is_digest)
        .order_by(Alert.id)
        .with_for_update()
    )
    ids = list(db.session.scalars(query))
    _run(update(Alert).where(Alert.id.in_(ids)).values(message_id=message.id))
    return bool(ids)


def _written(settings: Settings, message: AlertMessage, now: datetime) -> Message | None:
    """The mail; None, and put off, where it cannot be written: others shall not suffer for it."""
    try:
        mail = compose(settings, message, now)
    except Exception as error:
        db.session.rollback()
        log.exception("alert.unwritten", message=message.id)
        _give_back(message, now, f"it cannot be written: {error!r}")
        return None
    # Ends the reading: no transaction stays open while the server takes its time.
    db.session.commit()
    return mail


def _mark_sent(message: AlertMessage, now: datetime, subject: str) -> None:
    begin_write()
    mine = Alert.message_id == message.id
    _run(update(Alert).where(mine).values(sent_at=now))
    told = mine & (Alert.state == _WAITING)
    _run(update(Alert).where(told).values(state=AlertState.SENT.value))
    values = {"state": MessageState.SENT.value, "sent_at": now, "subject": subject}
    write_and_free(
        message, attempts=message.attempts + 1, next_try_at=None, last_error="", **values
    )
    db.session.commit()
    log.info("alert.sent", message=message.id, recipient=message.recipient)


def _give_back(
    message: AlertMessage, now: datetime, error: str, interval: timedelta | None = None
) -> None:
    """It was not taken: what it was to say is free for the next try."""
    begin_write()
    waiting = (Alert.message_id == message.id) & (Alert.state == _WAITING)
    _run(update(Alert).where(waiting).values(message_id=None))
    _try_again(message, now, error, interval, state=MessageState.OPEN.value)
    db.session.commit()


def _keep(message: AlertMessage, now: datetime, error: str, interval: timedelta) -> None:
    """It may have been taken: it will be sent again just as it is."""
    begin_write()
    _try_again(message, now, error, interval, state=MessageState.HANDED_OVER.value)
    db.session.commit()


def _try_again(
    message: AlertMessage, now: datetime, error: str, interval: timedelta | None, **values: Any
) -> None:
    """Put a message off; `interval` is that of scans, where the server is to blame."""
    attempts = message.attempts + 1
    wait = retry_after(attempts) if interval is None else retry_in_outage(attempts, interval)
    write_and_free(message, attempts=attempts, next_try_at=now + wait, last_error=error, **values)


def _put_off(settings: Settings, now: datetime, error: BackupmonError) -> None:
    """The server is dead: all that was due is put off together."""
    begin_write(alone=_ALONE)
    interval = timedelta(minutes=settings.scanner_interval_minutes)
    clock, me = database_now(), this_process()
    query = select(AlertMessage).where(_UNSENT_MAIL)
    for message in db.session.scalars(query.execution_options(populate_existing=True)):
        if may_try(message.next_try_at, now) and is_void(message, me, clock):
            _try_again(message, now, error.message, interval)
    db.session.commit()


def _note_up(settings: Settings) -> bool:
    """The server takes mail: what was put off for its sake is due at once; whether it was down."""
    if not end_condition(settings, MAIL_DOWN, _SUBJECT):
        return False
    begin_write(alone=_ALONE)
    _run(update(AlertMessage).where(_UNSENT_MAIL).values(next_try_at=None))
    db.session.commit()
    return True


def retry_alerts(
    actor: str, moment: datetime, recipients: Iterable[str] = (), message_id: int | None = None
) -> int:
    """Let messages that wait for their next try be due at once; gives how many there are.

    Parameters
    ----------
    moment:
        Of the act, for the audit log.
    recipients, message_id:
        Whose, or which one; none means everybody's.
    """
    begin_write(alone=_ALONE)
    query = select(AlertMessage).where(AlertMessage.state.in_(UNSENT))
    keys = [address.lower() for address in recipients]
    if keys:
        query = query.where(AlertMessage.recipient_key.in_(keys))
    if message_id is not None:
        query = query.where(AlertMessage.id == message_id)
    found = db.session.scalars(query).all()
    for message in found:
        message.next_try_at = None
    acts = [Act("alerts.retry", "alert_message", m.id, None, {"to": m.recipient}) for m in found]
    record_acts(acts, actor, moment)
    db.session.commit()
    return len(found)


def _run(statement: Any) -> None:
    db.session.execute(statement.execution_options(synchronize_session=False))
