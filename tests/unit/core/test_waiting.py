"""Waiting: how long a wrong file may still become right, and whose report a file answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backupmon.core.file_findings import Section
from backupmon.core.measurement import Measurement, Presence
from backupmon.core.waiting import LONGEST_WAIT, Claimant, Patience, answers, contest

NOW = datetime(2025, 6, 12, 3, 0, tzinfo=UTC)
SETTLE = timedelta(seconds=60)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
A, B, C = "a" * 64, "b" * 64, "c" * 64


def waits(
    *,
    settle: timedelta = SETTLE,
    landed: timedelta = 10 * MINUTE,
    changed: timedelta | None = 10 * MINUTE,
    held: bool = False,
    deadline_in: timedelta = 10 * MINUTE,
) -> bool:
    """Whether a wrong file waits that landed and changed so long ago."""
    return Patience(settle, NOW, NOW).waits(
        landed_at=NOW - landed,
        changed_at=None if changed is None else NOW - changed,
        held=held,
        deadline=NOW + deadline_in,
    )


@pytest.mark.parametrize(
    ("landed", "changed", "expected"),
    [
        pytest.param(10 * MINUTE, 10 * MINUTE, False, id="both old"),
        pytest.param(10 * MINUTE, None, False, id="old report, no file"),
        pytest.param(30 * SECOND, None, True, id="young report, no file"),
        pytest.param(30 * SECOND, 10 * MINUTE, True, id="young report, old file"),
        pytest.param(10 * MINUTE, 30 * SECOND, True, id="old report, young file"),
        pytest.param(10 * MINUTE, 59 * SECOND, True, id="just young"),
        pytest.param(10 * MINUTE, 60 * SECOND, False, id="just settled"),
        pytest.param(60 * SECOND, None, False, id="report just settled"),
        pytest.param(10 * MINUTE, -SECOND, True, id="ahead of a coarse clock"),
    ],
)
def test_a_wrong_file_waits_while_it_or_its_report_is_young(
    landed: timedelta, changed: timedelta | None, expected: bool
) -> None:
    assert waits(landed=landed, changed=changed) is expected


@pytest.mark.parametrize("age", [timedelta(0), SECOND, -SECOND, -MINUTE, None])
def test_without_a_time_to_settle_nothing_waits(age: timedelta | None) -> None:
    assert not waits(settle=timedelta(0), landed=age or timedelta(0), changed=age)


@pytest.mark.parametrize("settle", [timedelta(0), SETTLE])
def test_a_file_that_a_writer_holds_waits_however_old_it_is(settle: timedelta) -> None:
    assert waits(settle=settle, held=True)


@pytest.mark.parametrize(
    ("landed", "deadline_in", "expected"),
    [
        pytest.param(59 * MINUTE, -10 * MINUTE, True, id="past the deadline, within the hour"),
        pytest.param(60 * MINUTE, -10 * MINUTE, False, id="an hour after landing"),
        pytest.param(5 * HOUR, SECOND, True, id="long after landing, before the deadline"),
        pytest.param(5 * HOUR, timedelta(0), False, id="at the deadline"),
        pytest.param(5 * HOUR, -SECOND, False, id="both over"),
    ],
)
@pytest.mark.parametrize("held", [True, False], ids=["held", "young"])
def test_a_wait_ends_at_the_deadline_or_an_hour_after_landing_whichever_is_later(
    landed: timedelta, deadline_in: timedelta, expected: bool, held: bool
) -> None:
    changed = 10 * MINUTE if held else SECOND
    assert waits(landed=landed, changed=changed, held=held, deadline_in=deadline_in) is expected


@pytest.mark.parametrize(
    ("ahead", "expected"), [(59 * MINUTE, True), (60 * MINUTE, False), (9000 * HOUR, False)]
)
def test_a_clock_that_was_set_back_holds_up_nothing_for_ever(
    ahead: timedelta, expected: bool
) -> None:
    assert waits(landed=-ahead, changed=-ahead, deadline_in=-HOUR) is expected
    assert waits(landed=-ahead, changed=None, held=True, deadline_in=-HOUR) is expected
    assert Patience(SETTLE, NOW, NOW).young(NOW + ahead) is expected


def test_a_deadline_is_held_against_the_scan_and_an_age_against_the_disk() -> None:
    # A scan that looks back with --as-of, on a disk whose clock goes on.
    patience = Patience(SETTLE, now=NOW - 24 * HOUR, clock=NOW)
    facts = {"landed_at": NOW - 5 * HOUR, "changed_at": None, "deadline": NOW - 20 * HOUR}
    assert patience.waits(held=True, **facts)
    assert not replace(patience, now=NOW).waits(held=True, **facts)


def test_what_has_no_time_is_not_young() -> None:
    assert not Patience(SETTLE, NOW, NOW).young(None)


@given(
    st.timedeltas(-2 * HOUR, 2 * HOUR),
    st.timedeltas(-2 * HOUR, 2 * HOUR) | st.none(),
    st.timedeltas(-2 * HOUR, 2 * HOUR),
    st.timedeltas(timedelta(0), 24 * HOUR),
    st.booleans(),
)
def test_every_wait_ends(
    landed: timedelta,
    changed: timedelta | None,
    deadline_in: timedelta,
    settle: timedelta,
    held: bool,
) -> None:
    end = NOW + max(deadline_in, LONGEST_WAIT - landed)
    assert not Patience(settle, end, end).waits(
        landed_at=NOW - landed,
        changed_at=None if changed is None else NOW - changed,
        held=held,
        deadline=NOW + deadline_in,
    )


# --- whose report a file answers -------------------------------------------------------------


def claimant(key: str, hour: int, sha256: str | None, size: int | None = 10) -> Claimant[str]:
    end = NOW.replace(hour=hour)
    return Claimant(key, Section(report_end=end, compress_sha256=sha256, compress_size=size))


def keys(claimants: tuple[Claimant[str], ...]) -> list[str]:
    return [one.key for one in claimants]


FILE_A = Measurement(Presence.FILE, size=10, sha256=A)


@pytest.mark.parametrize(
    ("measurement", "sha256", "size", "expected"),
    [
        pytest.param(FILE_A, A, 10, True, id="size and hash"),
        pytest.param(FILE_A, A, None, True, id="hash, no size told"),
        pytest.param(FILE_A, A, 11, False, id="another size"),
        pytest.param(FILE_A, B, 10, False, id="another hash"),
        pytest.param(FILE_A, None, 10, False, id="no checksum told"),
        pytest.param(replace(FILE_A, sha256=None), A, 10, False, id="not hashed"),
        pytest.param(replace(FILE_A, sha256=None), None, 10, False, id="neither"),
        pytest.param(replace(FILE_A, presence=Presence.LINKED), A, 10, False, id="a link"),
        pytest.param(Measurement(Presence.ABSENT), A, None, False, id="absent"),
    ],
)
def test_a_file_answers_a_report_by_size_and_hash(
    measurement: Measurement, sha256: str | None, size: int | None, expected: bool
) -> None:
    assert answers(claimant("one", 1, sha256, size).section, measurement) is expected


@pytest.mark.parametrize(
    ("reported", "chosen", "answered", "overtaken", "unanswered"),
    [
        pytest.param([A], "r1", True, [], [], id="one, answered"),
        pytest.param([B], "r1", False, [], [], id="one, not answered"),
        pytest.param([B, A], "r2", True, ["r1"], [], id="the newer answered"),
        pytest.param([A, B], "r1", True, [], ["r2"], id="the older answered"),
        pytest.param([B, A, C], "r2", True, ["r1"], ["r3"], id="the middle answered"),
        pytest.param([A, A], "r2", True, ["r1"], [], id="both answered"),
        pytest.param([A, B, A, C], "r3", True, ["r1", "r2"], ["r4"], id="two of four answered"),
        pytest.param([B, C], "r2", False, ["r1"], [], id="none answered"),
        pytest.param([B, None], "r2", False, ["r1"], [], id="the newest gives no checksum"),
        pytest.param([None, B, C], "r3", False, ["r1", "r2"], [], id="none of three"),
    ],
)
@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "backwards"])
def test_a_file_is_judged_by_the_newest_report_that_it_answers(
    reported: list[str | None],
    chosen: str,
    answered: bool,
    overtaken: list[str],
    unanswered: list[str],
    backwards: bool,
) -> None:
    claimants = [claimant(f"r{n}", n, sha256) for n, sha256 in enumerate(reported, 1)]
    found = contest(claimants[::-1] if backwards else claimants, FILE_A)
    assert found.chosen.key == chosen
    assert found.answered is answered
    assert keys(found.overtaken) == overtaken
    assert keys(found.unanswered) == unanswered


def test_an_absent_file_is_judged_by_the_newest_report() -> None:
    claimants = [claimant("old", 1, A), claimant("new", 2, B)]
    found = contest(claimants, Measurement(Presence.ABSENT))
    assert (found.chosen.key, found.answered) == ("new", False)
    assert keys(found.overtaken) == ["old"]


def test_of_reports_with_one_end_the_last_given_is_the_newest() -> None:
    found = contest([claimant("first", 1, A), claimant("second", 1, A)], FILE_A)
    assert found.chosen.key == "second"
    assert keys(found.overtaken) == ["first"]


@given(st.lists(st.tuples(st.integers(0, 23), st.sampled_from([A, B, None])), min_size=1))
def test_no_report_is_lost_in_a_contest(reported: list[tuple[int, str | None]]) -> None:
    claimants = [claimant(str(n), hour, sha256) for n, (hour, sha256) in enumerate(reported)]
    found = contest(claimants, FILE_A)
    told = [*keys(found.overtaken), found.chosen.key, *keys(found.unanswered)]
    assert sorted(told) == sorted(one.key for one in claimants)
    end = found.chosen.section.report_end
    assert all(one.section.report_end <= end for one in found.overtaken)
    assert all(one.section.report_end >= end for one in found.unanswered)
    assert not any(answers(one.section, FILE_A) for one in found.unanswered)
