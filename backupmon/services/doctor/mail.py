"""Whether alerts can leave: the mail server, who is told, and what waits."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select

from backupmon.core.phrases import phrase
from backupmon.core.words import to_translate
from backupmon.extensions import db
from backupmon.models import Alert, AlertState
from backupmon.services.alerts import failing_messages
from backupmon.services.doctor.checks import Check, bad, good, warning
from backupmon.services.doctor.patient import Patient
from backupmon.services.mail_server import MailServerError, mail_server, sender_of

#: Seconds that the server may take for each answer, thrice as many for all: somebody waits.
_TIMEOUT = 10
_SERVER, _RECIPIENTS = to_translate("mail server"), to_translate("recipients")
_ALERTS = to_translate("alerts")


def mail_server_answers(patient: Patient) -> Iterator[Check]:
    """It is set, believed, and lets us in; no mail is sent."""
    settings = patient.settings
    if settings.mail_server is None:
        yield warning(
            _SERVER,
            phrase("none is set: alerts wait; what is over by then expires after three days"),
            phrase("set BACKUPMON_MAIL_SERVER, then try it with flask alerts test ADDRESS"),
        )
        return
    address = f"{settings.mail_server}:{settings.mail_port}"
    try:
        with mail_server(settings, timeout=_TIMEOUT, longest=3 * _TIMEOUT):
            told = phrase(
                "%(address)s answers; mails are from %(sender)s",
                address=address,
                sender=sender_of(settings),
            )
            yield good(_SERVER, told)
    except MailServerError as error:
        yield bad(_SERVER, error.message, error.hint)


def somebody_is_told(patient: Patient) -> Iterator[Check]:
    """Trouble of the server itself goes to ALERT_RECIPIENTS only."""
    if patient.settings.alert_recipients is None:
        yield warning(
            _RECIPIENTS,
            phrase(
                "BACKUPMON_ALERT_RECIPIENTS names nobody: of trouble of the server nobody is told"
            ),
            phrase("set it to the addresses of those who look after the server"),
        )
    else:
        told = phrase("%(people)s are told of everything", people=patient.settings.alert_recipients)
        yield good(_RECIPIENTS, told)


def alerts_leave(patient: Patient) -> Iterator[Check]:
    """How many wait: a few are under way, many are stuck."""
    if not patient.has_tables:
        return
    query = select(func.count()).where(Alert.state == AlertState.WAITING.value)
    waiting = db.session.scalar(query) or 0
    if waiting and patient.settings.mail_server is None:
        yield warning(
            _ALERTS,
            phrase("%(number)s wait for a mail server", number=waiting),
            phrase("see flask alerts list"),
        )
    elif failing := failing_messages():
        last = failing[-1]
        yield warning(
            _ALERTS,
            phrase(
                "%(number)s wait; %(failing)s mails were tried in vain, such as to %(address)s: "
                "%(error)s",
                number=waiting,
                failing=len(failing),
                address=last.recipient,
                error=last.last_error,
            ),
            phrase("see flask alerts list, or the page Alerts"),
        )
    else:
        yield good(_ALERTS, phrase("%(number)s wait to be sent", number=waiting))
