"""Cron expressions in a time zone: which minutes are due, as whole minutes from 1970 in UTC.

cronsim reads the expression and says which days it means. The times of a day are worked out
here, as a pure function of that day, so that looking forward and looking back always agree
(cronsim's two directions differ around clock changes, and its hour steps lose minutes where
a zone shifts by half an hour). The rule is the one of Debian's cron, which cronsim follows
too (https://github.com/cuu508/cronsim):

- where neither the minute nor the hour field begins with ``*``, the times are fixed: one
  that the clocks skip falls due as soon as the gap is over, one that they repeat falls due
  the first time only;
- else the times are an interval: each minute that really passes and bears a matching wall
  clock time is due; skipped ones are not, repeated ones are due twice.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from backupmon.core.errors import ScheduleError
from backupmon.core.phrases import sentence
from backupmon.core.text import one_line
from backupmon.core.words import to_translate

#: Due times exist in these local years only; the ends leave room for a day and for grace.
FIRST_YEAR, LAST_YEAR = 1970, 9998

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_MINUTES_A_DAY = 1440
_FIELD = re.compile(r"[0-9A-Za-z*,/#-]+")
_MAX_CRON = 200
_FIVE_FIELDS = to_translate(
    'write five fields: minute hour day month weekday, such as "30 2 * * *"'
)
#: What cronsim says, and what we say.
_PROBLEMS = {
    "Bad minute": sentence("bad minute"),
    "Bad hour": sentence("bad hour"),
    "Bad day-of-month": sentence("bad day-of-month"),
    "Bad month": sentence("bad month"),
    "Bad day-of-week": sentence("bad day-of-week"),
}
_NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
#: Files of the zone database that name no place.
_NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})


def check_cron(cron: str) -> None:
    """Raise ScheduleError where `cron` is no 5-field expression, or never occurs."""
    rule = _rule(cron)
    # Within 28 years every month has every length and begins on every weekday.
    years = range(2000, 2028)
    if not any(_days_in(cron, year, month) for year in years for month in rule.sim.months):
        raise _never(cron)


def check_timezone(timezone: str) -> None:
    """Raise ScheduleError where `timezone` is no IANA time zone of this machine's database."""
    _zone(timezone)


def due_after(cron: str, timezone: str, minute: int) -> int | None:
    """The first due minute after `minute`; None where the calendar ends before."""
    for day in _days(cron, _near(minute, -2), 1):
        base, times = _times(cron, timezone, day)
        found = bisect_right(times, minute - base)
        if found < len(times):
            return base + times[found]
    return None


def due_before(cron: str, timezone: str, minute: int) -> int | None:
    """The last due minute before `minute`; None where the calendar begins after."""
    for day in _days(cron, _near(minute, 2), -1):
        base, times = _times(cron, timezone, day)
        found = bisect_left(times, minute - base)
        if found:
            return base + times[found - 1]
    return None


def count_due(cron: str, timezone: str, first: int, last: int) -> int:
    """How many due minutes there are from `first` to `last`, both included."""
    total = 0
    for day in _days(cron, _near(first, -2), 1):
        base, times = _times(cron, timezone, day)
        if base > last + _MINUTES_A_DAY:
            break
        low, high = bisect_left(times, first - base), bisect_right(times, last - base)
        if low < high:
            total += high - low
            # A time of a skipped day may fall on one of the next day: count it once.
            first = base + times[high - 1] + 1
    return total


def minute_of(moment: datetime) -> int:
    """The whole minute in which the aware `moment` lies."""
    return (moment - _EPOCH) // _MINUTE


