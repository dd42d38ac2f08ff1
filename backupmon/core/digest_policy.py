"""When a digest is due, and how far it looks back; and whether anybody has looked meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median_low as median
from zoneinfo import ZoneInfo

from backupmon.core.cron import due_before, minute_of, moment_of

#: Seven in the morning, before the day begins.
USUAL_MINUTE = 7 * 60
#: No digest tells of more; what is older was told when it happened, or is on the pages.
LONGEST = timedelta(days=35)
#: A scan that is missed once may have been slow; twice, nobody looked.
_SILENT_INTERVALS = 2
#: So many scans in a row tell how often they come.
_ENOUGH = 5


class Rhythm(StrEnum):
    """How often somebody wants a digest. Stored as these words."""

    #: Nothing was chosen: the setting's for those of ALERT_RECIPIENTS, none for others.
    USUAL = "usual"
    NONE = "none"
    DAILY = "daily"
    #: On Mondays.
    WEEKLY = "weekly"

    @property
    def span(self) -> timedelta:
        """What one digest covers, as a rule."""
        return timedelta(days=7 if self is Rhythm.WEEKLY else 1)


@dataclass(frozen=True, slots=True)
class DigestWish:
    """How often, at which minute of the day, and by the clocks of which zone (an IANA name)."""

    rhythm: Rhythm
    minute: int = USUAL_MINUTE
    timezone: str = "UTC"

    @property
    def time(self) -> str:
        """The minute of the day as a clock shows it: ``07:00``."""
        return f"{self.minute // 60:02}:{self.minute % 60:02}"

    def last_moment(self, now: datetime) -> datetime | None:
        """The newest moment, not after `now`, at which a digest was due.

        A local time that is skipped in spring falls due when the gap ends, one that comes twice
        in autumn the first time only: by the rule of `core.cron`.
        """
        days = {Rhythm.DAILY: "*", Rhythm.WEEKLY: "1"}.get(self.rhythm)
        if days is None:
            return None
        hour, minute = divmod(self.minute, 60)
        found = due_before(f"{minute} {hour} * * {days}", self.timezone, minute_of(now) + 1)
        return None if found is None else moment_of(found)


def digest_due(wish: DigestWish, last: datetime, now: datetime) -> str | None:
    """What names the digest that is due at `now`; None where none is.

    After an outage that is one, however many were missed. The name is the day in the wish's
    zone: a wish that changes in the course of a day gets no second digest of that day.

    Parameters
    ----------
    last:
        When the last one was entered, or when digests began to be wanted.
    """
    moment = wish.last_moment(now)
    if moment is None or moment <= last:
        return None
    return moment.astimezone(ZoneInfo(wish.timezone)).date().isoformat()


def looks_back_to(last: datetime | None, rhythm: Rhythm, now: datetime) -> datetime:
    """From when on a digest tells.

    Parameters
    ----------
    last:
        When the last one was sent; None where none was.
    """
    if last is None or last > now:
        return now - rhythm.span
    return max(last, now - LONGEST)


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nobody looked."""

    since: datetime
    until: datetime

    @property
    def span(self) -> timedelta:
        """How long that was."""
        return self.until - self.since


def usual_interval(looks: Sequence[datetime], interval: timedelta) -> timedelta:
    """From one scan to the next, as it is as a rule: scans may come by a cron of their own.

    Parameters
    ----------
    looks:
        The moments of good scans of a longer time, in their order.
    interval:
        As it is set; what is usual is never less.
    """
    spans = [after - before for before, after in pairwise(looks)]
    return max(interval, median(spans)) if len(spans) >= _ENOUGH else interval


def gaps_between(
    looks: Iterable[datetime], since: datetime, until: datetime, interval: timedelta
) -> list[Gap]:
    """When nobody looked, in the time from `since` to `until`.

    Parameters
    ----------
    looks:
        The moments of good scans, in their order; the last one before `since` is where a gap
        may begin. Without it somebody is taken to have looked at `since`.
    interval:
        From one scan to the next, as it should be.
    """
    found: list[Gap] = []
    before = since
    for look in (*looks, until):
        if look > since and look - before > _SILENT_INTERVALS * interval:
            found.append(Gap(before, min(look, until)))
        before = look
    return found
