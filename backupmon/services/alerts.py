"""Alerts as people look at them: what waits, what was sent, what fails and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from backupmon.config import Settings
from backupmon.core.errors import RefusedError
from backupmon.core.job_fields import address as read_address
from backupmon.extensions import begin_write, db
from backupmon.models import Alert, AlertMessage, AlertState
from backupmon.models.columns import iso
from backupmon.queue import answering, enqueue_delivery
from backupmon.services.audit import Act, record_acts
from backupmon.services.background import queue_of
from backupmon.services.mail_server import mail_server
from backupmon.services.mails import compose_trial
from backupmon.services.messages import ALONE, UNSENT

#: Somebody waits for the answer.
_TRIAL_TIMEOUT = 10


def failing_messages() -> Sequence[AlertMessage]:
    """The messages that were tried in vain and wait for the next try."""
    query = select(AlertMessage).where(
        AlertMessage.state.in_(UNSENT),
        AlertMessage.attempts > 0,
    )
    return db.session.scalars(query.order_by(AlertMessage.id)).all()


def count_alerts() -> dict[str, int]:
    """How many there are, by state."""
    query = select(Alert.state, func.count()).group_by(Alert.state)
    found = {row[0]: row[1] for row in db.session.execute(query)}
    return {state.value: found.get(state.value, 0) for state in AlertState}


def alert_dict(alert: Alert) -> dict[str, Any]:
    """An alert for programs."""
    return {
        "id": alert.id,
        "kind": alert.kind,
        "status": alert.status,
        "recipient": alert.recipient,
        "destination": alert.destination,
        "state": alert.state,
        "job_id": alert.job_id,
        "job": alert.job.title if alert.job else None,
        "entry_id": alert.entry_id,
        "condition": alert.condition.code if alert.condition else None,
        "cycle_due_at": iso(alert.cycle_due_at),
        "raised_at": iso(alert.raised_at),
        "sent_at": iso(alert.sent_at),
        "answered_at": iso(alert.answered_at),
        "note": alert.note,
    }


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
    begin_write(alone=ALONE)
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


def try_again(settings: Settings, actor: str, now: datetime, message_id: int | None = None) -> int:
    """Ask the background to try at once what waits for its next try; gives how many mails.

    Raises
    ------
    QueueDownError
        When there is nobody to ask: they go out with the next scan.
    """
    found = retry_alerts(actor, now, message_id=message_id)
    with answering():
        enqueue_delivery(queue_of(settings), None)
    return found


def send_trial(settings: Settings, address: str, actor: str, now: datetime) -> str:
    """Send a mail that says that mails arrive, at once; gives the address as it was read.

    Raises
    ------
    RefusedError
        When that is no mail address, or no mail server is set.
    MailServerError, MailRefusedError
        When the server does not take it.
    """
    recipient = read_address(address)
    if settings.mail_server is None:
        raise RefusedError(
            "no mail server is set, so alerts wait", "set BACKUPMON_MAIL_SERVER, and try again"
        )
    mail = compose_trial(settings, recipient)
    begin_write()
    # Before it goes, since it may go and be lost.
    record_acts([Act("alerts.test", "mail", 0, None, {"to": recipient})], actor, now)
    db.session.commit()
    with mail_server(settings, _TRIAL_TIMEOUT, longest=3 * _TRIAL_TIMEOUT) as server:
        server.deliver(mail)
    return recipient
