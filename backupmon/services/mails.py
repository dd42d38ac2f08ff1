"""Mails: what a person reads, in that person's language, plain and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from flask import render_template
from flask_babel import get_timezone, gettext, ngettext
from flask_mail import Message
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.core.alert_policy import AlertKind
from backupmon.core.text import one_line
from backupmon.extensions import db
from backupmon.models import MAIL, Alert, AlertMessage, MessageState
from backupmon.services.alert_recipients import reading_as
from backupmon.services.letters import Paragraph, Reading, colon, paragraphs, read_alerts
from backupmon.services.mail_parts import HEADERS, Mail
from backupmon.services.mail_server import sender_of

#: What phones show of a subject, and some more.
_SUBJECT = 160
_MOST_NAMED = 3
_SERVER_WORDS = 60
#: A thread has one beginning; some clients want to see more of it.
_MOST_REFERENCES = 20
_BAD = (AlertKind.PROBLEM, AlertKind.REMINDER, AlertKind.SERVER)


def compose(settings: Settings, message: AlertMessage, now: datetime) -> Message:
    """Write the mail that `message` is.

    Parameters
    ----------
    now:
        The scan's moment, by which ages are told.
    """
    if message.is_digest:
        # Imported late: it looks at jobs as the dashboard does, which knows of scans.
        from backupmon.services.digest.mail import compose_digest

        return compose_digest(settings, message, now)
    reading = read_alerts(Alert.message_id == message.id)
    mail = write(settings, message.recipient, reading, now, plain=message.is_plain)
    mail.date, mail.msgId = message.created_at.timestamp(), message.header_id
    return mail


def write(
    settings: Settings, recipient: str, reading: Reading, now: datetime, *, plain: bool = False
) -> Mail:
    """What somebody is told of alerts; it has neither date nor Message-ID yet.

    Parameters
    ----------
    plain:
        Without words that others wrote, for which a mail may be refused.
    """
    answered = _answered(reading.alerts)
    with reading_as(settings, recipient.lower()) as language:
        said = paragraphs(reading, now, settings.base_url, plain=plain)
        subject = subject_of(said)
        values = {
            "language": language,
            "title": _title(said),
            "subject": subject,
            "paragraphs": said,
            "base_url": settings.base_url,
            "zone": str(get_timezone()),
            "colon": colon(),
        }
        return Mail(
            subject=subject,
            sender=sender_of(settings),
            recipients=[recipient],
            body=render_template("emails/alerts.txt", **values),
            html=render_template("emails/alerts.html", **values),
            extra_headers=_headers(answered),
        )


def compose_trial(settings: Settings, recipient: str) -> Message:
    """A mail that says that mails arrive."""
    with reading_as(settings, recipient.lower()):
        subject = gettext("backupmon: this mail arrived")
        return Mail(
            subject=subject,
            sender=sender_of(settings),
            recipients=[recipient],
            body=gettext("Alerts of backups will reach you at this address.") + "\n",
            extra_headers=_headers([]),
        )


def subject_of(said: Sequence[Paragraph]) -> str:
    """All that matters in one line: ``2 problems: acme: shop MISSING since 12:30, crm FAILED``."""
    bad = [one for one in said if one.kind in _BAD]
    odd = [one for one in said if one.kind is AlertKind.WARNING]
    wrong = [one for one in said if one.kind is AlertKind.CORRECTION]
    good = [one for one in said if one not in (*bad, *odd, *wrong)]
    told: list[str] = []
    if bad:
        counted = ngettext("%(num)d problem", "%(num)d problems", _count(bad))
        told.append(counted + colon() + _named(bad))
    if odd:
        counted = ngettext("%(num)d warning", "%(num)d warnings", _count(odd))
        told.append(counted if bad else counted + colon() + _named(odd))
    if wrong:
        told.append(gettext("Taken back: %(names)s", names=_named(wrong)))
    if good:
        counted = ngettext("%(num)d recovery", "%(num)d recoveries", _count(good))
        told.append(counted if bad or odd else gettext("Recovered: %(names)s", names=_named(good)))
    return one_line("; ".join(told), _SUBJECT)


def _title(said: Sequence[Paragraph]) -> str:
    bad = _count([one for one in said if one.kind in _BAD])
    if bad:
        return str(ngettext("%(num)d problem", "%(num)d problems", bad))
    odd = _count([one for one in said if one.kind is AlertKind.WARNING])
    if odd:
        return str(ngettext("%(num)d warning", "%(num)d warnings", odd))
    if any(one.kind is AlertKind.CORRECTION for one in said):
        return str(gettext("A false alarm is taken back"))
    return str(gettext("All is well again"))


def _count(said: Sequence[Paragraph]) -> int:
    return sum(max(1, len(one.databases)) for one in said)


def _named(said: Sequence[Paragraph]) -> str:
    """Whom it concerns, by agent, as far as a line goes."""
    parts: list[str] = []
    for agent, group in groupby(said, key=lambda one: one.agent):
        alike: dict[object, list[Paragraph]] = {}
        for one in group:
            key = (one.kind, one.status, one.since_short) if one.databases else id(one)
            alike.setdefault(key, []).append(one)
        told = ", ".join(_in_short(several) for several in alike.values())
        parts.append(agent + colon() + told if agent else told)
    return "; ".join(parts)


def _in_short(alike: Sequence[Paragraph]) -> str:
    """Paragraphs that differ in their causes alone, or the one of the server."""
    one = alike[0]
    if not one.databases:
        return one_line(one.status, _SERVER_WORDS)
    names = [database.name for several in alike for database in several.databases]
    more = len(names) - _MOST_NAMED
    if more > 0:
        names[_MOST_NAMED:] = [ngettext("%(num)d more", "%(num)d more", more)]
    status = "" if one.kind is AlertKind.RECOVERY else f" {one.status}{one.since_short}"
    return ", ".join(names) + status


def _answered(alerts: Sequence[Alert]) -> list[str]:
    """The messages that good news and reminders answer, the newest first.

    Those of this trouble only: what was over before is another thread.
    """
    answering = {
        kind.value
        for kind in (
            AlertKind.CORRECTION,
            AlertKind.RECOVERY,
            AlertKind.REMINDER,
            AlertKind.SERVER_OVER,
        )
    }
    mine = [alert for alert in alerts if alert.kind in answering]
    if not mine:
        return []
    jobs = {alert.job_id for alert in mine if alert.job_id is not None}
    conditions = {alert.condition_id for alert in mine if alert.condition_id is not None}
    query = (
        select(AlertMessage.header_id)
        .join(Alert, Alert.message_id == AlertMessage.id)
        .where(
            Alert.recipient_key == mine[0].recipient_key,
            Alert.kind.in_([kind.value for kind in (*_BAD, AlertKind.WARNING)]),
            Alert.job_id.in_(jobs) | Alert.condition_id.in_(conditions),
            # Handed over, it may have arrived; withdrawn, it may have been told before.
            AlertMessage.state.in_((MessageState.SENT.value, MessageState.HANDED_OVER.value)),
            AlertMessage.id != (mine[0].message_id or 0),
            AlertMessage.destination == MAIL,
            Alert.answered_at.is_(None)
            | (Alert.answered_at >= min(alert.raised_at for alert in mine)),
        )
        .group_by(AlertMessage.id, AlertMessage.header_id)
        .order_by(AlertMessage.id.desc())
        .limit(_MOST_REFERENCES)
    )
    return list(db.session.scalars(query))


def _headers(answered: Sequence[str]) -> dict[str, str]:
    headers = dict(HEADERS)
    if answered:
        headers["In-Reply-To"] = answered[0]
        headers["References"] = " ".join(reversed(answered))
    return headers
