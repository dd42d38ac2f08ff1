"""When what is to be told is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backupmon.core.alert_policy import Reminders
from backupmon.core.alert_timing import (
    is_held,
    may_hand_over_again,
    may_try,
    reminder_due,
    retry_after,
)

NOON = datetime(2031, 3, 3, 12, tzinfo=UTC)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("attempts", "wait"), [(0, 5), (1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (6, 60), (10**9, 60)]
)
def test_waits_double_up_to_an_hour(attempts: int, wait: int) -> None:
    assert retry_after(attempts) == minutes(wait)


def test_what_may_have_arrived_is_handed_over_five_times_at_most() -> None:
    assert [may_hand_over_again(doubts) for doubts in range(7)] == [True] * 5 + [False] * 2


@pytest.mark.parametrize(
    ("next_try", "may"),
    [
        pytest.param(None, True, id="never tried"),
        pytest.param(-1, True, id="its time has come"),
        pytest.param(0, True, id="just now"),
        pytest.param(1, False, id="in a minute"),
        pytest.param(60, False, id="the longest wait"),
        pytest.param(61, True, id="no wait is that long: a clock jumped"),
        pytest.param(60 * 24 * 365, True, id="set in a trial with --as-of"),
    ],
)
def test_a_message_is_tried_when_its_time_has_come(next_try: int | None, may: bool) -> None:
    at = None if next_try is None else NOON + minutes(next_try)
    assert may_try(at, NOON) is may


@pytest.mark.parametrize(
    ("sent_ago", "held"), [(None, False), (0, True), (59.9, True), (60, False), (-5, False)]
)
def test_news_of_one_agent_is_gathered_for_an_hour(sent_ago: float | None, held: bool) -> None:
    sent_at = None if sent_ago is None else NOON - minutes(sent_ago)
    assert is_held(sent_at, NOON) is held


@pytest.mark.parametrize(
    ("reminders", "hours", "due"),
    [
        (Reminders.NONE, 10_000, False),
        (Reminders.DAILY, 23, False),
        (Reminders.DAILY, 24, True),
        (Reminders.WEEKLY, 24 * 6, False),
        (Reminders.WEEKLY, 24 * 7, True),
    ],
)
def test_reminders_come_as_often_as_the_job_asks(
    reminders: Reminders, hours: int, due: bool
) -> None:
    assert reminder_due(reminders, NOON - timedelta(hours=hours), NOON) is due
