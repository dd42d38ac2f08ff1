"""Whether alerts can leave: the mail server, who is told, and what waits."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select

from backupmon.extensions import db
from backupmon.models import Alert, AlertState
from backupmon.services.doctor.checks import Check, bad, good, warning
from backupmon.services.doctor.patient import Patient
from backupmon.services.mail_server import MailServerError, mail_server, sender_of

#: Seconds that the server may take for each answer: somebody sits and waits.
_TIMEOUT = 10


def mail_server_answers(patient: Patient) -> Iterator[Check]:
    """It is set, believed, and lets us in; no mail is sent."""
    settings = patient.settings
    if settings.mail_server is None:
        yield warning(
            "mail server",
            "none is set: alerts wait, and expire after three days",
            "set BACKUPMON_MAIL_SERVER, then try it with flask alerts test ADDRESS",
        )
        return
    address = f"{settings.mail_server}:{settings.mail_port}"
    try:
        with mail_server(settings, timeout=_TIMEOUT):
            yield good("mail server", f"{address} answers; mails are from {sender_of(settings)}")
    except MailServerError as error:
        yield bad("mail server", error.message, error.hint)


def somebody_is_told(patient: Patient) -> Iterator[Check]:
    """Trouble of the server itself goes to ALERT_RECIPIENTS only."""
    if patient.settings.alert_recipients is None:
        yield warning(
            "recipients",
            "BACKUPMON_ALERT_RECIPIENTS names nobody: of trouble of the server nobody is told",
            "set it to the addresses of those who look after the server",
        )
    else:
        yield good("recipients", f"{patient.settings.alert_recipients} are told of everything")


def alerts_leave(patient: Patient) -> Iterator[Check]:
    """How many wait: a few are under way, many are stuck."""
    if not patient.has_tables:
        return
    query = select(func.count()).where(Alert.state == AlertState.WAITING.value)
    waiting = db.session.scalar(query) or 0
    if waiting and patient.settings.mail_server is None:
        yield warning("alerts", f"{waiting} wait for a mail server", "see flask alerts list")
    else:
        yield good("alerts", f"{waiting} wait to be sent")
