"""When a backup is expected, as cycles that never overlap."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backupmon.core.cron import (
    check_cron,
    check_timezone,
    count_due,
    due_after,
    due_before,
    minute_not_before,
    minute_of,
    moment_of,
)
from backupmon.core.errors import ScheduleError

#: A year. Grace and early minutes beyond it are a slip of the keyboard.
MAX_MINUTES = 525_600


@dataclass(frozen=True, slots=True)
class Cycle:
    """One expected occurrence: aware, in UTC, with ``opens <= due <= deadline``."""

    due: datetime
    opens: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """The cycles of a job.

    Cycles exist in the years 1970 to 9998; a moment outside is before or after them all.
    Moments are aware datetimes in any zone. Every method raises ScheduleError where the
    expression or the zone cannot be used.

    Parameters
    ----------
    cron:
        Five fields.
    timezone:
        An IANA name; the fields of `cron` are read in it.
    grace_minutes, early_minutes:
        How long after due a report still counts as on time, and how long before due it
        counts for this cycle; minutes really passed (in UTC), 0 to `MAX_MINUTES`.
    """

    cron: str
    timezone: str
    grace_minutes: int
    early_minutes: int

    def __post_init__(self) -> None:
        for name, minutes in (("grace", self.grace_minutes), ("early", self.early_minutes)):
            if not 0 <= minutes <= MAX_MINUTES:
                raise ScheduleError(
                    f"the {name} minutes are out of range", f"give 0 to {MAX_MINUTES} minutes"
                )

    def next_cycle(self, after: datetime) -> Cycle:
        """The first cycle due strictly after `after`.

        Raises
        ------
        ScheduleError
            There is none before the calendar ends with the year 9998.
        """
        due = due_after(self.cron, self.timezone, minute_of(after))
        if due is None:
            raise ScheduleError(f'"{self.cron}" is not due again before the calendar ends')
        return self.cycle_at(moment_of(due))

    def previous(self, due: datetime) -> Cycle | None:
        """The last cycle due strictly before `due`; None before the calendar begins."""
        return self._before(minute_not_before(due))

    def cycle_of(self, moment: datetime) -> Cycle | None:
        """The last cycle whose `opens` is not after `moment`: the one a report belongs to."""
        coming = due_after(self.cron, self.timezone, minute_of(moment))
        if coming is not None:
            cycle = self.cycle_at(moment_of(coming))
            if cycle.opens <= moment:
                return cycle
        # The cycle after the coming one opens when that is due, at the earliest; and the one
        # before has been due by now, so it is open.
        return self._before(minute_of(moment) + 1)

    def cycle_at(self, due: datetime) -> Cycle:
        """The cycle due at `due`, which need not be a time of this schedule.

        A cycle never opens before the previous one's deadline, and its deadline is never
        after the next due time, so that no moment lies in two of them.
        """
        due = due.astimezone(UTC)
        opens = _shifted(due, -self.early_minutes)
        before = due_before(self.cron, self.timezone, minute_not_before(due))
        if before is not None:
            closed = _shifted(moment_of(before), self.grace_minutes)
            opens = max(opens, min(closed, due))
        deadline = _shifted(due, self.grace_minutes)
        following = due_after(self.cron, self.timezone, minute_of(due))
        if following is not None:
            deadline = min(deadline, moment_of(following))
        return Cycle(due, opens, deadline)

    def missed(
        self, first_due: datetime, now: datetime, limit: int = 31
    ) -> tuple[list[Cycle], int]:
        """The cycles due at `first_due` or later whose deadline is before `now`.

        Returns
        -------
        The newest `limit` of them, oldest first, and how many older ones were left out
        (exact, counted by the day: a year of every-minute cycles takes some milliseconds).
        """
        newest_first: list[Cycle] = []
        cycle = self.previous(now)
        if cycle is not None and cycle.deadline >= now:
            cycle = self.previous(cycle.due)
        while cycle is not None and cycle.due >= first_due and len(newest_first) < limit:
            newest_first.append(cycle)
            cycle = self.previous(cycle.due)
        if cycle is None or cycle.due < first_due:
            return newest_first[::-1], 0
        return newest_first[::-1], count_due(
            self.cron, self.timezone, minute_not_before(first_due), minute_of(cycle.due)
        )

    def _before(self, minute: int) -> Cycle | None:
        found = due_before(self.cron, self.timezone, minute)
        return None if found is None else self.cycle_at(moment_of(found))


def check_schedule(cron: str, timezone: str) -> None:
    """Raise ScheduleError where `cron` or `timezone` cannot be used."""
    check_cron(cron)
    check_timezone(timezone)


def _shifted(moment: datetime, minutes: int) -> datetime:
    try:
        return moment + timedelta(minutes=minutes)
    except OverflowError:
        return datetime(9999, 12, 31, tzinfo=UTC) if minutes > 0 else datetime(1, 1, 1, tzinfo=UTC)
