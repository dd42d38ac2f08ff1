"""The times of a report: ISO 8601, sometimes without an offset, from clocks nobody has set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from backupmon.core.phrases import Phrase, in_english, phrase

#: An end further than this after the scan's moment is not believed (design, section 3.1).
CLOCK_TOLERANCE = timedelta(minutes=10)
#: No agent is older. A machine whose clock battery is dead says 1970 or 1980.
OLDEST_BELIEVED = datetime(2000, 1, 1, tzinfo=UTC)

_LONGEST = 64
_DATE = re.compile(r"[0-9W-]+")
# datetime.fromisoformat takes any character between date and time; ISO 8601 does not.
_MOMENT = re.compile(r"[0-9W-]+[Tt ][0-9:.,]+(?:[Zz]|[+-][0-9:.,]+)?")


_REQUIRED = phrase("a time in ISO 8601 is required")
_SET_CLOCK = phrase("set the agent's clock")
_EXAMPLE = phrase("a time like 2025-06-12T12:56:06Z is required")


class NotATimeError(ValueError):
    """A value that is no time; the text says why, without a subject, and so do the phrases."""

    def __init__(self, *said: Phrase) -> None:
        super().__init__("; ".join(in_english(one) for one in said))
        self.said = said


@dataclass(frozen=True, slots=True)
class Settled:
    """A time of a report as it is understood.

    Parameters
    ----------
    moment:
        Aware, in UTC.
    zone:
        Where a time without an offset was taken to be from; None for one that has an offset.
    """

    moment: datetime
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """How the times of one report, or of one database in it, are read.

    Parameters
    ----------
    landed_at:
        When the report landed (aware); of several readings the nearest to it counts.
    zones:
        Where a time without an offset may be from, the likeliest first.
    """

    landed_at: datetime
    zones: tuple[tzinfo, ...] = (UTC,)

    def settle(self, parsed: datetime) -> Settled:
        """The moment that `parsed` means.

        Raises
        ------
        NotATimeError
            Where its offset takes it out of the calendar.
        """
        if parsed.tzinfo is not None:
            return Settled(_in_utc(parsed))
        # Only at the edges of the calendar is there a zone without a reading; UTC always has one.
        readings = list(self._readings(parsed)) or [Settled(parsed.replace(tzinfo=UTC), UTC)]
        return min(readings, key=lambda reading: abs(reading.moment - self.landed_at))

    def knowing(self, settled: Settled | None) -> Clock:
        """The clock for the report's other times, once its end was `settled`.

        One machine wrote them all, so what is known of the end holds for the rest, which may
        lie hours before the landing.
        """
        return Clock(self.landed_at, (settled.zone,)) if settled and settled.zone else self

    def _readings(self, naive: datetime) -> Iterator[Settled]:
        """Every moment at which a clock in one of the zones shows `naive` (twice in autumn)."""
        for zone in self.zones:
            for fold in (0, 1):
                try:
                    moment = _in_utc(naive.replace(tzinfo=zone, fold=fold))
                except NotATimeError:
                    continue
                yield Settled(moment, zone)


def parse_time(value: object) -> datetime:
    """The date and time that `value` writes in ISO 8601; naive where it has no offset.

    Raises
    ------
    NotATimeError
        Where it is not a string, has no time of day, or is no such time.
    """
    if not isinstance(value, str):
        raise NotATimeError(phrase("is not a string"), _REQUIRED)
    text = value.strip()
    if len(text) <= _LONGEST and _DATE.fullmatch(text):
        raise NotATimeError(phrase("has no time of day"), _EXAMPLE)
    if len(text) > _LONGEST or not _MOMENT.fullmatch(text):
        raise NotATimeError(phrase("is not a time in ISO 8601, like 2025-06-12T12:56:06Z"))
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        reason = phrase("is not a time in ISO 8601 (%(reason)s)", reason=str(error))
        raise NotATimeError(reason) from None


def clock_problem(moment: datetime, now: datetime) -> tuple[Phrase, ...]:
    """Why an end at `moment` is not believed at `now` (both aware); nothing where it is."""
    if moment - now > CLOCK_TOLERANCE:
        ahead = phrase("is %(span)s in the future: clock ahead", span=moment - now)
        return ahead, _SET_CLOCK
    if moment < OLDEST_BELIEVED:
        # As a word: no language puts a mark between the digits of a year.
        year = str(moment.year)
        return phrase("says the year %(year)s: clock not set", year=year), _SET_CLOCK
    return ()


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except (OverflowError, ValueError):
        raise NotATimeError(phrase("is outside the calendar (the years 1 to 9999)")) from None
