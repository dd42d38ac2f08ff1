"""Who sends which message: leased by one process at a time, whichever way it goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, update

from backupmon.core.alert_timing import may_try
from backupmon.extensions import db
from backupmon.models import AlertMessage, MessageState
from backupmon.services.leases import database_now, is_void
from backupmon.storage.locks import this_process


def lease_next(
    unsent: Select[AlertMessage],
    now: datetime,
    lasts: timedelta,
    fill: Callable[[AlertMessage], bool],
) -> AlertMessage | None:
    """Lease the first message that is due, and commit; None where there is none.

    Parameters
    ----------
    unsent:
        The messages in question, in the order in which they are to go.
    now:
        The scan's moment, by which tries are spaced; leases go by the database's clock.
    lasts:
        Longer than it can take to send one.
    fill:
        Gives a message all that it is to say; whether there is anything. Else it is dropped.
    """
    clock, me = database_now(), this_process()
    query = unsent.with_for_update().execution_options(populate_existing=True)
    for message in db.session.scalars(query):
        if not may_try(message.next_try_at, now) or not is_void(message, me, clock):
            continue
        if not fill(message):
            message.state = MessageState.DROPPED.value
            continue
        message.state = MessageState.HANDED_OVER.value
        message.last_tried_at = clock
        message.lease_host, message.lease_pid = me.host, me.pid
        message.lease_process_start, message.lease_until = me.start, clock + lasts
        db.session.commit()
        return message
    db.session.commit()
    return None


def write_and_free(message: AlertMessage, **values: Any) -> None:
    """Write to a message and give up its lease, in the transaction under way."""
    free = dict.fromkeys(("lease_host", "lease_pid", "lease_process_start", "lease_until"))
    statement = update(AlertMessage).where(AlertMessage.id == message.id).values(**free, **values)
    db.session.execute(statement.execution_options(synchronize_session=False))
