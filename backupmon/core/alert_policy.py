"""Who is told of what: whether a verdict is news, by what was told before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from backupmon.core.statuses import BEST_FIRST, PROBLEMS, Status


class AlertKind(StrEnum):
    """What an alert says. Stored and printed as these words."""

    #: No good backup came of a cycle.
    PROBLEM = "problem"
    #: It arrived whole, but its content is not what it must be.
    WARNING = "warning"
    #: What somebody was told of is over.
    RECOVERY = "recovery"
    #: What somebody was told of was never true.
    CORRECTION = "correction"
    #: What somebody was told of lasts.
    REMINDER = "reminder"
    #: Something is wrong with the server itself.
    SERVER = "server"
    #: It no longer is.
    SERVER_OVER = "server_over"
    #: How all that concerns somebody has fared, good and bad.
    DIGEST = "digest"


#: What a recovery answers.
TROUBLES = (AlertKind.PROBLEM, AlertKind.WARNING, AlertKind.REMINDER)


def side_of(kind: str) -> str:
    """What news of a kind are gathered with.

    Bad news, good ones, and what takes back a false alarm: none waits for another's sake.
    """
    if kind == AlertKind.CORRECTION.value:
        return kind
    return "bad" if kind in {*(k.value for k in TROUBLES), AlertKind.SERVER.value} else "good"


class AlertWhen(StrEnum):
    """How often a job that stays bad is told of."""

    EVERY_CYCLE = "every_cycle"
    FIRST_OF_RUN = "first_of_run"


class Reminders(StrEnum):
    """How often it is told that trouble lasts, where nothing new happens."""

    NONE = "none"
    DAILY = "daily"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True)
class News:
    """What a verdict did to its job.

    Parameters
    ----------
    status:
        The job's, now.
    decides:
        The entry belongs to the job's newest cycle, and is what the status comes from. All
        else is history.
    before_job:
        Its cycle was due before the job existed.
    silent:
        The job is paused: trouble is not told. What was told before is still answered.
    """

    status: Status
    decides: bool = True
    before_job: bool = False
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What one recipient was last told of the job, and what no recovery has answered yet.

    Parameters
    ----------
    kind:
        PROBLEM or WARNING; None where nothing is open.
    this_cycle:
        It was about the very cycle that the news is about.
    """

    kind: AlertKind | None = None
    this_cycle: bool = False


NOTHING_TOLD = Told()


@dataclass(frozen=True, slots=True)
class Silence:
    """That an operator wants to hear no more of a job's trouble.

    Parameters
    ----------
    until:
        A snooze: whatever happens, until then.
    status:
        An acknowledgement: this trouble is known, until it is over or becomes another.
    """

    until: datetime | None = None
    status: Status | None = None

    def covers(self, status: Status, now: datetime) -> bool:
        """Whether trouble of that status is not to be told at `now`."""
        if self.until is not None:
            return now < self.until
        return self.status is status


def kind_of(status: Status) -> AlertKind | None:
    """What a job of that status is told as; None where it is no trouble."""
    if status in PROBLEMS:
        return AlertKind.PROBLEM
    return AlertKind.WARNING if status is Status.HASH_MISMATCH else None


def decide(
    news: News, told: Told, when: AlertWhen = AlertWhen.EVERY_CYCLE, *, silenced: bool = False
) -> AlertKind | None:
    """What one recipient is to be told, or None.

    Parameters
    ----------
    when:
        As the job says.
    silenced:
        A silence covers the trouble. What was told already is still answered when it is over.
    """
    if news.before_job or not news.decides:
        return None
    kind = kind_of(news.status)
    if kind is None:
        over = news.status is Status.SUCCESS and told.kind is not None
        return AlertKind.RECOVERY if over else None
    if silenced or news.silent:
        return None
    if told.kind is kind and (told.this_cycle or when is AlertWhen.FIRST_OF_RUN):
        return None
    return kind


_KINDS_WORST_FIRST = (
    AlertKind.SERVER,
    AlertKind.PROBLEM,
    AlertKind.REMINDER,
    AlertKind.WARNING,
    AlertKind.CORRECTION,
    AlertKind.RECOVERY,
    AlertKind.SERVER_OVER,
    AlertKind.DIGEST,
)


def urgency(kind: AlertKind, status: Status | None) -> tuple[int, int]:
    """What alerts are sorted by, the worst first."""
    badness = BEST_FIRST.index(status) if status in BEST_FIRST else 0
    return _KINDS_WORST_FIRST.index(kind), -badness
