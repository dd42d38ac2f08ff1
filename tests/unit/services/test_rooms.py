"""Asking filesystems what they have left, also one that does not answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backupmon.services.system import rooms
from backupmon.storage.filesystems import Room, room_at


@pytest.fixture
def dead_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """``/dead`` answers only once the test is over, as a network disk whose server is away."""
    over, asked = threading.Event(), []

    def ask(path: Path) -> Room:
        asked.append(path)
        if path.name == "dead":
            over.wait(30)
        return room_at(Path("/"))

    monkeypatch.setattr(rooms, "room_at", ask)
    monkeypatch.setattr(rooms, "_PATIENCE", 0.05)
    yield asked
    over.set()


def test_a_disk_that_does_not_answer_holds_nobody_up(dead_disk: list[Path]) -> None:
    wanted = {"DEAD": Path("/dead"), "GOOD": Path("/good")}
    found = rooms.find_rooms(wanted)
    assert found["DEAD"].silent
    assert found["GOOD"].room is not None
    for _ in range(20):
        assert rooms.find_rooms(wanted)["DEAD"].silent
    assert dead_disk.count(Path("/dead")) == 1, "one asks, whoever else wants to know"
    assert dead_disk.count(Path("/good")) == 21


def test_what_is_absent_says_so(tmp_path: Path) -> None:
    found = rooms.find_rooms({"AWAY": tmp_path / "away"})["AWAY"]
    assert (found.room, found.problem, found.silent) == (None, "No such file or directory", False)
