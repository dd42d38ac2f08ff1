"""Delivery by channels: one short message per channel, each failing for itself alone.

As with mail, a message is leased, marked as handed over, sent, and marked as sent; what was handed
over by a process that died is sent once more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

import structlog
from flask_babel import gettext, ngettext
from sqlalchemy import ColumnElement, false, func, or_, select, true, update

from backupmon.config import Settings
from backupmon.core.alert_policy import side_of
from backupmon.core.alert_timing import GATHER_FOR, is_held, retry_after
from backupmon.core.errors import BackupmonError
from backupmon.core.text import one_line
from backupmon.extensions import begin_write, db
from backupmon.models import MAIL, Alert, AlertChannel, AlertMessage, AlertState, MessageState
from backupmon.services.alert_recipients import reading_as
from backupmon.services.announcing import TIMEOUT, ChannelError, announce
from backupmon.services.letters import paragraphs, read_alerts
from backupmon.services.mail_server import new_header_id
from backupmon.services.mails import subject_of
from backupmon.services.message_leases import lease_next, write_and_free
from backupmon.services.siblings import ready

log = structlog.get_logger()

#: Longer than one message can take.
_LEASE_FOR = timedelta(seconds=4 * TIMEOUT)
#: Seconds: services that take their time hold up no scan for longer.
_LONGEST = 120
#: Any number but those of other locks will do ("chan" in ASCII).
_ALONE = 0x6368616E
#: A screen of a phone has room for so many.
_MOST_LINES, _LONGEST_LINE = 5, 200
_WAITING = AlertState.WAITING.value
_UNSENT = (
    AlertMessage.state.in_((MessageState.OPEN.value, MessageState.HANDED_OVER.value)),
    AlertMessage.destination != MAIL,
)


#: What waits and is in no message yet.
_FREE = (Alert.state == _WAITING, Alert.message_id.is_(None), Alert.destination != MAIL)


@dataclass(frozen=True, slots=True)
class _Run:
    """One delivery: its moment, and which alerts are ready to be told."""

    now: datetime
    ready: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class _Note:
    """A message as a channel takes it, and where to."""

    message: AlertMessage
    url: str
    title: str
    body: str


@dataclass(slots=True)
class ChannelDelivery:
    """What a delivery did."""

    sent: int = 0
    failed: int = 0
    #: Something waits for its siblings to be judged.
    held: bool = False
    tried: list[int] = field(default_factory=list)


def deliver_to_channels(
    settings: Settings, now: datetime, *, together: bool = False
) -> ChannelDelivery:
    """Send what waits for channels; whatever happens, nothing is raised.

    Parameters
    ----------
    now:
        The scan's moment, by which tries are spaced.
    together:
        News wait for their siblings, since others are judging those.
    """
    result = ChannelDelivery()
    try:
        if _is_any_waiting():
            _deliver(settings, _Run(now, ready(now) if together else true()), result)
    except Exception:
        # A verdict stands whether or not it could be told of.
        db.session.rollback()
        log.exception("channels.failed")
    return result


def _is_any_waiting() -> bool:
    """Whether anything is to be sent, or a message dropped that has nothing left to say."""
    alerts = select(Alert.id).where(Alert.state == _WAITING, Alert.destination != MAIL)
    messages = select(AlertMessage.id).where(*_UNSENT)
    found = [db.session.scalars(query.limit(1)).first() for query in (alerts, messages)]
    db.session.rollback()
    return found != [None, None]


def _deliver(settings: Settings, run: _Run, result: ChannelDelivery) -> None:
    now = run.now
    begin_write(alone=_ALONE)
    _withdraw_orphans()
    result.held = _is_any_held(run)
    _open_messages(settings, run)
    db.session.commit()
    end = monotonic() + _LONGEST
    while monotonic() < end and (message := _take(run, result.tried)) is not None:
        result.tried.append(message.id)
        try:
            note = _written(settings, message, now)
            announce(settings, note.url, note.title, note.body)
        except Exception as error:
            result.failed += 1
            _give_back(message, now, _words_of(error))
            continue
        _mark_sent(message, now, note.title)
        result.sent += 1


def _withdraw_orphans() -> None:
    """What waits for a channel that is no more is not told."""
    there = [f"channel:{number}" for number in db.session.scalars(select(AlertChannel.id))]
    orphans = (Alert.state == _WAITING) & (Alert.destination != MAIL)
    values = {"state": AlertState.WITHDRAWN.value, "note": "the channel was removed"}
    _run(update(Alert).where(orphans, Alert.destination.not_in(there)).values(values))


def _is_any_held(run: _Run) -> bool:
    query = select(Alert.id).where(*_FREE, ~run.ready)
    return db.session.scalars(query.limit(1)).first() is not None


def _open_messages(settings: Settings, run: _Run) -> None:
    """Have a message for each channel that something is to be told by now."""
    now = run.now
    lately = _told_lately(now)
    columns = (Alert.destination, Alert.recipient, Alert.recipient_key, Alert.agent_key, Alert.kind)
    under_way = set(
        db.session.scalars(
            select(AlertMessage.destination).where(AlertMessage.state == MessageState.OPEN.value)
        )
    )
    for row in db.session.execute(select(*columns).where(*_FREE, run.ready).distinct()):
        held = is_held(lately.get((row.destination, row.agent_key, side_of(row.kind))), now)
        if held or row.destination in under_way:
            continue
        under_way.add(row.destination)
        db.session.add(
            AlertMessage(
                header_id=new_header_id(settings, "channel"),
                recipient=row.recipient,
                recipient_key=row.recipient_key,
                destination=row.destination,
                created_at=datetime.now(UTC),
            )
        )


def _told_lately(now: datetime) -> dict[tuple[str, str, str], datetime]:
    query = (
        select(Alert.destination, Alert.agent_key, Alert.kind, func.max(Alert.sent_at))
        .where(
            Alert.state == AlertState.SENT.value,
            Alert.destination != MAIL,
            Alert.sent_at > now - GATHER_FOR,
            Alert.sent_at <= now,
        )
        .group_by(Alert.destination, Alert.agent_key, Alert.kind)
    )
    found: dict[tuple[str, str, str], datetime] = {}
    for destination, agent, kind, sent_at in db.session.execute(query):
        place = destination, agent, side_of(kind)
        if sent_at is not None:
            found[place] = max(sent_at, found.get(place, sent_at))
    return found


def _take(run: _Run, tried: list[int]) -> AlertMessage | None:
    """Lease the next message that is due, with all that it is to say."""
    begin_write(alone=_ALONE)
    unsent = (
        select(AlertMessage)
        .where(*_UNSENT, AlertMessage.id.not_in(tried))
        .order_by(AlertMessage.attempts, AlertMessage.id)
    )
    return lease_next(unsent, run.now, _LEASE_FOR, lambda message: _fill(message, run))


def _fill(message: AlertMessage, run: _Run) -> bool:
    """Let an open message say all that waits for its channel; whether there is anything."""
    is_open = message.state == MessageState.OPEN.value
    free = (Alert.message_id.is_(None) & run.ready) if is_open else false()
    mine = or_(Alert.message_id == message.id, free)
    ids = list(
        db.session.scalars(
            select(Alert.id)
            .where(mine, Alert.state == _WAITING, Alert.destination == message.destination)
            .with_for_update()
        )
    )
    _run(update(Alert).where(Alert.id.in_(ids)).values(message_id=message.id))
    return bool(ids)


def _written(settings: Settings, message: AlertMessage, now: datetime) -> _Note:
    """The subject, a few lines, and a link, in the recipient's language."""
    number = int(message.destination.partition(":")[2])
    channel = db.session.get(AlertChannel, number)
    if channel is None:
        raise ChannelError("the channel was removed", "")
    with reading_as(settings, message.recipient_key):
        said = paragraphs(read_alerts(Alert.message_id == message.id), now, settings.base_url)
        title = subject_of(said)
        lines = [one_line(_line(one), _LONGEST_LINE) for one in said[:_MOST_LINES]]
        more = len(said) - len(lines)
        if more > 0:
            lines.append(str(ngettext("%(num)d more", "%(num)d more", more)))
        if settings.base_url:
            lines.append(f"{settings.base_url}/")
    note = _Note(message, channel.url, title, "\n".join(lines) or str(gettext("All is well again")))
    # Ends the reading: no transaction stays open while the service takes its time.
    db.session.commit()
    return note


