"""Days and a time, as cron expressions and back."""

from __future__ import annotations

import pytest

from backupmon.core.weekly import DAYS, Weekly, from_cron, weekly


@pytest.mark.parametrize(
    ("days", "time", "cron"),
    [
        (DAYS, "22:30", "30 22 * * *"),
        (("mon",), "00:00", "0 0 * * 1"),
        (("sun",), "9:05", "5 9 * * 0"),
        (("sat", "fri", "sun"), "06:00", "0 6 * * 0,5,6"),
        (("mon", "tue", "wed", "thu", "fri"), "23:59", "59 23 * * 1,2,3,4,5"),
    ],
)
def test_what_was_chosen_is_a_cron_expression_and_back(
    days: tuple[str, ...], time: str, cron: str
) -> None:
    chosen = weekly(days, time)
    assert chosen is not None
    assert chosen.cron() == cron
    assert from_cron(cron) == chosen


@pytest.mark.parametrize(
    ("days", "time"),
    [
        ((), "22:30"),
        (("someday",), "22:30"),
        (DAYS, ""),
        (DAYS, "24:00"),
        (DAYS, "7:5"),
        (DAYS, "x"),
    ],
)
def test_what_is_no_day_or_no_time(days: tuple[str, ...], time: str) -> None:
    assert weekly(days, time) is None


@pytest.mark.parametrize(
    "cron",
    [
        "*/5 * * * *",
        "0 1,13 * * *",
        "0 1 1 * *",
        "0 1 * 2 *",
        "0 25 * * *",
        "61 1 * * *",
        "",
        "0 1 * * 8",
    ],
)
def test_what_says_more_than_days_and_a_time(cron: str) -> None:
    assert from_cron(cron) is None


def test_sunday_has_two_numbers() -> None:
    assert from_cron("0 1 * * 7") == Weekly(("sun",), "01:00")
