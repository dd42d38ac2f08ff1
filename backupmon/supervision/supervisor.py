"""Keeps parts running: one log, restarts with back-off, and an end that leaves no process."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from backupmon.supervision.parts import Part

#: Seconds before a part that died is started again; doubled each time, up to the longest.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
#: A part that ran for so many seconds was well.
_WELL_AFTER = 60.0
#: Seconds that parts have for ending, and those that end last.
_GRACE, _LAST_GRACE = 6.0, 2.0
_TICK = 0.1

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)

#: Told the part's name and a line.
Say = Callable[[str, str], None]


@dataclass(slots=True)
class _Running:
    part: Part
    process: subprocess.Popen[bytes] | None = None
    reader: threading.Thread | None = None
    started_at: float = 0.0
    pause: float = field(default_factory=lambda: _FIRST_PAUSE)
    start_at: float = 0.0
    deaths: int = field(default=0)


class Supervisor:
    """Starts parts and keeps them running until it is told to stop.

    Use from the main thread only: the kernel ends a part when the thread that started it ends.

    Parameters
    ----------
    say:
        Writes a line of the one log.
    on_death:
        Told of a part that died by itself, with the number of its deaths in a row.
    """

    def __init__(self, say: Say, on_death: Callable[[Part, int], None] | None = None) -> None:
        self._say = say
        self._on_death = on_death or (lambda _part, _deaths: None)
        self._running: list[_Running] = []
        self._stopping = threading.Event()

    def request_stop(self, *_signal: object) -> None:
        """Let `watch` end; may be a signal's handler."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping.is_set()

    def start(self, parts: Iterable[Part]) -> None:
        """Start parts, which are watched from now on."""
        for part in parts:
            running = _Running(part)
            self._running.append(running)
            self._start(running)

    def alive(self, name: str) -> bool:
        """Whether the part with that name runs at this moment."""
        found = [r.process for r in self._running if r.part.name == name]
        return any(process is not None and process.poll() is None for process in found)

    def look(self) -> None:
        """Look once at every part, and start again what died and has waited long enough."""
        for running in self._running:
            if running.process is not None:
                code = running.process.poll()
                if code is not None:
                    self._note_death(running, code)
            elif time.monotonic() >= running.start_at:
                self._start(running)

    def watch(self) -> None:
        """Keep every part running until told to stop."""
        while not self._stopping.wait(_TICK):
            self.look()

    def stop(self) -> None:
        """End every part, the last ones last; what does not end in time is killed."""
        self._stopping.set()
        for last, grace in ((False, _GRACE), (True, _LAST_GRACE)):
            self._end([r for r in self._running if r.part.last is last], grace)

    def _start(self, running: _Running) -> None:
        part = running.part
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        try:
            process = subprocess.Popen(  # noqa: S603 - the commands are our own
                part.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                pass_fds=part.keeps,
                # Ctrl-C on the terminal is for us; we end the parts in their order.
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )
        except OSError as error:
            self._say(part.name, f"cannot be started: {error}")
            self._put_off(running)
            return
        running.process, running.started_at = process, time.monotonic()
        running.reader = threading.Thread(target=self._read, args=(part, process), daemon=True)
        running.reader.start()

    def _read(self, part: Part, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with contextlib.suppress(ValueError, OSError):
            for line in process.stdout:
                self._say(part.name, line.decode(errors="replace").rstrip())

    def _note_death(self, running: _Running, code: int) -> None:
        _kill_group(running.process)
        self._close(running)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        if time.monotonic() - running.started_at > _WELL_AFTER:
            running.pause, running.deaths = _FIRST_PAUSE, 0
        running.deaths += 1
        self._say(running.part.name, f"{how}; started again in {running.pause:.0f} s")
        self._on_death(running.part, running.deaths)
        self._put_off(running)

    def _put_off(self, running: _Running) -> None:
        running.start_at = time.monotonic() + running.pause
        running.pause = min(2 * running.pause, _LONGEST_PAUSE)

    def _end(self, parts: Sequence[_Running], grace: float) -> None:
        processes = [r.process for r in parts if r.process is not None]
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        end = time.monotonic() + grace
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, end - time.monotonic()))
        for running in parts:
            # Its own children too, however it ended.
            _kill_group(running.process)
            self._close(running)

    def _close(self, running: _Running) -> None:
        """Wait for a process that is dead or dying, and let its last lines be said."""
        if running.process is not None:
            running.process.wait()
            if running.reader is not None:
                running.reader.join(1)
            if running.process.stdout is not None:
                running.process.stdout.close()
        running.process = running.reader = None


def _kill_group(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _end_with_parent() -> None:
    """Ask the kernel to end this child when its parent dies, even of SIGKILL."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
