"""What is normal, and what is odd, in a measure taken night after night."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backupmon.core.trend import ENOUGH, bands, odd_places


def test_nothing_is_odd_before_there_is_enough_to_compare_with() -> None:
    assert bands([1, 1000, 1, 1000, 1]) == [None] * ENOUGH
    assert odd_places([1, 1000, 1, 1000, 1]) == set()


def test_a_sudden_fall_is_odd_and_so_is_a_sudden_rise() -> None:
    steady = [100.0, 101, 99, 100, 102, 100]
    assert odd_places([*steady, 40]) == {6}
    assert odd_places([*steady, 180]) == {6}


def test_a_second_odd_value_is_still_odd() -> None:
    assert odd_places([100.0, 101, 99, 100, 102, 100, 40, 40]) == {6, 7}


def test_what_stays_at_its_new_size_becomes_normal() -> None:
    values = [100.0] * 14 + [300.0] * 14
    odd = odd_places(values)
    assert 14 in odd
    assert len(values) - 1 not in odd


@pytest.mark.parametrize("growth", [1.0, 1.01, 1.02, 1.03])
def test_steady_growth_is_never_odd(growth: float) -> None:
    assert odd_places([1000 * growth**night for night in range(90)]) == set()


def test_a_tenth_more_or_less_is_always_normal() -> None:
    assert odd_places([100.0] * 10 + [109, 91]) == set()


def test_what_was_not_measured_is_passed_over() -> None:
    values = [100.0, None, 101, None, 99, 100, 102, None, 100, 10]
    assert odd_places(values) == {9}
    assert bands(values)[7] is not None


@given(st.lists(st.none() | st.floats(0, 1e15), max_size=40))
def test_a_band_is_never_below_zero_and_never_upside_down(values: list[float | None]) -> None:
    for band in bands(values):
        assert band is None or 0 <= band.low <= band.high
