"""How much free space, a clock, or trouble in a check itself, weighs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from backupmon.config import Settings
from backupmon.core.findings import Level
from backupmon.services.doctor.checks import Check, good
from backupmon.services.doctor.clocks import judge_clock
from backupmon.services.doctor.examination import run
from backupmon.services.doctor.patient import Patient
from backupmon.services.doctor.space import judge_room
from backupmon.storage.filesystems import Room

GOOD, WARNING, BAD = Level.GOOD, Level.WARNING, Level.BAD
GIB = 1 << 30
NOON = datetime(2031, 3, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size", "free", "level"),
    [
        (100 * GIB, 50 * GIB, GOOD),
        (100 * GIB, 10 * GIB, GOOD),
        (100 * GIB, 10 * GIB - 1, WARNING),
        (2 * GIB, GIB, GOOD),
        (2 * GIB, GIB - 1, WARNING),
        (100 * GIB, GIB, WARNING),
        (100 * GIB, GIB - 1, BAD),
        (0, 0, BAD),
    ],
)
def test_free_bytes(size: int, free: int, level: Level) -> None:
    check = judge_room("DATA_DIR", Room(1, size, free, 0, 0))
    assert check.level is level
    assert bool(check.hint) is (level is not GOOD)


@pytest.mark.parametrize(("free", "level"), [(100, GOOD), (99, WARNING), (10, WARNING), (9, BAD)])
def test_a_disk_with_free_bytes_can_be_full_of_files(free: int, level: Level) -> None:
    check = judge_room("DATA_DIR", Room(1, 100 * GIB, 50 * GIB, 1000, free))
    assert check.level is level
    assert ("inodes" in check.words) is (level is not GOOD)


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        (0, GOOD, ""),
        (5, GOOD, ""),
        (6, WARNING, "6 s ahead of"),
        (-6, WARNING, "6 s behind"),
        (60, WARNING, "1 min ahead of"),
        (61, BAD, "ahead of"),
        (-7200, BAD, "2 h behind"),
    ],
)
def test_a_clock_that_differs(seconds: int, level: Level, words: str) -> None:
    check = judge_clock("Redis", NOON + timedelta(seconds=seconds), NOON, NOON)
    assert check.level is level
    assert words in check.words


def test_a_slow_answer_is_no_wrong_clock() -> None:
    asked, answered = NOON - timedelta(seconds=90), NOON + timedelta(seconds=90)
    assert judge_clock("Redis", NOON, asked, answered).level is GOOD


def test_trouble_in_a_check_is_its_result_and_what_came_before_it_stays(
    app: Flask, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def teeth_are_clean(_patient: Patient) -> Iterator[Check]:
        yield good("teeth", "there are some")
        raise ZeroDivisionError("no\nteeth")

    first, second = run(teeth_are_clean, Patient(settings))
    assert (first.level, second.level) == (GOOD, BAD)
    assert second.name == "teeth are clean"
    assert second.words == "cannot be told: no teeth"
    assert "ZeroDivisionError" in capsys.readouterr().err
