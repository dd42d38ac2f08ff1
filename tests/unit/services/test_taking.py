"""What is connected is taken as a whole: entries of one job, and reports on one staged file."""

from __future__ import annotations

import pytest

from backupmon.services.taking import Waiting, connected, taken_together


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


def group(first: int, *sizes: int | None, held: bool = False) -> list[Waiting]:
    """The entries of one job, from the id `first` on."""
    return [Waiting(first + n, first, True, None, size, held) for n, size in enumerate(sizes)]


MIB = 1 << 20


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        pytest.param(group(1, 9), [group(2, 9), group(3, 9)], [1, 2, 3], id="small with small"),
        pytest.param(group(1, 99 * MIB), [group(2, 9)], [1], id="none with a large one"),
        pytest.param(group(1, 9), [group(2, 99 * MIB), group(3, 9)], [1, 3], id="no large one"),
        pytest.param(group(1, None), [group(2, 9)], [1], id="none with one of unknown size"),
        pytest.param(group(1, 9), [group(2, None)], [1], id="none of unknown size"),
        pytest.param(group(1, 9), [group(2, 9, held=True)], [1], id="none that another holds"),
        pytest.param(group(1, 9), [group(2, 9 * MIB, 9 * MIB)], [1], id="none large as a whole"),
        pytest.param(
            group(1, 16 * MIB),
            [group(n, 16 * MIB) for n in range(2, 9)],
            [1, 2, 3, 4],
            id="no more than is read in a moment",
        ),
        pytest.param(
            group(1, 9), [group(n, 9) for n in range(2, 99)], list(range(1, 33)), id="not too many"
        ),
    ],
)
def test_small_ones_are_taken_together(
    own: list[Waiting], others: list[list[Waiting]], expected: list[int]
) -> None:
    taken = taken_together(own, [own, *others])
    assert [one.entry_id for group in taken for one in group] == expected
