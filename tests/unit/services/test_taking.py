"""What is connected is taken as a whole: entries of one job, and reports on one staged file."""

from __future__ import annotations

import pytest

from backupmon.services.taking import Waiting, connected


def one(entry: int, job: int, place: str | None = None, *, pending: bool = True) -> Waiting:
    return Waiting(entry, job, pending, place, None, held=False)


def groups(*waiting: Waiting) -> list[list[int]]:
    return [[w.entry_id for w in group] for group in connected(waiting)]


@pytest.mark.parametrize(
    ("waiting", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([one(1, 1, "a"), one(2, 2, "b")], [[1], [2]], id="strangers"),
        pytest.param([one(1, 1, "a"), one(2, 1, "b")], [[1, 2]], id="one job"),
        pytest.param([one(1, 1, "a"), one(2, 2, "a")], [[1, 2]], id="one staged file"),
        pytest.param(
            [one(1, 1, "a"), one(2, 2, "b"), one(3, 3, "c"), one(4, 1, "b"), one(5, 3, "d")],
            [[1, 2, 4], [3, 5]],
            id="a chain of jobs and files",
        ),
        pytest.param(
            [one(1, 1, "a"), one(2, 2, "b"), one(3, 2, "a")],
            [[1, 2, 3]],
            id="two groups that a later entry joins",
        ),
        pytest.param(
            [one(1, 1, None), one(2, 2, None)], [[1], [2]], id="no place that could be shared"
        ),
        pytest.param(
            [one(1, 1, "a", pending=False), one(2, 2, "a")],
            [[1], [2]],
            id="a concluded entry's file is claimed, so its place is free",
        ),
        pytest.param(
            [one(1, 1, "a", pending=False), one(2, 1, "b")],
            [[1, 2]],
            id="a concluded entry's job is still busy",
        ),
        pytest.param([one(2, 2, "b"), one(1, 1, "a")], [[2], [1]], id="in the order given"),
    ],
)
def test_groups(waiting: list[Waiting], expected: list[list[int]]) -> None:
    assert groups(*waiting) == expected
