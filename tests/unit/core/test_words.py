"""Quantities as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backupmon.core.words import human_bytes, human_span, human_time, short_hash


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (17_872_513, "17.9 MB"),
        (188_178_944, "188.2 MB"),
        (5_000_000_000, "5.0 GB"),
        (3 * 10**12, "3.0 TB"),
        (2**63 - 1, "9223.4 PB"),
        (-2500, "-2.5 kB"),
    ],
)
def test_sizes_are_told_in_decimal_units(size: int, words: str) -> None:
    assert human_bytes(size) == words


@given(st.integers(0, 10**15))
def test_no_size_below_the_largest_unit_is_told_with_four_digits(size: int) -> None:
    assert float(human_bytes(size).split()[0]) < 1000


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(microseconds=1), "less than 1 s"),
        (timedelta(seconds=40), "40 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(seconds=119), "1 min"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(hours=3), "3 h"),
        (timedelta(days=3), "3 d"),
        (timedelta(days=3, hours=4, minutes=5), "3 d 4 h"),
        (timedelta(days=3, minutes=5), "3 d 5 min"),
        (-timedelta(hours=2, minutes=5), "2 h 5 min"),
    ],
)
def test_spans_are_told_in_their_two_largest_units(span: timedelta, words: str) -> None:
    assert human_span(span) == words


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (datetime(2025, 6, 12, 13, 30, 59, tzinfo=UTC), "2025-06-12 13:30 UTC"),
        (datetime(2025, 6, 12, 0, 30, tzinfo=ZoneInfo("Europe/Paris")), "2025-06-11 22:30 UTC"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01 00:00 UTC"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "9999-12-31 23:59 UTC"),
    ],
)
def test_moments_are_told_in_utc_to_the_minute(moment: datetime, words: str) -> None:
    assert human_time(moment) == words


def test_twelve_digits_tell_two_hashes_apart() -> None:
    assert short_hash("0123456789abcdef" * 4) == "0123456789ab"
