"""When the made-up sites run: real schedules, and what is due in which night."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from backupmon.core.errors import ScheduleError
from backupmon.core.schedule import Cycle, Schedule
from backupmon.services.demo.site import Database, Hours, Site

GRACE_MINUTES, EARLY_MINUTES = 30, 30
NIGHT = timedelta(days=1)

#: So long before and after this moment no cycle is open, wherever clocks change in between.
_OVER, _AHEAD = timedelta(hours=2), timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one agent: all its databases that are due at once.

    `night` is counted back from the last one, which is 0.
    """

    site: Site
    cycle: Cycle
    night: int
    databases: tuple[Database, ...]


def schedule_of(site: Site, database: Database, now: datetime) -> Schedule:
    """When a database is expected: at its site's hour, or a lunch-time one.

    Whoever looks at the demonstration sees a night that is over: no cycle is open at `now`, nor
    about to be, so that nothing changes its status while it is looked at.
    """
    # A weekly one runs with the nightly ones, so that every night of the history is over too.
    daily = Hours.TWICE if database.hours is Hours.TWICE else Hours.NIGHTLY
    for hours_later in (0, 12, 6):
        if _is_quiet(_schedule(site, daily, hours_later), now):
            return _schedule(site, database.hours, hours_later)
    raise ScheduleError(f"no hour of {site.agent} is over at {now.isoformat()}")


def runs_in(site: Site, night: int, now: datetime) -> Iterator[Run]:
    """The runs of a site whose cycles are due in a night, in the order they are due."""
    begins, ends = now - (night + 1) * NIGHT, now - night * NIGHT
    cycles: dict[datetime, Cycle] = {}
    due: dict[datetime, list[Database]] = {}
    for database in site.databases:
        schedule = schedule_of(site, database, now)
        cycle = schedule.next_cycle(begins)
        while cycle.due <= ends:
            cycles[cycle.due] = cycle
            due.setdefault(cycle.due, []).append(database)
            cycle = schedule.next_cycle(cycle.due)
    for moment in sorted(due):
        yield Run(site, cycles[moment], night, tuple(due[moment]))


def _schedule(site: Site, hours: Hours, hours_later: int) -> Schedule:
    hour, minute = (int(part) for part in site.start.split(":"))
    hour = (hour + hours_later) % 24
    if hours is Hours.TWICE:
        both = sorted((hour, (hour + 12) % 24))
        cron = f"{minute} {both[0]},{both[1]} * * *"
    else:
        cron = f"{minute} {hour} * * {'sun' if hours is Hours.WEEKLY else '*'}"
    return Schedule(cron, site.company.timezone, GRACE_MINUTES, EARLY_MINUTES)


def _is_quiet(schedule: Schedule, now: datetime) -> bool:
    over = now - _OVER - timedelta(minutes=GRACE_MINUTES)
    return schedule.next_cycle(over).opens >= now + _AHEAD
