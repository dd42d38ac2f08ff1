"""The calendar: each cycle has its square, in a column that a person takes in at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from backupmon.web.charts.calendar import DAYS, HOURS, WEEKS, Calendar, Span, lay_out

PARIS = ZoneInfo("Europe/Paris")
#: A Wednesday.
NOW = datetime(2031, 3, 5, 9, 0, tzinfo=PARIS)


def laid_out(moments: list[datetime], now: datetime = NOW) -> Calendar:
    found = lay_out(moments, now)
    assert found is not None
    return found


def nights(count: int, now: datetime = NOW) -> list[datetime]:
    last = now.replace(hour=2, minute=0)
    return [last - timedelta(days=count - 1 - night) for night in range(count)]


def test_nightly_cycles_stand_in_weeks_with_monday_on_top() -> None:
    found = laid_out(nights(3))
    assert (found.span, found.columns, found.rows) == (Span.WEEK, WEEKS, 7)
    assert [(s.column, s.row, s.number) for s in found.squares] == [
        (WEEKS - 1, 0, 0),
        (WEEKS - 1, 1, 1),
        (WEEKS - 1, 2, 2),
    ]


def test_cycles_before_the_calendar_begins_are_left_out() -> None:
    found = laid_out(nights(400))
    assert len(found.squares) == (WEEKS - 1) * 7 + 3
    assert found.squares[0].column == found.squares[0].row == 0


def test_no_two_cycles_share_a_square_even_when_clocks_change() -> None:
    now = datetime(2031, 4, 20, 9, 0, tzinfo=PARIS)
    found = laid_out(nights(120, now), now)
    places = {(square.column, square.row) for square in found.squares}
    assert len(places) == len(found.squares) == 120


def test_a_label_stands_where_a_month_begins() -> None:
    labels = laid_out(nights(3)).labels
    assert [moment.month for _, moment in labels] == [10, 11, 12, 1, 2, 3]
    columns = [column for column, _ in labels]
    assert columns == sorted(columns)


def test_hourly_cycles_stand_in_days() -> None:
    hours = [NOW.replace(hour=0) - timedelta(days=2) + timedelta(hours=n) for n in range(57)]
    found = laid_out(hours)
    assert (found.span, found.columns, found.rows) == (Span.DAY, DAYS, 24)
    assert (found.squares[0].column, found.squares[0].row) == (DAYS - 3, 0)
    assert (found.squares[-1].column, found.squares[-1].row) == (DAYS - 1, 8)


def test_cycles_of_every_five_minutes_stand_in_hours() -> None:
    often = [NOW - timedelta(minutes=5 * n) for n in reversed(range(600))]
    found = laid_out(often)
    assert (found.span, found.columns, found.rows) == (Span.HOUR, HOURS, 12)
    assert (found.squares[-1].column, found.squares[-1].row) == (HOURS - 1, 0)


def test_weekly_cycles_stand_in_weeks() -> None:
    weekly = [NOW - timedelta(weeks=n) for n in reversed(range(5))]
    assert [(s.column, s.row) for s in laid_out(weekly).squares] == [
        (WEEKS - 5 + n, 2) for n in range(5)
    ]


def test_a_cycle_that_lies_ahead_has_its_place_too() -> None:
    found = laid_out([NOW + timedelta(days=3)])
    assert found.squares[0].column == WEEKS - 1


def test_without_cycles_there_is_no_calendar() -> None:
    assert lay_out([], NOW) is None
