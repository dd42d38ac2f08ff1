"""Alerts as people look for them: what waits, what fails and why, what was sent, what was not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import joinedload

from backupmon.config import Settings
from backupmon.core.alert_policy import AlertKind
from backupmon.core.job_spec import agent_key
from backupmon.extensions import db
from backupmon.models import (
    MAIL,
    Alert,
    AlertMessage,
    AlertState,
    MessageState,
    ServerCondition,
)
from backupmon.services.conditions import MAIL_DOWN
from backupmon.services.messages import UNSENT

PAGE = 50
#: Not a state of its own: it waits, and was tried in vain.
FAILING = "failing"
#: Of a mail that waits: so many recipients are listed, with so much of what it is to say.
_MOST_MAILS, _MOST_NAMED = 50, 3
#: A digest goes out by itself, and what goes another way than by mail does too.
_IS_DIGEST = Alert.kind == AlertKind.DIGEST.value
_ONE_MESSAGE = (Alert.recipient_key, Alert.destination, Alert.message_id, _IS_DIGEST)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which alerts are looked for; each part that is given must fit.

    Parameters
    ----------
    state:
        An `AlertState`, or `FAILING`.
    recipient:
        A part of the address, in any case of letters.
    agent:
        Its id, in any case of letters.
    """

    state: str = ""
    kind: str = ""
    recipient: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class AlertPage:
    """One page of those that were found, the newest first."""

    alerts: Sequence[Alert]
    total: int
    page: int
    pages: int


@dataclass(slots=True)
class WaitingMail:
    """A message that one person is still to be sent, and how far that has come.

    Parameters
    ----------
    message:
        None where none has been begun: there is no server, or the news are being gathered.
    about:
        The first few of its alerts.
    destination:
        ``mail``, or ``channel:7``.
    """

    recipient: str
    message: AlertMessage | None
    count: int
    since: datetime
    about: list[Alert]
    destination: str
    is_digest: bool


@dataclass(frozen=True, slots=True)
class MailStanding:
    """How the mail server does.

    Parameters
    ----------
    server:
        Host and port; empty where none is set.
    down:
        What is wrong with it, if anything is.
    up_since:
        The end of the last outage.
    last_sent_at:
        When it last took an alert, by the clock.
    """

    server: str
    down: ServerCondition | None
    up_since: datetime | None
    last_sent_at: datetime | None


def find_alerts(wanted: Wanted, page: int = 1, size: int = PAGE) -> AlertPage:
    """The alerts that fit, the newest first, with what they are about and their messages."""
    conditions = list(_conditions(wanted))
    total = db.session.scalar(select(func.count()).select_from(Alert).where(*conditions)) or 0
    pages = max(1, -(-total // size))
    page = min(page, pages)
    query = (
        select(Alert)
        .where(*conditions)
        .options(*_ABOUT, joinedload(Alert.message))
        .order_by(Alert.id.desc())
        .limit(size)
        .offset((page - 1) * size)
    )
    return AlertPage(db.session.scalars(query).all(), total, page, pages)


_ABOUT = (joinedload(Alert.job), joinedload(Alert.condition))


def _conditions(wanted: Wanted) -> Iterable[ColumnElement[bool]]:
    if wanted.state == FAILING:
        yield Alert.state == AlertState.WAITING.value
        yield exists().where(
            AlertMessage.recipient_key == Alert.recipient_key,
            AlertMessage.destination == Alert.destination,
            AlertMessage.is_digest == _IS_DIGEST,
            AlertMessage.agent_key.is_(None) | (AlertMessage.agent_key == Alert.agent_key),
            AlertMessage.state.in_(UNSENT),
            AlertMessage.attempts > 0,
        )
    elif wanted.state:
        yield Alert.state == wanted.state
    if wanted.kind:
        yield Alert.kind == wanted.kind
    if wanted.recipient:
        yield Alert.recipient_key.contains(wanted.recipient.lower(), autoescape=True)
    if wanted.agent:
        yield Alert.agent_key == agent_key(wanted.agent)


def list_waiting_mails() -> list[WaitingMail]:
    """What is still to be sent, by recipient, what was tried most first; in three queries."""
    groups = db.session.execute(
        select(
            Alert.recipient_key,
            Alert.destination,
            Alert.message_id,
            _IS_DIGEST,
            func.min(Alert.recipient),
            func.count(),
            func.min(Alert.raised_at),
            func.min(Alert.id),
        )
        .where(Alert.state == AlertState.WAITING.value)
        .group_by(*_ONE_MESSAGE)
        .order_by(func.min(Alert.raised_at), func.min(Alert.id))
        .limit(_MOST_MAILS)
    ).all()
    unsent = db.session.scalars(select(AlertMessage).where(AlertMessage.state.in_(UNSENT))).all()
    frozen = {message.id: message for message in unsent}
    begun = {
        (message.recipient_key, message.destination, message.is_digest): message
        for message in unsent
        if message.state == MessageState.OPEN.value
    }
    about = _first_of_each([group[7] for group in groups])
    mails = [
        WaitingMail(
            recipient,
            frozen.get(message_id) if message_id else begun.get((key, destination, is_digest)),
            count,
            since,
            about.get((key, destination, message_id, is_digest), []),
            destination,
            is_digest,
        )
        for key, destination, message_id, is_digest, recipient, count, since, _ in groups
    ]
    return sorted(mails, key=lambda mail: -mail.message.attempts if mail.message else 0)


def _first_of_each(
    first_ids: Sequence[int],
) -> dict[tuple[str, str, int | None, bool], list[Alert]]:
    """The first few alerts of each message."""
    if not first_ids:
        return {}
    number = func.row_number().over(
        partition_by=_ONE_MESSAGE,
        order_by=Alert.id,
    )
    numbered = (
        select(Alert.id, number.label("number"))
        .where(Alert.state == AlertState.WAITING.value)
        .subquery()
    )
    query = (
        select(Alert)
        .join(numbered, and_(numbered.c.id == Alert.id, numbered.c.number <= _MOST_NAMED))
        .options(*_ABOUT)
        .order_by(Alert.id)
    )
    found: dict[tuple[str, str, int | None, bool], list[Alert]] = {}
    for alert in db.session.scalars(query):
        is_digest = alert.kind == AlertKind.DIGEST.value
        place = alert.recipient_key, alert.destination, alert.message_id, is_digest
        found.setdefault(place, []).append(alert)
    return found


def mail_standing(settings: Settings) -> MailStanding:
    """How the mail server does, as the last delivery found it; it is not asked."""
    query = select(ServerCondition).where(ServerCondition.code == MAIL_DOWN)
    last = db.session.scalar(query.order_by(ServerCondition.id.desc()).limit(1))
    sent = select(func.max(AlertMessage.last_tried_at)).where(
        AlertMessage.state == MessageState.SENT.value,
        AlertMessage.destination == MAIL,
        # Else nobody knows whether the server took it.
        AlertMessage.last_error == "",
    )
    server = f"{settings.mail_server}:{settings.mail_port}" if settings.mail_server else ""
    return MailStanding(
        server,
        last if last is not None and last.ended_at is None else None,
        last.ended_at if last is not None else None,
        db.session.scalar(sent),
    )
