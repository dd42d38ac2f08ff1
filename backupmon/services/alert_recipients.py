"""How each person wants to be told. Who never said gets what is usual."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import force_locale
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from backupmon.config import Settings
from backupmon.core.digest_policy import USUAL_MINUTE, DigestWish, Rhythm
from backupmon.core.errors import NotFoundError, RefusedError
from backupmon.core.job_fields import address as read_address
from backupmon.core.job_fields import split_recipients
from backupmon.core.job_fields import timezone as read_timezone
from backupmon.core.words import to_translate
from backupmon.extensions import begin_write, db
from backupmon.language import force_timezone
from backupmon.models import AlertRecipient
from backupmon.services.audit import Act, record_acts

#: Any number but those of other locks will do ("reci" in ASCII).
ALONE = 0x72656369

_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
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


@dataclass(frozen=True, slots=True)
class Recipient:
    """How somebody is told: `row` is None for those who chose nothing yet.

    Parameters
    ----------
    everything:
        Told of every job, and of the server.
    """

    address: str
    row: AlertRecipient | None
    wish: DigestWish
    everything: bool


def list_recipients(settings: Settings) -> list[Recipient]:
    """Those who are told of everything, and all who ever chose anything, by address."""
    query = select(AlertRecipient).options(selectinload(AlertRecipient.channels))
    rows = {row.address_key: row for row in db.session.scalars(query)}
    found = [_recipient(settings, row.address, row) for row in rows.values()]
    found += [
        _recipient(settings, address, None)
        for address in everyone(settings)
        if address.lower() not in rows
    ]
    return sorted(found, key=lambda one: (not one.everything, one.address.lower()))


def recipient_by_id(settings: Settings, recipient_id: int) -> Recipient:
    """The one of that number.

    Raises
    ------
    NotFoundError
    """
    row = db.session.get(AlertRecipient, recipient_id)
    if row is None:
        raise NotFoundError(f"there is no recipient {recipient_id}", "see Admin, Recipients")
    return _recipient(settings, row.address, row)


def _recipient(settings: Settings, address: str, row: AlertRecipient | None) -> Recipient:
    key = address.lower()
    wanted = row or AlertRecipient(address=address, address_key=key, digest=Rhythm.USUAL.value)
    return Recipient(address, row, wish_of(settings, wanted), is_told_all(settings, key))


def know_recipient(address: str, now: datetime) -> AlertRecipient:
    """Whoever has that address; from now on known, with what is usual.

    Raises
    ------
    RefusedError
        When that is no mail address.
    """
    read_address(address)
    begin_write(alone=ALONE)
    row = take_recipient(address, now)
    db.session.commit()
    return row


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
    found = _CLOCK.fullmatch(value.strip())
    if found is None:
        raise RefusedError(to_translate("is no time of day"), to_translate("write it as 07:30"))
    return int(found[1]) * 60 + int(found[2])


def clock_of(minute: int | None) -> str:
    """Minutes after midnight as ``07:30``."""
    return DigestWish(Rhythm.USUAL, USUAL_MINUTE if minute is None else minute).time


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
            digest_wanted_at=now,
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
        row.digest_raised_at = row.digest_wanted_at = now
    if before != dict(values):
        after = {"address": row.address, **values}
        record_acts([Act(action, "alert_recipient", row.id, before, after)], actor, now)
    db.session.commit()
    return row
