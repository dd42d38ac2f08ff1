"""What becomes of a message: sent, refused, in doubt, put off.

A message of which nobody knows whether it was taken is sent again just as it is; after a few such
tries it counts as sent, and says that it may not have arrived.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from time import sleep
from typing import Any

import structlog
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import OperationalError

from backupmon.config import Settings
from backupmon.core.alert_timing import may_hand_over_again, may_try, retry_after, retry_in_outage
from backupmon.core.words import to_translate
from backupmon.extensions import begin_write, db
from backupmon.models import Alert, AlertMessage, AlertState, MessageState
from backupmon.services.leases import database_now, is_void
from backupmon.services.messages import ALONE, Way, begin_message
from backupmon.storage.locks import this_process

log = structlog.get_logger()

#: Seconds between the tries to note that a message was sent.
_WAITS = (0.5, 2, 5)
_WAITING = Alert.state == AlertState.WAITING.value
_IN_DOUBT = to_translate("it may not have arrived")


def mark_sent(message: AlertMessage, now: datetime, subject: str) -> None:
    """It was taken; what it said is told, but for what was withdrawn meanwhile. Commits.

    Tried more than once, where the database is away for a moment: what is not noted is sent again.
    """
    number, attempts = message.id, message.attempts + 1
    for wait in _WAITS:
        try:
            _note_sent(number, attempts, now, subject)
        except OperationalError as error:
            db.session.rollback()
            log.warning("alert.sent_not_noted", message=number, reason=str(error.orig))
            sleep(wait)
        else:
            return
    _note_sent(number, attempts, now, subject)


def _note_sent(number: int, attempts: int, now: datetime, subject: str) -> None:
    begin_write()
    _end(number, attempts, now, subject, {})
    db.session.commit()


def give_back(
    message: AlertMessage, now: datetime, error: str, interval: timedelta | None = None
) -> None:
    """It was not taken: what it was to say is free for the next try. Commits.

    Parameters
    ----------
    interval:
        That of scans, where nothing was wrong with the message itself; see `retry_in_outage`.
    """
    begin_write()
    waiting = (Alert.message_id == message.id) & _WAITING
    lock_alerts(waiting)
    _run(update(Alert).where(waiting).values(message_id=None))
    _try_again(message, now, error, interval, state=MessageState.OPEN.value)
    db.session.commit()


def take_apart(
    settings: Settings, way: Way, message: AlertMessage, now: datetime, error: str
) -> None:
    """Its text was refused, or cannot be written: one agent's words must gag no other. Commits.

    What it was to say goes out in a message for each agent, at once; where it was one agent's
    alone, without what that agent said.
    """
    begin_write(alone=ALONE)
    mine = select(Alert.id, Alert.agent_key).where(Alert.message_id == message.id, _WAITING)
    rows = db.session.execute(mine.order_by(Alert.id).with_for_update()).all()
    waiting = {row.id: row.agent_key for row in rows}
    _run(update(Alert).where(Alert.id.in_(waiting)).values(message_id=None))
    agents = dict.fromkeys(waiting.values())
    if len(agents) > 1:
        db.session.add_all(begin_message(settings, way, message, agent) for agent in agents)
        _try_again(message, now, error, None, state=MessageState.DROPPED.value)
    elif message.is_digest or not agents:
        _try_again(message, now, error, None, state=MessageState.OPEN.value)
    else:
        values = {"agent_key": next(iter(agents)), "words_refused_at": now}
        _try_again(message, now, error, None, state=MessageState.OPEN.value, **values)
    db.session.commit()


def keep(message: AlertMessage, now: datetime, error: str, subject: str) -> bool:
    """It may have been taken: it will be sent again just as it is, a few times. Commits.

    Gives whether it will; else it counts as sent from now on.
    """
    begin_write()
    doubts = message.doubts + 1
    again = may_hand_over_again(doubts)
    if again:
        wait = retry_after(doubts)
        values = {"state": MessageState.HANDED_OVER.value, "next_try_at": now + wait}
        _free(message.id, attempts=message.attempts + 1, doubts=doubts, last_error=error, **values)
    else:
        attempts = message.attempts + 1
        said = {"note": _IN_DOUBT}
        _end(message.id, attempts, now, subject, said, doubts=doubts, last_error=error)
    db.session.commit()
    return again


def put_off(way: Way, now: datetime, error: str, interval: timedelta) -> None:
    """Nothing goes by that way now: all that was due is put off together. Commits."""
    begin_write(alone=ALONE)
    clock, me = database_now(), this_process()
    query = select(AlertMessage).where(way.unsent)
    for message in db.session.scalars(query.execution_options(populate_existing=True)):
        if may_try(message.next_try_at, now) and is_void(message, me, clock):
            _try_again(message, now, error, interval)
    db.session.commit()


def hurry(way: Way) -> None:
    """All that waits for its next try is due at once, but for what may have arrived. Commits."""
    begin_write(alone=ALONE)
    waiting = way.unsent & (AlertMessage.state == MessageState.OPEN.value)
    _run(update(AlertMessage).where(waiting).values(next_try_at=None))
    db.session.commit()


def lock_alerts(which: ColumnElement[bool]) -> None:
    """Keep alerts from others until the transaction under way ends.

    In the order of their ids, as verdicts do: two that change several never wait for each other.
    """
    db.session.execute(select(Alert.id).where(which).order_by(Alert.id).with_for_update()).all()


def _end(
    number: int, attempts: int, now: datetime, subject: str, said: dict[str, str], **values: Any
) -> None:
    """Let it, and the alerts that it said, count as sent, in the transaction under way."""
    mine = Alert.message_id == number
    lock_alerts(mine)
    _run(update(Alert).where(mine).values(sent_at=now))
    _run(update(Alert).where(mine, _WAITING).values(state=AlertState.SENT.value, **said))
    values = {"last_error": "", "subject": subject, "sent_at": now, "next_try_at": None, **values}
    _free(number, attempts=attempts, state=MessageState.SENT.value, **values)


def _try_again(
    message: AlertMessage, now: datetime, error: str, interval: timedelta | None, **values: Any
) -> None:
    attempts = message.attempts + 1
    wait = retry_after(attempts) if interval is None else retry_in_outage(attempts, interval)
    _free(message.id, attempts=attempts, next_try_at=now + wait, last_error=error, **values)


def _free(number: int, **values: Any) -> None:
    """Write to a message and give up its lease, in the transaction under way."""
    lease = dict.fromkeys(("lease_host", "lease_pid", "lease_process_start", "lease_until"))
    _run(update(AlertMessage).where(AlertMessage.id == number).values(**lease, **values))


def _run(statement: Any) -> None:
    db.session.execute(statement.execution_options(synchronize_session=False))
