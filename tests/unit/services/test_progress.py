"""Progress: what is noted of files that are read, and the end that breaks a reading off."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backupmon.services import progress
from backupmon.services.context import GivenBackError
from backupmon.services.progress import FileProgress, TaskWatch, request_stop

NOW = datetime(2031, 3, 3, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _goes_on() -> Iterator[None]:
    progress._stop.clear()
    yield
    progress._stop.clear()


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, Any]]]:
    monkeypatch.setattr(progress, "_NOTE_EVERY", 0.0)
    return []


@pytest.mark.parametrize(
    ("done", "total", "seconds", "rate", "left"),
    [
        (50, 200, 10, 5.0, 30.0),
        (0, 200, 10, 0.0, None),
        (50, 200, 0, 0.0, None),
        (300, 200, 10, 30.0, 0.0),
    ],
)
def test_rate_and_time_left(
    done: int, total: int, seconds: int, rate: float, left: float | None
) -> None:
    file = FileProgress((1,), done, total, NOW, NOW + timedelta(seconds=seconds))
    assert (file.rate, file.seconds_left) == (rate, left)


def test_each_file_is_noted_while_it_is_read_and_then_no_more(
    noted: list[list[dict[str, Any]]],
) -> None:
    watch = TaskWatch(noted.append).watch()
    watch.expect([1, 2], 100)
    watch.expect([3], 10)
    first, second = watch.reading([1, 2]), watch.reading([3])
    assert first is not None
    assert second is not None
    watch.tick()
    assert noted == []
    first(30)
    first(20)
    second(10)
    watch.tick()
    assert [(f["entries"], f["done"], f["total"]) for f in noted[-1]] == [
        ([1, 2], 50, 100),
        ([3], 10, 10),
    ]
    watch.done([1, 2])
    watch.done([3])
    watch.tick()
    watch.tick()
    assert [len(files) for files in noted] == [2, 0]


def test_a_process_that_is_to_end_reads_no_further() -> None:
    watch = TaskWatch(lambda _files: None).watch()
    reading = watch.reading([1])
    assert reading is not None
    reading(1)
    assert not watch.stopping()
    request_stop()
    assert watch.stopping()
    with pytest.raises(GivenBackError):
        reading(1)
