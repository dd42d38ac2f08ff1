"""Statuses: the words themselves, and what a cycle is worth."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backupmon.core.statuses import BEST_FIRST, PROBLEMS, Status, best

S = Status


def test_statuses_are_stored_as_these_words() -> None:
    assert [s.value for s in Status] == [
        "SUCCESS",
        "HASH_MISMATCH",
        "TRANSFER_INTEGRITY_FAILED",
        "FAILED",
        "MISSING",
        "UNKNOWN",
        "PENDING",
    ]
    assert f"{Status.FAILED}" == "FAILED"


def test_problems_are_those_that_left_no_good_backup() -> None:
    assert {S.FAILED, S.TRANSFER_INTEGRITY_FAILED, S.MISSING} == PROBLEMS


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        pytest.param([], S.UNKNOWN, id="no entry"),
        pytest.param([S.PENDING], S.UNKNOWN, id="none concluded"),
        pytest.param([S.PENDING, S.MISSING], S.MISSING, id="one concluded"),
        pytest.param([S.SUCCESS, S.FAILED], S.SUCCESS, id="a failed re-run after a success"),
        pytest.param([S.MISSING, S.SUCCESS], S.SUCCESS, id="a late success after MISSING"),
        pytest.param([S.MISSING, S.FAILED], S.FAILED, id="a late failure after MISSING"),
        pytest.param([S.UNKNOWN, S.MISSING], S.MISSING, id="overtaken, then missing"),
        pytest.param([S.UNKNOWN, S.FAILED], S.FAILED, id="overtaken, then failed"),
        pytest.param([S.HASH_MISMATCH, S.FAILED], S.HASH_MISMATCH, id="intact, then failed"),
    ],
)
def test_a_cycle_is_as_good_as_its_best_entry(statuses: list[Status], expected: Status) -> None:
    assert best(statuses) is best(reversed(statuses)) is expected


def test_each_status_is_better_than_the_next() -> None:
    assert set(BEST_FIRST) == set(Status) - {S.PENDING}
    for better, worse in pairwise(BEST_FIRST):
        assert best([worse, better]) is better


@given(st.lists(st.sampled_from(Status)), st.sampled_from(Status))
def test_a_further_entry_never_makes_a_cycle_worse(statuses: list[Status], more: Status) -> None:
    before, after = best(statuses), best([*statuses, more])
    assert BEST_FIRST.index(after) <= BEST_FIRST.index(before)
