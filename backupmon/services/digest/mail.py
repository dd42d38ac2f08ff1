"""The mail that a digest is: counts first, then the worst, then the rest in short."""

from __future__ import annotations

from datetime import datetime

from flask import render_template
from flask_babel import get_timezone, gettext, ngettext, pgettext
from flask_mail import Message
from sqlalchemy import func, select

from backupmon.config import Settings
from backupmon.core.alert_policy import AlertKind
from backupmon.core.digest_policy import DigestWish, Rhythm, looks_back_to
from backupmon.core.standing import WORST_FIRST, Standing
from backupmon.core.text import one_line
from backupmon.extensions import db
from backupmon.language.standings import say_count
from backupmon.language.wording import say_number, say_span
from backupmon.models import Alert, AlertMessage, AlertState
from backupmon.services.alert_recipients import (
    find_recipient,
    reading_as,
    wish_of,
)
from backupmon.services.digest.facts import Facts, gather
from backupmon.services.digest.sections import gap_line, moment, sections_of, state_lines
from backupmon.services.letters import colon
from backupmon.services.mail_parts import HEADERS, Mail
from backupmon.services.mail_server import sender_of

#: What phones show of a subject, and some more.
_SUBJECT = 160


def compose_digest(settings: Settings, message: AlertMessage, now: datetime) -> Message:
    """Write the digest that `message` is.

    Parameters
    ----------
    now:
        The scan's moment, up to which it tells.
    """
    key = message.recipient_key
    row = find_recipient(key)
    wish = wish_of(settings, row) if row else DigestWish(Rhythm.DAILY)
    since = looks_back_to(_last_sent(message), wish.rhythm, now)
    with reading_as(settings, key) as language:
        facts = gather(settings, key, since, now)
        title = headline_of(facts)
        values = {
            "language": language,
            "title": title,
            "subject": subject_of(title, facts),
            "counts": _counts(facts),
            "period": gettext(
                "From %(since)s to %(until)s.", since=moment(since), until=moment(now)
            ),
            "gap": gap_line(facts),
            "sections": sections_of(facts, settings.base_url),
            "state": list(state_lines(facts)),
            "rhythm": _rhythm(wish),
            "base_url": settings.base_url,
            "zone": str(get_timezone()),
            "colon": colon(),
        }
        mail = Mail(
            subject=values["subject"],
            sender=sender_of(settings),
            recipients=[message.recipient],
            body=render_template("emails/digest.txt", **values),
            html=render_template("emails/digest.html", **values),
            date=message.created_at.timestamp(),
            extra_headers=dict(HEADERS),
        )
    mail.msgId = message.header_id
    return mail


def _last_sent(message: AlertMessage) -> datetime | None:
    """When the one before `message` was sent."""
    query = select(func.max(Alert.sent_at)).where(
        Alert.kind == AlertKind.DIGEST.value,
        Alert.recipient_key == message.recipient_key,
        Alert.state == AlertState.SENT.value,
    )
    if message.sent_at is not None:
        # It is being looked at: it tells of its own time once more.
        query = query.where(Alert.message_id != message.id, Alert.sent_at < message.sent_at)
    return db.session.scalar(query)


def headline_of(facts: Facts) -> str:
    """Whether to worry, in a line: ``3 of 1,040 need you``."""
    counts = facts.counts
    expected = counts.expected
    numbers = {"all": say_number(expected)}
    unknown = counts.by_standing.get(Standing.UNKNOWN, 0)
    if not expected:
        return _nothing_expected(facts)
    if counts.needs_you:
        return _needs_you(facts)
    if facts.stale.total:
        return str(
            ngettext(
                "%(bad)s of %(all)s lacks its newest copy",
                "%(bad)s of %(all)s lack their newest copy",
                facts.stale.total,
                bad=say_number(facts.stale.total),
                **numbers,
            )
        )
    if unknown:
        said = gettext("%(good)s of %(all)s good", good=say_number(expected - unknown), **numbers)
        return f"{said}, {say_count(Standing.UNKNOWN.value, unknown)}"
    if expected == 1:
        return str(gettext("the only one is good"))
    return str(gettext("all %(all)s are good", **numbers))


def _needs_you(facts: Facts) -> str:
    bad, stale = facts.counts.needs_you, facts.stale.total
    said = ngettext(
        "%(bad)s of %(all)s needs you",
        "%(bad)s of %(all)s need you",
        bad,
        bad=say_number(bad),
        all=say_number(facts.counts.expected),
    )
    if not stale:
        return str(said)
    # Neither are these among the good ones.
    lacking = ngettext(
        "%(bad)s more lacks its newest copy",
        "%(bad)s more lack their newest copy",
        stale,
        bad=say_number(stale),
    )
    return f"{said}, {lacking}"


def _nothing_expected(facts: Facts) -> str:
    if facts.counts.total:
        return say_count(Standing.PAUSED.value, facts.counts.total)
    if facts.server is None:
        return str(gettext("none concerns you"))
    return str(gettext("none is expected yet"))


def subject_of(title: str, facts: Facts) -> str:
    """``backups: 3 of 1,040 need you; nobody looked for 5 h``."""
    told = [gettext("backups: %(what)s", what=title)]
    if facts.watch.gaps:
        told.append(gettext("nobody looked for %(span)s", span=say_span(facts.watch.unwatched)))
    if facts.server is not None and facts.server.conditions:
        told.append(gettext("the server has trouble"))
    return one_line(pgettext("punctuation", "; ").join(told), _SUBJECT)


def _counts(facts: Facts) -> str:
    counted = facts.counts.by_standing
    return ", ".join(
        say_count(standing.value, counted[standing])
        for standing in WORST_FIRST
        if counted.get(standing)
    )


def _rhythm(wish: DigestWish) -> str:
    values = {"time": wish.time, "zone": wish.timezone}
    if wish.rhythm is Rhythm.WEEKLY:
        return str(gettext("You get this on Mondays at %(time)s (%(zone)s).", **values))
    return str(gettext("You get this every day at %(time)s (%(zone)s).", **values))
