"""How each person wants to be told. Who never said gets what is usual."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import force_locale
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.core.digest_policy import USUAL_MINUTE, DigestWish, Rhythm
from backupmon.core.errors import RefusedError
from backupmon.core.job_fields import address as read_address
from backupmon.core.job_fields import split_recipients
from backupmon.core.job_fields import timezone as read_timezone
from backupmon.extensions import begin_write, db
from backupmon.language import force_timezone
from backupmon.models import AlertRecipient
from backupmon.services.audit import Act, record_acts

#: Any number but those of other locks will do ("reci" in ASCII).
ALONE = 0x72656369

_USUAL = {"daily": Rhythm.DAILY, "weekly": Rhythm.WEEKLY, "off": Rhythm.NONE}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody may choose; None is what is usual.

    Parameters
    ----------
    minute:
        Minutes after midnight at which a digest is due, by the clocks of `timezone`.
    """

    language: str | None = None
    rhythm: Rhythm = Rhythm.USUAL
    minute: int | None = None
    timezone: str | None = None


def everyone(settings: Settings) -> tuple[str, ...]:
    """Those who are told of every job, and of the server itself."""
    return split_recipients(settings.alert_recipients or "")[0]


def is_told_all(settings: Settings, recipient_key: str) -> bool:
    """Whether somebody is one of them."""
    return recipient_key in {address.lower() for address in everyone(settings)}


def wish_of(settings: Settings, row: AlertRecipient) -> DigestWish:
    """The digest that somebody is to get."""
    rhythm = Rhythm(row.digest)
    if rhythm is Rhythm.USUAL:
        everything = is_told_all(settings, row.address_key)
        rhythm = _USUAL[settings.alert_digest] if everything else Rhythm.NONE
    minute = USUAL_MINUTE if row.digest_minute is None else row.digest_minute
    return DigestWish(rhythm, minute, row.timezone or settings.default_timezone)


def find_recipient(address: str) -> AlertRecipient | None:
    """Whoever has that address, where anything was ever chosen."""
    query = select(AlertRecipient).where(AlertRecipient.address_key == address.lower())
    return db.session.scalar(query)


def wishes_of(address: str) -> Wishes:
    """What somebody chose."""
    row = find_recipient(address)
    if row is None:
        return Wishes()
    return Wishes(row.language, Rhythm(row.digest), row.digest_minute, row.timezone)


@contextmanager
def reading_as(settings: Settings, recipient_key: str) -> Iterator[str]:
    """Within it words and times are as somebody reads them; gives the language."""
    row = find_recipient(recipient_key)
    language = (row.language if row else None) or settings.language
    zone = (row.timezone if row else None) or settings.default_timezone
    with force_locale(language), force_timezone(zone):
        yield language


def read_minute(value: str) -> int:
    """``07:30`` as minutes after midnight.

    Raises
    ------
    RefusedError
    """
    hour, _, minute = value.strip().partition(":")
    if not (hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit()):
        raise RefusedError("is no time of day", "write it as 07:30")
    if len(minute) != 2 or int(hour[:3]) > 23 or int(minute) > 59:
        raise RefusedError("is no time of day", "write it as 07:30")
    return int(hour) * 60 + int(minute)


def clock_of(minute: int | None) -> str:
    """Minutes after midnight as ``07:30``."""
    hour, rest = divmod(USUAL_MINUTE if minute is None else minute, 60)
    return f"{hour:02}:{rest:02}"


def set_language(address: str, language: str | None, actor: str, now: datetime) -> AlertRecipient:
    """Let mails to an address be in a language; None is the setting's.

    Raises
    ------
    RefusedError
        When that is no mail address.
    """
    return _change(address, {"language": language}, "alerts.language", actor, now)


def set_wishes(address: str, wishes: Wishes, actor: str, now: datetime) -> AlertRecipient:
    """Keep all that somebody chose.

    Raises
    ------
    RefusedError
        When that is no mail address, or there is no such time zone or minute.
    """
    return _change(address, _values(wishes), "alerts.wishes", actor, now)


def set_digest(address: str, wishes: Wishes, actor: str, now: datetime) -> AlertRecipient:
    """Keep which digest somebody wants; the language stays as it was.

    Raises
    ------
    RefusedError
        As `set_wishes`.
    """
    values = _values(wishes)
    values.pop("language")
    return _change(address, values, "alerts.digest", actor, now)


def _values(wishes: Wishes) -> dict[str, Any]:
    return {
        "language": wishes.language,
        "digest": wishes.rhythm.value,
        "digest_minute": wishes.minute,
        "timezone": None if wishes.timezone is None else read_timezone(wishes.timezone),
    }


def take_recipient(address: str, now: datetime) -> AlertRecipient:
    """The row of an address in the transaction under way, which has `ALONE`; made if need be."""
    wanted = read_address(address)
    row = find_recipient(wanted)
    if row is None:
        row = AlertRecipient(
            address=wanted,
            address_key=wanted.lower(),
            digest=Rhythm.USUAL.value,
            digest_raised_at=now,
            created_at=now,
        )
        db.session.add(row)
        db.session.flush()
    return row


def _change(
    address: str, values: Mapping[str, Any], action: str, actor: str, now: datetime
) -> AlertRecipient:
    read_address(address)
    begin_write(alone=ALONE)
    row = take_recipient(address, now)
    before = {name: getattr(row, name) for name in values}
    for name, value in values.items():
        setattr(row, name, value)
    if values.get("digest", row.digest) != before.get("digest", row.digest):
        # The first one tells of what comes from now on.
        row.digest_raised_at = now
    if before != dict(values):
        after = {"address": row.address, **values}
        record_acts([Act(action, "alert_recipient", row.id, before, after)], actor, now)
    db.session.commit()
    return row
