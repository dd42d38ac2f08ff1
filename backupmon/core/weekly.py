"""Schedules as people say them: on these days, at this time; as cron expressions and back."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

#: In the order that people list them; as cron numbers them, Sunday last.
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CRON = {day: str((number + 1) % 7) for number, day in enumerate(DAYS)}
_PLAIN = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* ([\d,]+|\*)")


@dataclass(frozen=True, slots=True)
class Weekly:
    """Days of the week, by their names in `DAYS`, and a time of day such as ``22:30``."""

    days: tuple[str, ...]
    time: str

    def cron(self) -> str:
        """The cron expression that means the same."""
        hour, minute = self.time.split(":")
        chosen = [day for day in DAYS if day in self.days]
        every = len(chosen) == len(DAYS)
        days = "*" if every else ",".join(sorted(_CRON[day] for day in chosen))
        return f"{int(minute)} {int(hour)} * * {days}"


def weekly(days: Collection[str], time: str) -> Weekly | None:
    """What was chosen; None where no day is, or the time is none."""
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", time.strip())
    chosen = tuple(day for day in DAYS if day in days)
    if found is None or not chosen:
        return None
    return Weekly(chosen, f"{int(found[1]):02}:{found[2]}")


def from_cron(expression: str) -> Weekly | None:
    """A cron expression as days and a time; None for one that says more than that."""
    found = _PLAIN.fullmatch(expression.strip())
    if found is None:
        return None
    minute, hour, days = found.groups()
    if int(minute) > 59 or int(hour) > 23:
        return None
    named = DAYS if days == "*" else _named(days.split(","))
    return Weekly(tuple(named), f"{int(hour):02}:{int(minute):02}") if named else None


def _named(numbers: Sequence[str]) -> tuple[str, ...]:
    wanted = {str(int(number) % 7) for number in numbers if number and int(number) <= 7}
    return tuple(day for day in DAYS if _CRON[day] in wanted)
