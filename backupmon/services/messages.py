"""Messages: who is to have one, and what it is to say, whichever way it goes.

A message is leased, marked as handed over, sent, and marked as sent: a process that dies between
the last two sends it once more, with the same id. `message_fates` has what becomes of it.

Tries are spaced by the scan's clock, leases go by the database's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, update

from backupmon.config import Settings
from backupmon.core.alert_policy import AlertKind, side_of
from backupmon.core.alert_timing import (
    GATHER_FOR,
    is_held,
    may_try,
)
from backupmon.extensions import begin_write, db
from backupmon.models import Alert, AlertMessage, AlertState, MessageState
from backupmon.services.lasting import is_held_by_a_pause
from backupmon.services.leases import database_now, is_void
from backupmon.services.mail_server import new_header_id
from backupmon.storage.locks import this_process

#: Whom an alert is for, of which agent, and whether it is good news or bad.
_Place = tuple[str, str, str, str]

#: Under this lock messages are begun and leased. Any number but those of other locks will do.
ALONE = 0x6D657373
_WAITING = Alert.state == AlertState.WAITING.value
#: The states of messages that are still to be sent.
UNSENT = (MessageState.OPEN.value, MessageState.HANDED_OVER.value)


@dataclass(frozen=True, slots=True)
class Way:
    """By which way messages go.

    Parameters
    ----------
    alerts, messages:
        Of either: those that go by it.
    id_begins:
        What the ids of its messages begin with.
    lease_for:
        Longer than one message can take, with every answer as late as it may be.
    """

    alerts: ColumnElement[bool]
    messages: ColumnElement[bool]
    id_begins: str
    lease_for: timedelta

    @property
    def unsent(self) -> ColumnElement[bool]:
        """Of messages: those that go by it and are still to be sent."""
        return AlertMessage.state.in_(UNSENT) & self.messages


@dataclass(slots=True)
class Round:
    """One delivery by one way.

    Parameters
    ----------
    now:
        The scan's moment.
    ready:
        Of alerts: those that do not wait for their siblings to be judged.
    end:
        When no further message is begun, in seconds of the monotonic clock.
    tried:
        The ids of the messages that it had a try at.
    """

    way: Way
    now: datetime
    ready: ColumnElement[bool]
    end: float = math.inf
    tried: list[int] = field(default_factory=list)


def is_any_held(round_: Round) -> bool:
    """Whether anything waits for its siblings to be judged."""
    query = select(Alert.id).where(_WAITING, _is_free(round_.way), ~round_.ready)
    return db.session.scalars(query.limit(1)).first() is not None


def open_messages(settings: Settings, round_: Round) -> list[AlertMessage]:
    """Have a message for each who is to be told something by now; gives those begun."""
    rows = db.session.execute(
        select(
            Alert.destination,
            Alert.recipient_key,
            func.min(Alert.recipient).label("recipient"),
            Alert.agent_key,
            Alert.kind,
        )
        .where(_WAITING, _is_free(round_.way), round_.ready)
        .group_by(Alert.destination, Alert.recipient_key, Alert.agent_key, Alert.kind)
        .order_by(Alert.destination, Alert.recipient_key)
    ).all()
    if not rows:
        return []
    under_way = _under_way(round_.way)
    lately = _told_lately(round_)
    begun: dict[tuple[str, str], AlertMessage] = {}
    for row in rows:
        whom = row.destination, row.recipient_key
        held = is_held(lately.get((*whom, row.agent_key, side_of(row.kind))), round_.now)
        joins = {(*whom, None), (*whom, row.agent_key)} & under_way
        if held or joins or whom in begun:
            continue
        begun[whom] = begin_message(settings, round_.way, row)
    db.session.add_all(begun.values())
    return list(begun.values())


def take(round_: Round) -> AlertMessage | None:
    """Lease the next message that is due, with all that it is to say, and commit.

    None where there is none. What turns out to have nothing to say is dropped.
    """
    begin_write(alone=ALONE)
    clock, me = database_now(), this_process()
    query = (
        select(AlertMessage)
        .where(round_.way.unsent, AlertMessage.id.not_in(round_.tried))
        # What was tried last comes last: none that a server dies of holds up the others.
        .order_by(
            AlertMessage.last_tried_at.is_not(None), AlertMessage.last_tried_at, AlertMessage.id
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found = None
    for message in db.session.scalars(query):
        if not may_try(message.next_try_at, round_.now) or not is_void(message, me, clock):
            continue
        if not _fill(message, round_.ready):
            message.state = MessageState.DROPPED.value
            continue
        message.state = MessageState.HANDED_OVER.value
        message.last_tried_at = clock
        message.lease_host, message.lease_pid = me.host, me.pid
        message.lease_process_start = me.start
        message.lease_until = clock + round_.way.lease_for
        found = message
        break
    db.session.commit()
    if found is not None:
        round_.tried.append(found.id)
    return found


def _is_free(way: Way) -> ColumnElement[bool]:
    """Of alerts: in no message yet, and to be told. Digests are in messages of their own."""
    news = Alert.kind != AlertKind.DIGEST.value
    return way.alerts & Alert.message_id.is_(None) & news & ~is_held_by_a_pause()


def begin_message(
    settings: Settings, way: Way, whom: Any, agent: str | None = None
) -> AlertMessage:
    """An open message for whom a row, or another message, is; of one agent's alone where given."""
    return AlertMessage(
        header_id=new_header_id(settings, way.id_begins),
        recipient=whom.recipient,
        recipient_key=whom.recipient_key,
        destination=whom.destination,
        agent_key=agent,
        created_at=datetime.now(UTC),
    )


