"""The calendar of a job's cycles, in the job's own zone, with what is written on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from flask_babel import get_locale

from backupmon.services.dashboard import CycleMark
from backupmon.web.charts.calendar import Calendar, Span, lay_out

#: Units of the drawing: a square with the room around it, and room for labels.
PITCH, LEFT, TOP = 16, 34, 18
_PATTERNS = {Span.WEEK: "MMM", Span.DAY: "d MMM"}


@dataclass(frozen=True, slots=True)
class DrawnSquare:
    """A cycle in its place; `told` says when it was due, as no language does otherwise."""

    x: int
    y: int
    status: str
    told: str


@dataclass(frozen=True, slots=True)
class DrawnCalendar:
    """What a template draws.

    Parameters
    ----------
    labels, days:
        Places and words along the columns, and along the rows where those are days of the week.
    """

    span: str
    width: int
    height: int
    squares: tuple[DrawnSquare, ...]
    labels: tuple[tuple[int, str], ...]
    days: tuple[tuple[int, str], ...]
    left: int = LEFT
    top: int = TOP


def calendar_of(cycles: Sequence[CycleMark], timezone: str, now: datetime) -> DrawnCalendar | None:
    """Draw the cycles, which come oldest first; None where there are none."""
    zone = ZoneInfo(timezone)
    moments = [cycle.due.astimezone(zone) for cycle in cycles]
    calendar = lay_out(moments, now.astimezone(zone))
    if calendar is None:
        return None
    squares = tuple(
        DrawnSquare(
            LEFT + square.column * PITCH,
            TOP + square.row * PITCH,
            cycles[square.number].status.value,
            moments[square.number].strftime("%Y-%m-%d %H:%M"),
        )
        for square in calendar.squares
    )
    return DrawnCalendar(
        calendar.span.value,
        LEFT + calendar.columns * PITCH,
        TOP + calendar.rows * PITCH,
        squares,
        tuple((LEFT + column * PITCH, _label(calendar, at)) for column, at in calendar.labels),
        _days(calendar),
    )


def _label(calendar: Calendar, at: datetime) -> str:
    if calendar.span is Span.HOUR:
        return format_time(at.time(), "HH:mm", locale=get_locale())
    return format_date(at.date(), _PATTERNS[calendar.span], locale=get_locale())


def _days(calendar: Calendar) -> tuple[tuple[int, str], ...]:
    """Every second day of the week, from Monday."""
    if calendar.span is not Span.WEEK:
        return ()
    monday = datetime(2031, 3, 3)  # noqa: DTZ001 - any Monday will do
    return tuple(
        (
            TOP + day * PITCH,
            format_date((monday + timedelta(days=day)).date(), "EEE", locale=get_locale()),
        )
        for day in (0, 2, 4)
    )
