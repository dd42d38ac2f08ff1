"""The small drawings: sparkline and proportional bar."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backupmon.web.charts.bar import WIDTH, proportional_bar
from backupmon.web.charts.spark import HEIGHT, sparkline


def test_a_sparkline_stands_on_zero_and_passes_over_gaps() -> None:
    found = sparkline([100, None, 70])
    assert found is not None
    assert found.points == "3,7 69,10"
    assert (found.end_x, found.end_y) == (69, 10)


@pytest.mark.parametrize("values", [[], [5], [None, None, 5]])
def test_a_single_size_is_no_line(values: list[int | None]) -> None:
    assert sparkline(values) is None


def test_empty_files_lie_on_the_ground() -> None:
    found = sparkline([0, 0])
    assert found is not None
    assert found.end_y == HEIGHT - 3


def test_one_failure_among_ten_thousand_can_be_seen() -> None:
    (_, failed), (begins, good) = proportional_bar([1, 9_999])
    assert failed == 8
    assert begins == 11
    assert begins + good == WIDTH


def test_nothing_is_a_bar_of_nothing() -> None:
    assert proportional_bar([0, 0]) == [(0, 0), (0, 0)]
    assert proportional_bar([]) == []


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=7))
def test_parts_follow_each_other_and_fill_the_bar(counts: list[int]) -> None:
    parts = [(x, width) for x, width in proportional_bar(counts) if width]
    assert len(parts) == sum(1 for count in counts if count)
    for (x, width), (following, _) in pairwise(parts):
        assert x + width <= following + 0.2
    if parts:
        assert sum(parts[-1]) == pytest.approx(WIDTH, abs=0.5)