def _under_way(way: Way) -> set[tuple[str, str, str | None]]:
    """Who has a message that more can be added to, and of which agent alone, or None."""
    message = AlertMessage
    query = select(message.destination, message.recipient_key, message.agent_key).where(
        way.unsent,
        message.state == MessageState.OPEN.value,
        message.is_digest.is_(False),
    )
    return {(destination, key, agent) for destination, key, agent in db.session.execute(query)}


def _told_lately(round_: Round) -> dict[_Place, datetime]:
    """When each was last told of each agent, within the time that news are gathered."""
    now = round_.now
    columns = Alert.destination, Alert.recipient_key, Alert.agent_key, Alert.kind
    query = (
        select(*columns, func.max(Alert.sent_at))
        .where(
            Alert.state == AlertState.SENT.value,
            Alert.sent_at > now - GATHER_FOR,
            Alert.sent_at <= now,
            round_.way.alerts,
        )
        .group_by(*columns)
    )
    found: dict[_Place, datetime] = {}
    for destination, key, agent, kind, sent_at in db.session.execute(query):
        assert sent_at is not None
        place = destination, key, agent, side_of(kind)
        found[place] = max(sent_at, found.get(place, sent_at))
    return found


def _fill(message: AlertMessage, ready: ColumnElement[bool]) -> bool:
    """Let an open message say all that waits for its recipient; whether there is anything.

    What was handed over already stays as it is.
    """
    mine = Alert.message_id == message.id
    if message.state == MessageState.OPEN.value:
        same = Alert.recipient_key == message.recipient_key
        mine = Alert.message_id.is_(None) & same & ready & ~is_held_by_a_pause()
        mine &= _is_its_agents(message)
    query = (
        select(Alert.id)
        .where(mine, _WAITING, Alert.destination == message.destination)
        .where((Alert.kind == AlertKind.DIGEST.value) == message.is_digest)
        .order_by(Alert.id)
        .with_for_update()
    )
    ids = list(db.session.scalars(query))
    _run(update(Alert).where(Alert.id.in_(ids)).values(message_id=message.id))
    return bool(ids)


def _is_its_agents(message: AlertMessage) -> ColumnElement[bool]:
    """Of alerts: those of its agent alone, or else of all that have no message of their own."""
    if message.agent_key is not None:
        return Alert.agent_key == message.agent_key
    apart = select(AlertMessage.agent_key).where(
        AlertMessage.state == MessageState.OPEN.value,
        AlertMessage.recipient_key == message.recipient_key,
        AlertMessage.destination == message.destination,
        AlertMessage.agent_key.is_not(None),
    )
    return Alert.agent_key.not_in(apart)


def _run(statement: Any) -> None:
    db.session.execute(statement.execution_options(synchronize_session=False))
