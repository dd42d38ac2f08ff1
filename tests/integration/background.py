"""Redis, workers and schedulers of a test's own, as processes that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis

from backupmon.config import PROJECT_ROOT, Settings
from backupmon.queue import connect
from backupmon.supervision.redis_server import redis_command, wait_for_redis
from tests.integration.conftest import World

Process = subprocess.Popen[bytes]


def until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for a condition; fail when it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.02)


@dataclass
class Background:
    """The parts of one server, each a process of its own."""

    world: World
    logs: Path
    processes: list[Process] = field(default_factory=list)
    redis_process: Process | None = None

    @property
    def settings(self) -> Settings:
        return self.world.settings

    @property
    def redis(self) -> Redis:
        return connect(self.settings.queue_url)

    def start_redis(self) -> None:
        """Start the embedded Redis, which keeps what an earlier one was told."""
        self.redis_process = self.run("redis", redis_command(self.settings))
        process = self.redis_process
        answers = wait_for_redis(
            self.settings.queue_url, seconds=30, alive=lambda: process.poll() is None
        )
        assert answers, self.log("redis")

    def kill_redis(self) -> None:
        assert self.redis_process is not None
        self.kill(self.redis_process)

    def worker(self, *arguments: str, points: str = "", name: str = "worker") -> Process:
        """Start ``worker.py ARGUMENTS``, with failpoints."""
        command = [sys.executable, str(PROJECT_ROOT / "worker.py"), *arguments]
        return self.run(name, command, {"BACKUPMON_FAILPOINTS": points} if points else {})

    def run(self, name: str, command: list[str], extra: dict[str, str] | None = None) -> Process:
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.logs,
                env={**environment(self.settings), **(extra or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def log(self, name: str = "worker") -> str:
        path = self.logs / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def kill(self, process: Process) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait(60)

    def stop(self, process: Process) -> int:
        """Tell it to end, as a service manager does; gives its exit code."""
        process.terminate()
        return process.wait(20)

    def end(self) -> None:
        """Leave no process, whatever became of the test."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(60)


def environment(settings: Settings) -> dict[str, str]:
    """The variables of a server with these settings, and nothing of this machine's."""
    given = settings.model_dump(exclude_none=True)
    return {
        "PATH": os.environ.get("PATH", ""),
        **{f"BACKUPMON_{name.upper()}": str(value) for name, value in given.items()},
    }


@contextmanager
def background(world: World, logs: Path) -> Iterator[Background]:
    """A server's Redis, running, and whatever the test starts beside it."""
    found = Background(world, logs)
    try:
        found.start_redis()
        yield found
    finally:
        found.end()
