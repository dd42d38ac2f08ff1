"""Mails to be looked at: as they were sent, or as they will be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, true

from backupmon.config import Settings
from backupmon.core.alert_policy import AlertKind
from backupmon.core.errors import NotFoundError
from backupmon.extensions import db
from backupmon.models import MAIL, Alert, AlertMessage, AlertState, MessageState
from backupmon.services.digest.mail import compose_digest
from backupmon.services.letters import Reading, read_alerts
from backupmon.services.mails import write

_WAITING = AlertState.WAITING.value


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail as it reads.

    Parameters
    ----------
    message:
        None where none has been begun.
    subject:
        As it was sent, where it was.
    says_something:
        Whether anything of what it was to say is left.
    """

    recipient: str
    message: AlertMessage | None
    subject: str
    text: str
    html: str
    says_something: bool


def preview_message(settings: Settings, message_id: int, now: datetime) -> Preview:
    """The mail of that number. What was sent is written anew, from what is known by now.

    Raises
    ------
    NotFoundError
    """
    message = db.session.get(AlertMessage, message_id)
    if message is None or message.destination != MAIL:
        raise NotFoundError(f"there is no mail {message_id}")
    if message.is_digest:
        return _preview_digest(settings, message, now)
    if message.state == MessageState.OPEN.value:
        reading = _waiting_for(message.recipient, message.agent_key)
        return _preview(settings, message.recipient, reading, message, now)
    reading = read_alerts(Alert.message_id == message.id)
    return _preview(settings, message.recipient, reading, message, now)


def preview_waiting(settings: Settings, recipient: str, now: datetime) -> Preview:
    """The mail that somebody would get now.

    Raises
    ------
    NotFoundError
        When nothing waits for them.
    """
    reading = _waiting_for(recipient)
    if not reading.alerts:
        raise NotFoundError(f"nothing waits to be told to {recipient}")
    query = select(AlertMessage).where(
        AlertMessage.recipient_key == recipient.lower(),
        AlertMessage.destination == MAIL,
        AlertMessage.state == MessageState.OPEN.value,
        AlertMessage.is_digest.is_(False),
        AlertMessage.agent_key.is_(None),
    )
    message = db.session.scalars(query.order_by(AlertMessage.id)).first()
    return _preview(settings, reading.alerts[0].recipient, reading, message, now)


def _preview_digest(settings: Settings, message: AlertMessage, now: datetime) -> Preview:
    """A digest as it would go out now; one that was sent tells of its own time again."""
    says_something = db.session.scalar(select(Alert.id).where(_of_digest(message)).limit(1))
    mail = compose_digest(settings, message, message.sent_at or now)
    subject = message.subject or str(mail.subject)
    text, source = str(mail.body or ""), str(mail.html or "")
    return Preview(message.recipient, message, subject, text, source, says_something is not None)


def _of_digest(message: AlertMessage) -> ColumnElement[bool]:
    mine = Alert.message_id == message.id
    if message.state != MessageState.OPEN.value:
        return mine
    free = (Alert.recipient_key == message.recipient_key) & (Alert.state == _WAITING)
    return mine | (free & Alert.message_id.is_(None) & (Alert.kind == AlertKind.DIGEST.value))


def _waiting_for(recipient: str, agent: str | None = None) -> Reading:
    """What waits for somebody; of one agent alone where that is given."""
    return read_alerts(
        (true() if agent is None else Alert.agent_key == agent)
        & (Alert.recipient_key == recipient.lower())
        & (Alert.kind != AlertKind.DIGEST.value)
        & (Alert.destination == MAIL)
        & (Alert.state == _WAITING)
        & Alert.message_id.is_(None)
    )


def _preview(
    settings: Settings,
    recipient: str,
    reading: Reading,
    message: AlertMessage | None,
    now: datetime,
) -> Preview:
    plain = message is not None and message.is_plain
    mail = write(settings, recipient, reading, now, plain=plain)
    subject = (message.subject if message is not None else "") or str(mail.subject)
    return Preview(
        recipient,
        message,
        subject,
        str(mail.body or ""),
        str(mail.html or ""),
        bool(reading.alerts),
    )
