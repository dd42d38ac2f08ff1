"""The supervisor: parts that die come back, and those that will not end are ended."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backupmon.supervision import supervisor as module
from backupmon.supervision.parts import Part
from backupmon.supervision.supervisor import Supervisor


class Log:
    """What was said, by part."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def say(self, name: str, line: str) -> None:
        self.lines.append((name, line))

    def of(self, name: str) -> list[str]:
        return [line for said, line in self.lines if said == name]


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(module, "_LONGEST_PAUSE", 0.2)
    monkeypatch.setattr(module, "_GRACE", 1.0)
    monkeypatch.setattr(module, "_LAST_GRACE", 1.0)
    monkeypatch.setattr(module, "_TICK", 0.01)


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def supervisor(log: Log) -> Iterator[Supervisor]:
    found = Supervisor(log.say)
    yield found
    found.stop()


def python(name: str, code: str, *, last: bool = False) -> Part:
    return Part(name, (sys.executable, "-c", code), last=last)


def look_until(supervisor: Supervisor, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        supervisor.look()
        time.sleep(0.01)


def test_what_parts_say_comes_with_their_names(supervisor: Supervisor, log: Log) -> None:
    supervisor.start(
        [
            python("one", "print('hello'); import time; time.sleep(600)"),
            python("two", "print('there'); import time; time.sleep(600)"),
        ]
    )
    look_until(supervisor, lambda: bool(log.of("one")) and bool(log.of("two")))
    assert (log.of("one")[0], log.of("two")[0]) == ("hello", "there")


def test_a_part_that_dies_is_started_again_with_longer_and_longer_pauses(log: Log) -> None:
    deaths: list[int] = []
    supervisor = Supervisor(log.say, lambda _part, count: deaths.append(count))
    supervisor.start([python("weak", "raise SystemExit(3)")])
    look_until(supervisor, lambda: len(deaths) == 4)
    supervisor.stop()
    assert deaths == [1, 2, 3, 4]
    assert log.of("weak")[0] == "ended with 3; started again in 0 s"
    # 0.05, doubled thrice and never above the longest.
    assert supervisor._running[0].pause == 0.2


def test_a_command_that_is_not_there_is_said_and_tried_again(
    supervisor: Supervisor, log: Log, tmp_path: Path
) -> None:
    supervisor.start([Part("absent", (str(tmp_path / "absent"),))])
    look_until(supervisor, lambda: len(log.of("absent")) >= 2)
    assert "cannot be started" in log.of("absent")[0]


def test_a_part_that_will_not_end_is_killed_with_its_children(
    supervisor: Supervisor, log: Log
) -> None:
    stubborn = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        "os.write(1, b'%d\\n' % os.getpid())\n"
        "time.sleep(600)\n"
    )
    supervisor.start([python("stubborn", stubborn)])
    look_until(supervisor, lambda: len(log.of("stubborn")) == 2)
    supervisor.stop()
    for pid in map(int, log.of("stubborn")):
        end = time.monotonic() + 10
        while _lives(pid):
            assert time.monotonic() < end, "it lives on"
            time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_what_others_need_is_ended_last(supervisor: Supervisor, log: Log, tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(tmp_path / 'order')!r}, 'a').write(sys.argv[1] + ' ')\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)\n"
    )
    supervisor.start(
        [
            Part("needed", (sys.executable, "-c", code, "needed"), last=True),
            Part("user", (sys.executable, "-c", code, "user")),
        ]
    )
    look_until(supervisor, lambda: len(log.lines) == 2)
    supervisor.stop()
    assert (tmp_path / "order").read_text() == "user needed "


def test_watching_ends_when_it_is_told_to(supervisor: Supervisor) -> None:
    supervisor.start([python("one", "import time; time.sleep(600)")])
    threading.Timer(0.05, supervisor.request_stop).start()
    supervisor.watch()
    assert supervisor.stopping
