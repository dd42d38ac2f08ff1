"""A calendar of cycles: one square each, in columns of a week, of a day, or of an hour.

A column holds what a person takes in at once: the week of a nightly backup, the day of one that
runs every hour, the hour of one that runs every few minutes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

WEEKS, DAYS, HOURS = 26, 31, 36
#: More cycles a day than this are shown by the hour.
_BY_DAY = 24


class Span(StrEnum):
    """What one column stands for."""

    WEEK = "week"
    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class Square:
    """Where a cycle stands, and which of those that were given it is."""

    column: int
    row: int
    number: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """The squares, and what to write along the columns.

    Parameters
    ----------
    labels:
        Columns with a label, and the moment that it tells.
    """

    span: Span
    columns: int
    rows: int
    squares: tuple[Square, ...]
    labels: tuple[tuple[int, datetime], ...]


def lay_out(moments: Sequence[datetime], now: datetime) -> Calendar | None:
    """Lay cycles out by when they were due; None where there are none to show.

    Parameters
    ----------
    moments:
        In the job's own zone, oldest first.
    now:
        In the same zone: the last column holds it, or the newest cycle where that is later.
    """
    if not moments:
        return None
    last = max(now, moments[-1])
    busiest = max(Counter(moment.date() for moment in moments).values())
    if busiest <= 1:
        return _by_week(moments, last)
    if busiest <= _BY_DAY:
        return _by_order(moments, last, Span.DAY, DAYS)
    return _by_order(moments, last, Span.HOUR, HOURS)


def _by_week(moments: Sequence[datetime], last: datetime) -> Calendar:
    """Monday on top."""
    first = (_midnight(last) - timedelta(days=last.weekday(), weeks=WEEKS - 1)).replace(tzinfo=None)
    squares = []
    for number, moment in enumerate(moments):
        days = (_midnight(moment).replace(tzinfo=None) - first).days
        if days >= 0:
            squares.append(Square(days // 7, days % 7, number))
    columns = [last - timedelta(weeks=WEEKS - 1 - column) for column in range(WEEKS)]
    mondays = [moment - timedelta(days=moment.weekday()) for moment in columns]
    labels = [
        (column, monday)
        for column, monday in enumerate(mondays)
        if column and monday.month != mondays[column - 1].month
    ]
    return Calendar(Span.WEEK, WEEKS, 7, tuple(squares), tuple(labels))


def _by_order(moments: Sequence[datetime], last: datetime, span: Span, columns: int) -> Calendar:
    """In each column one below the other, in the order in which they were due."""
    begin = _midnight if span is Span.DAY else _full_hour
    step = timedelta(days=1) if span is Span.DAY else timedelta(hours=1)
    newest = begin(last).replace(tzinfo=None)
    squares: list[Square] = []
    heights: Counter[int] = Counter()
    for number, moment in enumerate(moments):
        column = columns - 1 - (newest - begin(moment).replace(tzinfo=None)) // step
        if column >= 0:
            squares.append(Square(column, heights[column], number))
            heights[column] += 1
    labels = [
        (column, begin(last) - step * (columns - 1 - column))
        for column in range(0, columns, 7 if span is Span.DAY else 6)
    ]
    return Calendar(span, columns, max(heights.values(), default=1), tuple(squares), tuple(labels))


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _full_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