def minute_not_before(moment: datetime) -> int:
    """The first whole minute that is not before the aware `moment`."""
    return -((_EPOCH - moment) // _MINUTE)


def moment_of(minute: int) -> datetime:
    """The aware UTC moment at which `minute` begins."""
    return _EPOCH + minute * _MINUTE


# --- days ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rule:
    """An expression, read: its times of the day in minutes, and how they meet a clock change."""

    sim: CronSim
    times: tuple[int, ...]
    fixed: bool

    def matches(self, day: date) -> bool:
        return day.month in self.sim.months and self.sim.match_day(day)


@lru_cache(maxsize=1024)
def _rule(cron: str) -> _Rule:
    fields = _fields(cron)
    try:
        sim = CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise _unreadable(cron, fields, str(error)) from None
    times = tuple(sorted(60 * hour + minute for hour in sim.hours for minute in sim.minutes))
    return _Rule(sim, times, not (fields[0].startswith("*") or fields[1].startswith("*")))


def _unreadable(cron: str, fields: list[str], problem: str) -> ScheduleError:
    # cronsim gives the same reason for day 32 and for the 30th of February.
    if problem == "Bad day-of-month":
        with suppress(CronSimError):
            CronSim(" ".join([*fields[:3], "*", fields[4]]), datetime(2000, 1, 1, tzinfo=UTC))
            return _never(cron)
    return ScheduleError(
        sentence(
            'the schedule "%(cron)s" cannot be read: %(problem)s',
            cron=cron,
            problem=_PROBLEMS.get(problem, problem.lower()),
        ),
        _FIVE_FIELDS,
    )


def _never(cron: str) -> ScheduleError:
    return ScheduleError(
        sentence('the schedule "%(cron)s" never occurs', cron=cron),
        to_translate("these months have no such day: mend day or month"),
    )


def _not_five(shown: str, count: int) -> str:
    if count == 1:
        return sentence('the schedule "%(text)s" has 1 field, not five', text=shown)
    return sentence(
        'the schedule "%(text)s" has %(count)s fields, not five', text=shown, count=count
    )


def _fields(cron: str) -> list[str]:
    """The five fields; what cronsim would take, but we do not, is refused here."""
    shown = one_line(cron, 60)
    fields = cron.split()
    if not fields:
        raise ScheduleError(to_translate("the schedule is empty"), _FIVE_FIELDS)
    if fields[0].startswith("@"):
        same = _NICKNAMES.get(fields[0].lower())
        known = same is not None and len(fields) == 1
        hint = sentence('write "%(cron)s" instead', cron=same or "") if known else _FIVE_FIELDS
        raise ScheduleError(
            sentence('the schedule "%(text)s" is a nickname, not five fields', text=shown), hint
        )
    if len(fields) != 5:
        raise ScheduleError(
            _not_five(shown, len(fields)),
            _FIVE_FIELDS,
        )
    if len(cron) > _MAX_CRON:
        raise ScheduleError(
            sentence("the schedule is longer than %(most)s characters", most=_MAX_CRON),
            _FIVE_FIELDS,
        )
    if not all(_FIELD.fullmatch(field) for field in fields):
        raise ScheduleError(
            sentence(
                'the schedule "%(text)s" has characters that no cron expression has', text=shown
            ),
            _FIVE_FIELDS,
        )
    return fields


@lru_cache(maxsize=8192)
def _days_in(cron: str, year: int, month: int) -> tuple[int, ...]:
    """The days of a month that may hold a due time."""
    rule = _rule(cron)
    if rule.fixed and month not in rule.sim.months:
        return ()
    first = date(year, month, 1)
    days = (first + timedelta(days=n) for n in range(31))
    return tuple(day.day for day in days if day.month == month and _may_hold(rule, day))


def _may_hold(rule: _Rule, day: date) -> bool:
    if rule.matches(day):
        return True
    # A clock set back over midnight repeats a piece of the day before inside this one.
    return not rule.fixed and (rule.matches(day - _DAY) or rule.matches(day + _DAY))


def _days(cron: str, start: date, step: int) -> Iterator[date]:
    """The days that may hold a due time, from `start` on or (`step` -1) back from it."""
    year, month = start.year, start.month
    while FIRST_YEAR <= year <= LAST_YEAR:
        for number in _days_in(cron, year, month)[::step]:
            day = date(year, month, number)
            if (day >= start) if step > 0 else (day <= start):
                yield day
        year, month = divmod(12 * year + month - 1 + step, 12)
        month += 1


def _near(minute: int, days: int) -> date:
    """The UTC day of `minute`, moved by `days`; never outside the calendar."""
    ordinal = _EPOCH.toordinal() + minute // _MINUTES_A_DAY + days
    first, last = date(FIRST_YEAR, 1, 1), date(LAST_YEAR, 12, 31)
    return date.fromordinal(min(max(ordinal, first.toordinal()), last.toordinal()))


# --- times of a day ------------------------------------------------------------------------


def _times(cron: str, timezone: str, day: date) -> tuple[int, tuple[int, ...]]:
    """When the local `day` begins (a minute in UTC), and its due times in minutes from then."""
    base, _, plain = _span(timezone, day)
    rule = _rule(cron)
    if not plain:
        return base, _odd_times(cron, timezone, day)
    return base, rule.times if rule.fixed or rule.matches(day) else ()


@lru_cache(maxsize=4096)
def _span(timezone: str, day: date) -> tuple[int, int, bool]:
    """The minutes in UTC at which the local `day` begins and ends; whether no clock changes."""
    zone = _zone(timezone)
    begin = datetime.combine(day, time(), tzinfo=zone)
    end = datetime.combine(day + _DAY, time(), tzinfo=zone)
    plain = begin.utcoffset() == end.utcoffset() and not (_is_skipped(begin) or _is_skipped(end))
    return minute_of(begin), minute_of(end), plain


@lru_cache(maxsize=1024)
def _odd_times(cron: str, timezone: str, day: date) -> tuple[int, ...]:
    """The due times of a day on which the clocks change, in minutes from its beginning."""
    rule = _rule(cron)
    if rule.fixed:
        base, _, _ = _span(timezone, day)
        walls = (datetime.combine(day, time(t // 60, t % 60)) for t in rule.times)
        return tuple(sorted({_first_instant(_zone(timezone), wall) - base for wall in walls}))
    times, days = set(rule.times), {day + n * _DAY for n in (-1, 0, 1)}
    matching = {d for d in days if rule.matches(d)}
    walls_read = _wall_clock(timezone, day)
    return tuple(n for n, (d, t) in enumerate(walls_read) if t in times and d in matching)


@lru_cache(maxsize=64)
def _wall_clock(timezone: str, day: date) -> tuple[tuple[date, int], ...]:
    """What a clock on the wall shows in each minute that passes on `day`."""
    zone = _zone(timezone)
    begin, end, _ = _span(timezone, day)
    shown = (moment_of(minute).astimezone(zone) for minute in range(begin, end))
    return tuple((wall.date(), 60 * wall.hour + wall.minute) for wall in shown)


def _first_instant(zone: ZoneInfo, wall: datetime) -> int:
    """The minute in UTC when `wall` is first shown; where it is skipped, when the gap ends."""
    early = wall.replace(tzinfo=zone)
    if not _is_skipped(early):
        return minute_of(early)
    # Read with the new offset a skipped time lies before the change, with the old one after.
    late = early.replace(fold=1)
    new, minutes = late.utcoffset(), range(minute_of(late), minute_of(early) + 1)
    return minutes[
        bisect_left(
            minutes, True, key=lambda minute: moment_of(minute).astimezone(zone).utcoffset() == new
        )
    ]


def _is_skipped(wall: datetime) -> bool:
    """Whether clocks in the zone of `wall` never show it."""
    return wall.astimezone(UTC).astimezone(wall.tzinfo).replace(fold=0) != wall.replace(fold=0)


@lru_cache(maxsize=1024)
def _zone(timezone: str) -> ZoneInfo:
    # Only names from the list: a key is a path for zoneinfo, and "right/..." counts leap seconds.
    if timezone in _zone_names():
        return ZoneInfo(timezone)
    shown = one_line(timezone, 60)
    names = {name.lower(): name for name in sorted(_zone_names())}
    exact = [shown.lower()] if shown.lower() in names else []
    close = exact or get_close_matches(shown.lower(), names, n=3, cutoff=0.7)
    examples = [names[name] for name in close] or ["Europe/Paris", "America/New_York", "UTC"]
    hint = (
        sentence("did you mean %(word)s?", word=", ".join(examples))
        if close
        else sentence("give an IANA name such as %(words)s", words=", ".join(examples))
    )
    raise ScheduleError(
        sentence('there is no time zone "%(text)s"', text=shown),
        hint,
    )


@lru_cache(maxsize=1)
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones()) - _NO_ZONES
