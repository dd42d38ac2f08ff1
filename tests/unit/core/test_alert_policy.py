"""Who is told of what, as a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backupmon.core.alert_policy import (
    NOTHING_TOLD,
    AlertKind,
    AlertWhen,
    News,
    Silence,
    Told,
    decide,
    kind_of,
    urgency,
)
from backupmon.core.statuses import Status

NOON = datetime(2031, 3, 3, 12, tzinfo=UTC)
PROBLEM, WARNING, RECOVERY = AlertKind.PROBLEM, AlertKind.WARNING, AlertKind.RECOVERY
EVERY, FIRST = AlertWhen.EVERY_CYCLE, AlertWhen.FIRST_OF_RUN
GOOD, MISSING, FAILED = Status.SUCCESS, Status.MISSING, Status.FAILED
BROKEN, ODD = Status.TRANSFER_INTEGRITY_FAILED, Status.HASH_MISMATCH
#: What was told before: nothing, a problem or a warning, of this cycle or of one before.
NONE = NOTHING_TOLD
PROBLEM_NOW, PROBLEM_BEFORE = Told(PROBLEM, True), Told(PROBLEM, False)
WARNING_NOW, WARNING_BEFORE = Told(WARNING, True), Told(WARNING, False)

TABLE = [
    # status   told before     every cycle  first of run  silenced
    (MISSING, NONE, PROBLEM, PROBLEM, None),
    (FAILED, NONE, PROBLEM, PROBLEM, None),
    (BROKEN, NONE, PROBLEM, PROBLEM, None),
    (ODD, NONE, WARNING, WARNING, None),
    (GOOD, NONE, None, None, None),
    (Status.UNKNOWN, NONE, None, None, None),
    (MISSING, PROBLEM_NOW, None, None, None),
    (FAILED, PROBLEM_NOW, None, None, None),
    (MISSING, PROBLEM_BEFORE, PROBLEM, None, None),
    (FAILED, PROBLEM_BEFORE, PROBLEM, None, None),
    (BROKEN, PROBLEM_BEFORE, PROBLEM, None, None),
    (ODD, PROBLEM_NOW, WARNING, WARNING, None),
    (ODD, PROBLEM_BEFORE, WARNING, WARNING, None),
    (ODD, WARNING_NOW, None, None, None),
    (ODD, WARNING_BEFORE, WARNING, None, None),
    (MISSING, WARNING_BEFORE, PROBLEM, PROBLEM, None),
    (GOOD, PROBLEM_NOW, RECOVERY, RECOVERY, RECOVERY),
    (GOOD, PROBLEM_BEFORE, RECOVERY, RECOVERY, RECOVERY),
    (GOOD, WARNING_BEFORE, RECOVERY, RECOVERY, RECOVERY),
    (Status.UNKNOWN, PROBLEM_BEFORE, None, None, None),
]


@pytest.mark.parametrize(("status", "told", "every", "first", "silenced"), TABLE)
def test_what_is_told(
    status: Status,
    told: Told,
    every: AlertKind | None,
    first: AlertKind | None,
    silenced: AlertKind | None,
) -> None:
    news = News(status)
    assert decide(news, told, EVERY) == every
    assert decide(news, told, FIRST) == first
    for when in AlertWhen:
        assert decide(news, told, when, silenced=True) == silenced


@pytest.mark.parametrize(
    "why",
    [
        pytest.param({"decides": False}, id="older news, or not the cycle's best entry"),
        pytest.param({"before_job": True}, id="due before the job existed"),
    ],
)
@pytest.mark.parametrize(("status", "told"), [row[:2] for row in TABLE])
def test_history_is_silent(why: dict[str, bool], status: Status, told: Told) -> None:
    assert decide(News(status, **why), told) is None


@pytest.mark.parametrize(("status", "told"), [row[:2] for row in TABLE])
def test_a_paused_job_tells_no_trouble_and_answers_what_was_told(
    status: Status, told: Told
) -> None:
    expected = decide(News(status), told) if kind_of(status) is None else None
    assert decide(News(status, silent=True), told) is expected


def test_every_bad_status_is_told_as_something() -> None:
    told = {status for status in Status if kind_of(status) is not None}
    assert told == {MISSING, FAILED, BROKEN, ODD}


@pytest.mark.parametrize(
    ("silence", "status", "minutes", "covered"),
    [
        (Silence(until=NOON), MISSING, -1, True),
        (Silence(until=NOON), FAILED, -1, True),
        (Silence(until=NOON), MISSING, 0, False),
        (Silence(status=FAILED), FAILED, 10_000, True),
        (Silence(status=FAILED), MISSING, 0, False),
    ],
)
def test_a_snooze_ends_by_the_clock_and_an_acknowledgement_when_it_becomes_another_trouble(
    silence: Silence, status: Status, minutes: int, covered: bool
) -> None:
    assert silence.covers(status, NOON + timedelta(minutes=minutes)) is covered


def test_the_worst_comes_first() -> None:
    alerts = [
        (AlertKind.RECOVERY, Status.SUCCESS),
        (AlertKind.WARNING, ODD),
        (AlertKind.PROBLEM, BROKEN),
        (AlertKind.SERVER_OVER, None),
        (AlertKind.PROBLEM, MISSING),
        (AlertKind.SERVER, None),
        (AlertKind.PROBLEM, FAILED),
    ]
    assert [kind for kind, _ in sorted(alerts, key=lambda a: urgency(*a))] == [
        AlertKind.SERVER,
        *[AlertKind.PROBLEM] * 3,
        AlertKind.WARNING,
        AlertKind.RECOVERY,
        AlertKind.SERVER_OVER,
    ]
    ordered = sorted(alerts, key=lambda a: urgency(*a))
    assert [status for _, status in ordered[1:4]] == [MISSING, FAILED, BROKEN]
