"""Mails: what a person reads, in that person's language, plain and as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from flask import render_template
from flask_babel import force_locale, get_timezone, gettext, ngettext
from flask_mail import Message
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.core.alert_policy import TROUBLES, AlertKind
from backupmon.core.text import one_line
from backupmon.extensions import db
from backupmon.models import Alert, AlertMessage, AlertRecipient, AlertState
from backupmon.services.letters import Paragraph, paragraphs, read_alerts

#: What phones show of a subject, and some more.
_SUBJECT = 160
_MOST_NAMED = 3
#: A thread has one beginning; some clients want to see more of it.
_MOST_REFERENCES = 20
_BAD = (*TROUBLES, AlertKind.SERVER)


def compose(settings: Settings, message: AlertMessage, now: datetime) -> Message:
    """Write the mail that `message` is.

    Parameters
    ----------
    now:
        The scan's moment, by which ages are told.
    """
    reading = read_alerts(message.id)
    answered = _answered(reading.alerts)
    language = language_of(settings, message.recipient_key)
    with force_locale(language):
        said = paragraphs(reading, now, settings.base_url)
        subject = subject_of(said)
        values = {
            "language": language,
            "title": _title(said),
            "subject": subject,
            "paragraphs": said,
            "base_url": settings.base_url,
            "zone": str(get_timezone()),
        }
        mail = Message(
            subject=subject,
            recipients=[message.recipient],
            body=render_template("emails/alerts.txt", **values),
            html=render_template("emails/alerts.html", **values),
            date=message.created_at.timestamp(),
            extra_headers=_headers(answered),
        )
    mail.msgId = message.header_id
    return mail


def compose_trial(settings: Settings, recipient: str) -> Message:
    """A mail that says that mails arrive."""
    with force_locale(language_of(settings, recipient.lower())):
        subject = gettext("backupmon: this mail arrived")
        return Message(
            subject=subject,
            recipients=[recipient],
            body=gettext("Alerts of backups will reach you at this address.") + "\n",
            extra_headers=_headers([]),
        )


def language_of(settings: Settings, recipient_key: str) -> str:
    """The language that somebody wants mails in."""
    wanted = select(AlertRecipient.language).where(AlertRecipient.address_key == recipient_key)
    return db.session.scalar(wanted) or settings.language


def subject_of(said: Sequence[Paragraph]) -> str:
    """All that matters in one line: ``2 problems: acme: shop MISSING since 12:30, crm FAILED``."""
    bad = [one for one in said if one.kind in _BAD]
    odd = [one for one in said if one.kind is AlertKind.WARNING]
    good = [one for one in said if one not in bad and one not in odd]
    told: list[str] = []
    if bad:
        counted = ngettext("%(num)d problem", "%(num)d problems", _count(bad))
        told.append(f"{counted}: {_named(bad)}")
    if odd:
        counted = ngettext("%(num)d warning", "%(num)d warnings", _count(odd))
        told.append(counted if bad else f"{counted}: {_named(odd)}")
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
    return str(gettext("All is well again"))


def _count(said: Sequence[Paragraph]) -> int:
    return sum(max(1, len(one.databases)) for one in said)


def _named(said: Sequence[Paragraph]) -> str:
    """Whom it concerns, by agent, as far as a line goes."""
    parts: list[str] = []
    for agent, group in groupby(said, key=lambda one: one.agent):
        names = [name for one in group for name in _names_in(one)]
        shown = names[:_MOST_NAMED]
        if len(names) > len(shown):
            shown.append(gettext("%(count)d more", count=len(names) - _MOST_NAMED))
        parts.append((f"{agent}: " if agent else "") + ", ".join(shown))
    return "; ".join(parts)


def _names_in(one: Paragraph) -> list[str]:
    if not one.databases:
        return [one.status]
    if one.kind is AlertKind.RECOVERY:
        return [database.name for database in one.databases]
    return [f"{database.name} {one.status}{one.since}" for database in one.databases]


def _answered(alerts: Sequence[Alert]) -> list[str]:
    """The messages that good news and reminders answer, the newest first."""
    answering = (AlertKind.RECOVERY.value, AlertKind.REMINDER.value, AlertKind.SERVER_OVER.value)
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
            Alert.state == AlertState.SENT.value,
            Alert.message_id != mine[0].message_id,
        )
        .group_by(AlertMessage.id, AlertMessage.header_id)
        .order_by(AlertMessage.id.desc())
        .limit(_MOST_REFERENCES)
    )
    return list(db.session.scalars(query))


def _headers(answered: Sequence[str]) -> dict[str, str]:
    headers = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
    if answered:
        headers["In-Reply-To"] = answered[0]
        headers["References"] = " ".join(reversed(answered))
    return headers
