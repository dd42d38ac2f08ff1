"""What a job should be like, guessed from what its agent has done."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from backupmon.core.guessing import daily_at, guess_place, guess_schedule
from backupmon.core.phrases import in_english

MONDAY = datetime(2031, 3, 3, tzinfo=UTC)
GREENWICH = ZoneInfo("UTC")


def ends(days: Iterable[int], *times: str) -> list[datetime]:
    """Runs on these days after a Monday, at these times by turns."""
    found = []
    for number, day in enumerate(days):
        hour, minute = times[number % len(times)].split(":")
        found.append(MONDAY + timedelta(days=day, hours=int(hour), minutes=int(minute)))
    return found


@pytest.mark.parametrize(
    ("moments", "cron"),
    [
        (ends(range(2), "22:31", "22:34"), "35 22 * * *"),
        (ends(range(14), "22:31", "22:40", "22:36"), "35 22 * * *"),
        # Around midnight, a few minutes make another day.
        (ends(range(8), "23:58", "24:05", "23:57"), "0 0 * * *"),
        # One of five by hand, in the afternoon.
        ([*ends(range(8), "2:10"), MONDAY + timedelta(days=3, hours=15)], "10 2 * * *"),
        # A night that was missed is no day off.
        (ends([0, 1, 3, 4, 5, 6], "2:10"), "10 2 * * *"),
        (ends([0, 1, 2, 3, 4, 7, 8, 9, 10, 11], "2:10"), "10 2 * * 1,2,3,4,5"),
        (ends([6, 13], "2:10"), "10 2 * * 0"),
        (ends([6, 13, 20], "2:10", "2:40"), "10 2 * * 0"),
        ([MONDAY + timedelta(hours=6 * n, minutes=7) for n in range(9)], "5 0,6,12,18 * * *"),
        ([MONDAY + timedelta(hours=12 * n + 5) for n in range(9)], "0 5,17 * * *"),
        ([MONDAY + timedelta(hours=n, minutes=20) for n in range(30)], "20 * * * *"),
    ],
)
def test_a_schedule_is_told_from_when_reports_end(moments: list[datetime], cron: str) -> None:
    found = guess_schedule(moments, GREENWICH)
    assert found is not None
    assert found.cron == cron


@pytest.mark.parametrize(
    "moments",
    [
        [],
        ends([0], "2:10"),
        # Three tries in one night are one night.
        ends([0, 0, 0], "2:10", "2:20", "2:40"),
        ends(range(4), "2:10", "9:00", "15:00", "20:00"),
        [MONDAY + timedelta(minutes=10 * n) for n in range(30)],
    ],
)
def test_where_no_rule_is_to_be_seen_none_is_told(moments: list[datetime]) -> None:
    assert guess_schedule(moments, GREENWICH) is None


def test_the_guess_says_why_and_is_in_the_zone() -> None:
    found = guess_schedule(ends(range(3), "22:58", "23:02", "23:10"), ZoneInfo("Africa/Douala"))
    assert found is not None
    assert found.cron == "0 0 * * *"
    assert in_english(found.why) == "3 of its reports ended between 23:58 and 00:10"


def test_a_single_run_is_taken_for_daily() -> None:
    assert daily_at(MONDAY + timedelta(hours=23, minutes=58), GREENWICH) == "0 0 * * *"


@pytest.mark.parametrize(
    ("agent", "place"),
    [
        ("acme_douala", ("acme", "Douala")),
        ("zeta", ("zeta", "zeta")),
        ("zeta-new-york", ("zeta", "New")),
        ("__", ("__", "__")),
    ],
)
def test_company_and_city_are_told_from_the_agents_id(agent: str, place: tuple[str, str]) -> None:
    assert guess_place(agent) == place