def _line(one: Any) -> str:
    return f"{one.agent or one.place}: {one.headline}"


def _words_of(error: Exception) -> str:
    db.session.rollback()
    if isinstance(error, BackupmonError):
        return f"{error.message}; {error.hint}" if error.hint else error.message
    log.error("channel.unwritten", kind=type(error).__name__)
    return f"it cannot be written ({type(error).__name__})"


def _mark_sent(message: AlertMessage, now: datetime, title: str) -> None:
    begin_write()
    mine = Alert.message_id == message.id
    _run(update(Alert).where(mine).values(sent_at=now))
    _run(update(Alert).where(mine, Alert.state == _WAITING).values(state=AlertState.SENT.value))
    _write(
        message,
        state=MessageState.SENT.value,
        sent_at=now,
        subject=title,
        attempts=message.attempts + 1,
        next_try_at=None,
        last_error="",
    )
    log.info("alert.sent", message=message.id, destination=message.destination)


def _give_back(message: AlertMessage, now: datetime, error: str) -> None:
    """It was not taken: what it was to say is free for the next try."""
    log.warning("channel.refused", destination=message.destination, reason=error)
    begin_write()
    waiting = (Alert.message_id == message.id) & (Alert.state == _WAITING)
    _run(update(Alert).where(waiting).values(message_id=None))
    attempts = message.attempts + 1
    _write(
        message,
        state=MessageState.OPEN.value,
        attempts=attempts,
        next_try_at=now + retry_after(attempts),
        last_error=error,
    )


def _write(message: AlertMessage, **values: Any) -> None:
    """Write to a message, give up its lease, and commit."""
    write_and_free(message, **values)
    db.session.commit()


def _run(statement: Any) -> None:
    db.session.execute(statement.execution_options(synchronize_session=False))
