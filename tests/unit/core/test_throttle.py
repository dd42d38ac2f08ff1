"""Ten tries a minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backupmon.core.throttle import MOST_TRIES, wait_before_try

NOW = datetime(2031, 3, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ages", "wait"),
    [
        ([], None),
        ([0] * 9, None),
        ([0] * 10, 60),
        ([59] + [0] * 9, 1),
        ([60] + [0] * 9, None),
        ([3600] * 100, None),
        (range(5, 60, 5), 10),
        ([20] * 30, 40),
        # The clock was set back by an hour: what lies ahead must lock nobody out.
        ([-3600] * 10, None),
        ([-30] * 10, 60),
    ],
)
def test_the_wait_lasts_until_the_tenth_last_is_a_minute_old(
    ages: list[int], wait: int | None
) -> None:
    tries = [NOW - timedelta(seconds=age) for age in ages]
    found = wait_before_try(tries, NOW)
    assert found == (None if wait is None else timedelta(seconds=wait))


def test_whoever_waits_as_told_may_try() -> None:
    tries = [NOW - timedelta(seconds=n) for n in range(MOST_TRIES)]
    wait = wait_before_try(tries, NOW)
    assert wait is not None
    assert wait_before_try(tries, NOW + wait) is None
