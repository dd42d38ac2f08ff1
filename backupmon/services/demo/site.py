"""What a made-up site is: a company, an agent, and the databases it looks after."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Engine(StrEnum):
    """Whose dump it is: each writes SQL of its own."""

    MARIADB = "mariadb"
    POSTGRESQL = "postgresql"
    SQLITE = "sqlite"


class Hours(StrEnum):
    """When a database is expected."""

    NIGHTLY = "nightly"
    TWICE = "twice a day"
    WEEKLY = "weekly"


class Times(StrEnum):
    """How an agent writes times."""

    UTC = "utc"
    LOCAL = "local"
    NAIVE = "naive"


@dataclass(frozen=True, slots=True)
class Company:
    """Who owns sites; `contact` is told of their jobs."""

    name: str
    timezone: str
    contact: str


@dataclass(frozen=True, slots=True)
class Database:
    """One database of a site.

    Parameters
    ----------
    rows:
        How many it has at first.
    growth:
        Rows that a night adds, as a share of those; 0 for an archive.
    packing:
        ``gz`` or ``xz``.
    policy, mode:
        The job's ``content_policy`` and ``promotion_mode``.
    """

    name: str
    rows: int
    engine: Engine = Engine.MARIADB
    hours: Hours = Hours.NIGHTLY
    growth: float = 0.003
    packing: str = "gz"
    policy: str = "must_change"
    mode: str = "move"

    @property
    def dated(self) -> bool:
        """Whether each of its files has a name of its own: two a day must not meet."""
        return self.hours is Hours.TWICE


@dataclass(frozen=True, slots=True)
class Site:
    """One agent, and how it delivers.

    Parameters
    ----------
    start:
        When its nightly run begins: ``HH:MM``, local time.
    dialect:
        ``A`` or ``B``, of its reports.
    staging, log:
        The folders that it copies dumps and reports into.
    upper_case:
        It writes its own id, and names its folder, in upper case.
    path_prefix:
        What it puts before a staged file's name: a folder of its own machine.
    """

    agent: str
    company: Company
    city: str
    neighborhood: str
    start: str
    databases: tuple[Database, ...]
    dialect: str = "A"
    times: Times = Times.UTC
    staging: str = "databases"
    log: str = "log"
    upper_case: bool = False
    path_prefix: str = ""

    @property
    def spelling(self) -> str:
        """Its id as it writes it, and the name of its folder in the deposit area."""
        return self.agent.upper() if self.upper_case else self.agent
