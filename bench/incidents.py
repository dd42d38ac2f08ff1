"""What befalls a fleet in the simulation: by chance, but the same for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

GRACE = timedelta(minutes=30)


class Fate(StrEnum):
    """What becomes of one backup."""

    GOOD = "good"
    #: The agent says that the dump failed.
    FAILED = "failed"
    #: Nothing ever comes.
    SILENT = "silent"
    #: It comes hours after its deadline, whole.
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup of one database in one cycle."""

    site: int
    database: int
    due: datetime
    fate: Fate
    #: When its report is here; None where there is none.
    arrives_at: datetime | None

    @property
    def deadline(self) -> datetime:
        """Until when it is expected."""
        return self.due + GRACE


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which something is away."""

    begin: datetime
    end: datetime

    def covers(self, moment: datetime) -> bool:
        """Whether it is away at that moment."""
        return self.begin <= moment < self.end


@dataclass(slots=True)
class Story:
    """All that happens, known beforehand: what alerts are held against."""

    backups: list[Backup] = field(default_factory=list)
    mail: list[Outage] = field(default_factory=list)
    monitor: list[Outage] = field(default_factory=list)


def write_story(begin: datetime, days: int, sites: int, databases: int, seed: int) -> Story:
    """A story of a fleet whose backups are due once a day, each site's at an hour of its own.

    On one more day at the end all is well, so that everything comes to its end.
    """
    chance = random.Random(seed)
    story = Story()
    dead = {site: _outages(chance, begin, days, 1 / 20, 8, 60) for site in range(sites)}
    line = {site: _outages(chance, begin, days, 1 / 20, 2, 10) for site in range(sites)}
    story.mail = _outages(chance, begin, days, 1 / 8, 1, 8)
    story.monitor = _outages(chance, begin, days, 1 / 10, 1, 12)
    for day in range(days + 1):
        for site in range(sites):
            due = begin + timedelta(days=day, hours=1 + site % 20, minutes=5 * (site % 12))
            for database in range(databases):
                well = Backup(site, database, due, Fate.GOOD, due + timedelta(minutes=2))
                bad = _backup(chance, site, database, due, dead, line)
                story.backups.append(bad if day < days else well)
    return story


def _outages(
    chance: random.Random, begin: datetime, days: int, a_day: float, least: int, most: int
) -> list[Outage]:
    found = []
    for day in range(days):
        if chance.random() < a_day:
            start = begin + timedelta(days=day, minutes=chance.randrange(24 * 60))
            end = start + timedelta(hours=chance.randint(least, most))
            found.append(Outage(start, min(end, begin + timedelta(days=days))))
    return found


def _backup(
    chance: random.Random,
    site: int,
    database: int,
    due: datetime,
    dead: dict[int, list[Outage]],
    line: dict[int, list[Outage]],
) -> Backup:
    ended = due + timedelta(minutes=2)
    if any(outage.covers(due) for outage in dead[site]):
        return Backup(site, database, due, Fate.SILENT, None)
    if chance.random() < 0.01:
        return Backup(site, database, due, Fate.FAILED, ended)
    held = [outage.end for outage in line[site] if outage.covers(ended)]
    if held and max(held) > due + GRACE:
        return Backup(site, database, due, Fate.LATE, max(held))
    return Backup(site, database, due, Fate.GOOD, max([ended, *held]))
