"""The lines of the charts: where they run, where they break, and what is marked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from backupmon.web.charts.line import HEIGHT, WIDTH, LineChart, Point, line_chart
from backupmon.web.charts.scale import byte_ticks

FIRST = datetime(2031, 3, 3, tzinfo=UTC)


def chart(*values: float | None) -> LineChart:
    points = [Point(FIRST + timedelta(days=day), value) for day, value in enumerate(values)]
    found = line_chart(points, byte_ticks)
    assert found is not None
    return found


def test_the_line_runs_from_edge_to_edge_over_a_real_zero() -> None:
    found = chart(0, 50, 100)
    assert found.ticks == (0, 50, 100)
    assert found.line == f"M0 {HEIGHT}L500 {HEIGHT // 2}L{WIDTH} 0"


def test_what_was_not_measured_breaks_the_line_and_a_lone_point_is_a_dot() -> None:
    found = chart(100, 100, None, 100, None, 100, 100)
    assert found.line.count("M") == 3
    assert "M500 0h0" in found.line


def test_the_band_begins_once_there_is_enough_to_compare_with() -> None:
    found = chart(100, 100, 100, 100, 100, 100, 100)
    assert found.bands[:5] == [None] * 5
    # The axis is made for the band, which reaches above the line.
    assert found.ticks[-1] >= 110
    assert found.band.startswith("M833.3 ")
    assert found.band.endswith("Z")


def test_an_odd_point_is_marked_with_what_was_normal() -> None:
    found = chart(100, 100, 100, 100, 100, 100, 20)
    (odd,) = found.odd
    assert odd.x == WIDTH
    assert odd.point.value == 20
    assert (odd.band.low, odd.band.high) == (90, 110)


def test_labels_spread_evenly_over_the_time() -> None:
    found = chart(1, 2, 3, 4, 5)
    assert found.moments == (FIRST, FIRST + timedelta(days=2), FIRST + timedelta(days=4))


def test_a_line_across_at_each_tick_but_zero() -> None:
    assert chart(0, 100).grid.count("H1000") == len(chart(0, 100).ticks) - 1


def test_one_point_is_no_line() -> None:
    assert line_chart([Point(FIRST, 5)], byte_ticks) is None
    assert line_chart([Point(FIRST, None), Point(FIRST, 5)], byte_ticks) is None
    assert line_chart([], byte_ticks) is None


def test_points_of_one_moment_and_of_nothing_are_drawn_all_the_same() -> None:
    found = line_chart([Point(FIRST, 0), Point(FIRST, 0)], byte_ticks)
    assert found is not None
    assert found.line == f"M0 {HEIGHT}L0 {HEIGHT}"
