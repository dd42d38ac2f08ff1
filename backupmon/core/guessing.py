"""What a job should be like, guessed from what its agent has done so far."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from zoneinfo import ZoneInfo

from backupmon.core.phrases import Phrase, phrase
from backupmon.core.weekly import DAYS, Weekly

#: Minutes within which most runs of one time of day end.
_CLOSE = 120
#: Of five runs one may be at any other time: somebody ran it by hand.
_MOST_OF = 0.8
_FEW = 5
_DAY = 24 * 60
#: Hours from run to run that divide the day.
_INTERVALS = (1, 2, 3, 4, 6, 8, 12)
#: Runs from which an interval can be told.
_FOR_INTERVAL = 4


@dataclass(frozen=True, slots=True)
class GuessedSchedule:
    """A cron expression, and why just that."""

    cron: str
    why: Phrase


def guess_place(agent_id: str) -> tuple[str, str]:
    """Company and city: agents are often named after them, as ``acme_douala`` is."""
    parts = [part for part in re.split(r"[_-]+", agent_id) if part.strip()]
    company = parts[0] if parts else agent_id
    return company, parts[1].title() if len(parts) > 1 else agent_id


def daily_at(ended: datetime, zone: ZoneInfo) -> str:
    """Every day when that run ended, to the nearest five minutes."""
    return _cron_at(_minute_of_day(ended.astimezone(zone)))


def guess_schedule(ends: Sequence[datetime], zone: ZoneInfo) -> GuessedSchedule | None:
    """When runs are due that ended at `ends` (aware); None where no rule is to be seen.

    Most of them end at about the same time of day: on these days at that time. Or they follow
    each other by as many hours as divide a day.
    """
    moments = sorted({end.replace(second=0, microsecond=0) for end in ends})
    local = [moment.astimezone(zone) for moment in moments]
    if len(local) < 2:
        return None
    return _at_one_time(local) or _by_interval(local)


def _at_one_time(local: Sequence[datetime]) -> GuessedSchedule | None:
    middle, offs = _around([_minute_of_day(moment) for moment in local])
    usual = [(run, off) for run, off in zip(local, offs, strict=True) if abs(off) <= _CLOSE // 2]
    if len(usual) < _wanted(len(local)):
        return None
    # A run belongs to the day of its due time, which may lie on the other side of midnight.
    days = sorted({(run - timedelta(minutes=off)).date() for run, off in usual})
    if len(days) < 2:
        return None
    span = (days[-1] - days[0]).days + 1
    seen = {DAYS[day.weekday()] for day in days}
    dense = span < len(DAYS) and len(days) / span >= 0.6
    chosen = DAYS if dense or len(seen) >= len(DAYS) - 1 else [d for d in DAYS if d in seen]
    hour, minute = divmod(_rounded(middle), 60)
    why = phrase(
        "%(number)s of its reports ended between %(earliest)s and %(latest)s",
        number=len(usual),
        earliest=_clock(middle + min(off for _run, off in usual)),
        latest=_clock(middle + max(off for _run, off in usual)),
    )
    return GuessedSchedule(Weekly(tuple(chosen), f"{hour:02}:{minute:02}").cron(), why)


def _by_interval(local: Sequence[datetime]) -> GuessedSchedule | None:
    if len(local) < _FOR_INTERVAL:
        return None
    gaps = [_minutes(later - sooner) for sooner, later in pairwise(local)]
    gap = sorted(gaps)[len(gaps) // 2]
    for hours in _INTERVALS:
        period = hours * 60
        near = [abs(one - period) <= period * 0.25 for one in gaps]
        if abs(gap - period) > period * 0.15 or sum(near) < _wanted(len(near)):
            continue
        middle, _offs = _around([_minute_of_day(moment) % period for moment in local], period)
        first = _rounded(middle) % period
        listed = ",".join(str(hour) for hour in range(first // 60, 24, hours))
        cron = f"{first % 60} {'*' if hours == 1 else listed} * * *"
        return GuessedSchedule(cron, phrase("its reports come every %(hours)s h", hours=hours))
    return None


def _around(minutes: Sequence[int], period: int = _DAY) -> tuple[int, list[int]]:
    """The minute of the period around which most lie, and how far each lies from it.

    Found is the shortest stretch of the circle that holds most of them; its median counts.
    """
    wanted, order = _wanted(len(minutes)), sorted(minutes)
    round_again = order + [minute + period for minute in order]
    starts = range(len(order))
    start = min(starts, key=lambda at: round_again[at + wanted - 1] - round_again[at])
    middle = round_again[start + wanted // 2] % period
    half = period // 2
    return middle, [(minute - middle + half) % period - half for minute in minutes]


def _wanted(count: int) -> int:
    """How many of so many runs must fit."""
    return count if count < _FEW else ceil(count * _MOST_OF)


def _minute_of_day(moment: datetime) -> int:
    return moment.hour * 60 + moment.minute


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds()) // 60


def _rounded(minute: int) -> int:
    return (minute + 2) // 5 * 5 % _DAY


def _clock(minute: int) -> str:
    return f"{minute % _DAY // 60:02}:{minute % 60:02}"


def _cron_at(minute: int) -> str:
    hour, minutes = divmod(_rounded(minute), 60)
    return f"{minutes} {hour} * * *"
