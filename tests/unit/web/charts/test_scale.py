"""Axes: few ticks, round numbers, zero at the foot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backupmon.web.charts.scale import byte_ticks, second_ticks


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (43_000_000, [0, 20e6, 40e6, 60e6]),
        (40_000_000, [0, 10e6, 20e6, 30e6, 40e6]),
        (999, [0, 500, 1000]),
    ],
)
def test_ticks_of_bytes_are_round_in_decimal_units(highest: float, expected: list[float]) -> None:
    assert byte_ticks(highest) == expected


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        (3, [0, 1, 2, 3]),
        (100, [0, 30, 60, 90, 120]),
        (1200, [0, 300, 600, 900, 1200]),
        (5 * 3600, [0, 7200, 14400, 21600]),
        (30 * 86400, [0, 864000, 1728000, 2592000]),
    ],
)
def test_ticks_of_time_are_what_a_clock_has(highest: float, expected: list[float]) -> None:
    assert second_ticks(highest) == expected


@given(st.floats(0, 1e18))
def test_every_axis_begins_at_zero_holds_its_highest_and_is_short(highest: float) -> None:
    for found in (byte_ticks(highest), second_ticks(highest)):
        assert found[0] == 0
        assert found[-1] >= highest * (1 - 1e-6)
        assert 2 <= len(found) <= 6
