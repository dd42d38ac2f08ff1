"""Delivery: what waits in the outbox is sent, one message per person.

`messages` keeps the books; here is what a mail server does to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import structlog
from flask_mail import Message
from sqlalchemy import select, true, update

from backupmon.config import Settings
from backupmon.core.alert_timing import (
    FIRST_RETRY,
    may_try,
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
from backupmon.services.channel_delivery import deliver_to_channels
from backupmon.services.conditions import (
    MAIL_DOWN,
    SeenBy,
    begin_condition,
    end_condition,
    open_condition,
)
from backupmon.services.digest.due import enter_digests
from backupmon.services.lasting import is_too_old
from backupmon.services.mail_server import (
    LONGEST_CONNECTION,
    MailLostError,
    MailRefusedError,
    MailServerError,
    MailTextRefusedError,
    mail_server,
)
from backupmon.services.mails import compose
from backupmon.services.message_fates import (
    give_back,
    hurry,
    keep,
    lock_alerts,
    mark_sent,
    put_off,
    take_apart,
)
from backupmon.services.messages import ALONE, Round, Way, is_any_held, open_messages, take
from backupmon.services.siblings import ready
from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import ServerFault

log = structlog.get_logger()

#: A server that takes its time must not hold a scan, or a worker, for ever.
LONGEST_RUN = timedelta(minutes=5)
_SUBJECT = "mail"
#: Channels have a delivery of their own.
_BY_MAIL = Way(
    Alert.destination == MAIL,
    AlertMessage.destination == MAIL,
    id_begins="alert",
    # Two minutes for the look-up of a server's name, which nothing can break off.
    lease_for=timedelta(seconds=LONGEST_CONNECTION, minutes=2),
)


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
    round_ = Round(_BY_MAIL, now, told)
    result.held = is_any_held(round_)
    _begin_messages(settings, round_)
    due = _is_any_due(now)
    db.session.commit()
    if not due and not _is_outage_unwatched():
        return result
    try:
        with mail_server(settings) as server:
            # From when it is there: what it took to reach it is no mail's fault.
            round_.end = monotonic() + longest.total_seconds()
            _send_all(settings, server, round_, result)
    except MailServerError as error:
        log.warning("mail.down", reason=error.message)
        result.error = error
        fault = ServerFault(MAIL_DOWN, _SUBJECT, error.message, error.hint)
        begin_condition(settings, fault, SeenBy.DELIVERY)
        put_off(_BY_MAIL, now, error.message, _interval(settings))
    return result


def _begin_messages(settings: Settings, round_: Round) -> None:
    begun = open_messages(settings, round_)
    next_try_at = _next_try_in_outage(round_.now) if begun else None
    for message in begun:
        message.next_try_at = next_try_at


def _send_all(settings: Settings, server: Any, round_: Round, result: Delivery) -> None:
    lost: MailLostError | None = None
    while monotonic() < round_.end and (message := _next(settings, round_)) is not None:
        try:
            _send(settings, server, message, round_.now, result)
        except MailLostError as error:
            # One mail that it stumbles over is no dead server, as long as it takes others.
            if lost is not None:
                raise
            lost = error
    if lost is not None and not result.sent:
        raise lost


def _next(settings: Settings, round_: Round) -> AlertMessage | None:
    message = take(round_)
    if message is None and not round_.tried and _note_up(settings):
        message = take(round_)
    return message


def _send(
    settings: Settings, server: Any, message: AlertMessage, now: datetime, result: Delivery
) -> None:
    mail = _written(settings, message, now)
    if mail is None:
        result.refused += 1
        return
    try:
        server.deliver(mail)
    except MailRefusedError as error:
        log.warning("alert.refused", recipient=message.recipient, reason=error.message)
        _note_up(settings)
        if isinstance(error, MailTextRefusedError):
            take_apart(settings, _BY_MAIL, message, now, error.message)
        else:
            give_back(message, now, error.message)
        result.refused += 1
    except MailLostError as error:
        if not keep(message, now, error.message, str(mail.subject)):
            told = {"message": message.id, "recipient": message.recipient}
            log.warning("alert.in_doubt", reason=error.message, **told)
        raise
    except MailServerError as error:
        give_back(message, now, error.message, _interval(settings))
        raise
    else:
        failpoint("delivery.sent")
        mark_sent(message, now, str(mail.subject))
        log.info("alert.sent", message=message.id, recipient=message.recipient)
        _note_up(settings)
        result.sent += 1


def _tidy(now: datetime) -> None:
    """What has grown too old, and what concerns jobs that are deleted, is not sent."""
    begin_write(alone=ALONE)
    waiting = Alert.state == AlertState.WAITING.value
    deleted = select(ExpectedBackupJob.id).where(ExpectedBackupJob.deleted_at.is_not(None))
    free = waiting & Alert.message_id.is_(None)
    withdrawn = {"state": AlertState.WITHDRAWN.value, "note": to_translate("the job is deleted")}
    _run(update(Alert).where(free, Alert.job_id.in_(deleted)).values(withdrawn))
    expired = waiting & is_too_old(now)
    lock_alerts(expired)
    _run(update(Alert).where(expired).values(state=AlertState.EXPIRED.value))


def _next_try_in_outage(now: datetime) -> datetime | None:
    """When a server that takes no mail is tried next: new messages do not hurry that."""
    if open_condition(MAIL_DOWN, _SUBJECT) is None:
        return None
    # What may have arrived waits for longer, for its own sake.
    waiting = _BY_MAIL.unsent & (AlertMessage.state == MessageState.OPEN.value)
    times = db.session.scalars(select(AlertMessage.next_try_at).where(waiting))
    return min((moment for moment in times if moment and not may_try(moment, now)), default=None)


def _is_any_due(now: datetime) -> bool:
    db.session.flush()
    times = db.session.scalars(select(AlertMessage.next_try_at).where(_BY_MAIL.unsent))
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


def _written(settings: Settings, message: AlertMessage, now: datetime) -> Message | None:
    """The mail; None, and put off, where it cannot be written: others shall not suffer for it."""
    try:
        mail = compose(settings, message, now)
    except Exception as error:
        db.session.rollback()
        log.exception("alert.unwritten", message=message.id)
        take_apart(settings, _BY_MAIL, message, now, f"it cannot be written: {error!r}")
        return None
    # Ends the reading: no transaction stays open while the server takes its time.
    db.session.commit()
    return mail


def _note_up(settings: Settings) -> bool:
    """The server takes mail: what was put off for its sake is due at once; whether it was down."""
    if not end_condition(settings, MAIL_DOWN, _SUBJECT):
        return False
    hurry(_BY_MAIL)
    return True


def _interval(settings: Settings) -> timedelta:
    return timedelta(minutes=settings.scanner_interval_minutes)


def _run(statement: Any) -> None:
    db.session.execute(statement.execution_options(synchronize_session=False))
