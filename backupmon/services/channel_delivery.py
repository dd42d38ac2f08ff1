"""Delivery by channels: one short message per channel, each failing for itself alone.

As with mail, a message is leased, marked as handed over, sent, and marked as sent; what was handed
over by a process that died is sent once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

import structlog
from flask_babel import gettext, ngettext
from sqlalchemy import select, true, update

from backupmon.config import Settings
from backupmon.core.errors import BackupmonError
from backupmon.core.text import one_line
from backupmon.core.words import to_translate
from backupmon.extensions import begin_write, db
from backupmon.models import MAIL, Alert, AlertChannel, AlertMessage, AlertState
from backupmon.services.alert_recipients import reading_as
from backupmon.services.announcing import TIMEOUT, ChannelError, announce
from backupmon.services.letters import paragraphs, read_alerts
from backupmon.services.mails import subject_of
from backupmon.services.message_fates import give_back, mark_sent
from backupmon.services.messages import ALONE, Round, Way, is_any_held, open_messages, take
from backupmon.services.siblings import ready

log = structlog.get_logger()

#: Seconds: services that take their time hold up no scan for longer.
_LONGEST = 120
#: A screen of a phone has room for so many.
_MOST_LINES, _LONGEST_LINE = 5, 200
_BY_CHANNEL = Way(
    Alert.destination != MAIL,
    AlertMessage.destination != MAIL,
    id_begins="channel",
    lease_for=timedelta(seconds=4 * TIMEOUT),
)


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
            told = ready(now) if together else true()
            _deliver(settings, Round(_BY_CHANNEL, now, told, monotonic() + _LONGEST), result)
    except Exception:
        # A verdict stands whether or not it could be told of.
        db.session.rollback()
        log.exception("channels.failed")
    return result


def _is_any_waiting() -> bool:
    """Whether anything is to be sent, or a message dropped that has nothing left to say."""
    waiting = Alert.state == AlertState.WAITING.value
    alerts = select(Alert.id).where(waiting, _BY_CHANNEL.alerts)
    messages = select(AlertMessage.id).where(_BY_CHANNEL.unsent)
    found = [db.session.scalars(query.limit(1)).first() for query in (alerts, messages)]
    db.session.rollback()
    return found != [None, None]


def _deliver(settings: Settings, round_: Round, result: ChannelDelivery) -> None:
    begin_write(alone=ALONE)
    _withdraw_orphans()
    result.held = is_any_held(round_)
    open_messages(settings, round_)
    db.session.commit()
    while monotonic() < round_.end and (message := take(round_)) is not None:
        try:
            note = _written(settings, message, round_.now)
            announce(settings, note.url, note.title, note.body)
        except Exception as error:
            reason = _words_of(error)
            log.warning("channel.refused", destination=message.destination, reason=reason)
            give_back(message, round_.now, reason)
            result.failed += 1
            continue
        mark_sent(message, round_.now, note.title)
        log.info("alert.sent", message=message.id, destination=message.destination)
        result.sent += 1


def _withdraw_orphans() -> None:
    """What waits for a channel that is no more is not told."""
    there = [f"channel:{number}" for number in db.session.scalars(select(AlertChannel.id))]
    orphans = (Alert.state == AlertState.WAITING.value) & _BY_CHANNEL.alerts
    values = {"state": AlertState.WITHDRAWN.value, "note": to_translate("the channel was removed")}
    statement = update(Alert).where(orphans, Alert.destination.not_in(there)).values(values)
    db.session.execute(statement.execution_options(synchronize_session=False))


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
