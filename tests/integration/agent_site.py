"""A site with the reference agent: it runs as a program of its own, by the clock on the wall."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from backupmon.config import Settings
from tests.integration.conftest import World

AGENT = Path(__file__).parents[2] / "agent" / "backupmon_agent.py"
#: The agent may be tried with an older Python than the server needs.
PYTHON = os.environ.get("BACKUPMON_TEST_AGENT_PYTHON", sys.executable)


def command(shell: str) -> dict[str, str]:
    """A database that is dumped by a few words of shell."""
    return {"kind": "command", "command": f"sh -c '{shell}'", "suffix": "sql"}


@dataclass
class AgentSite:
    """The agent of `acme`, its configuration, and the server that it delivers to."""

    world: World
    folder: Path
    agent: dict[str, Any] = field(default_factory=dict)
    delivery: dict[str, Any] = field(default_factory=dict)
    databases: dict[str, dict[str, Any]] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.began = datetime.now(UTC)
        for name in ("databases", "log"):
            (self.deposit / name).mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(exist_ok=True)

    @property
    def deposit(self) -> Path:
        return self.world.settings.deposit_root / "acme"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def delivered(self, folder: str = "databases") -> list[str]:
        return sorted(path.name for path in (self.deposit / folder).iterdir())

    def report(self) -> dict[str, Any]:
        """The only report that was delivered, and not taken in yet."""
        (path,) = (self.deposit / "log").glob("STATUS_*.json")
        found = json.loads(path.read_text())
        assert isinstance(found, dict)
        return found

    # The server.

    def job(self, database: str = "shop", **values: Any) -> int:
        """A job of this site that is due in ten minutes, until half an hour after."""
        due = self.began + timedelta(minutes=10)
        values = {"schedule": f"{due.minute} {due.hour} * * *", **values}
        return self.world.job(database, created=self.began - timedelta(hours=2), **values)

    def scan(self, minutes: float = 1) -> None:
        """A scan `minutes` from the beginning of the test; 120 are beyond the deadline."""
        self.world.scan(max(self.began + timedelta(minutes=minutes), datetime.now(UTC)))

    def validated(self, database: str = "shop") -> list[Path]:
        """What was promoted of a database."""
        place = self.world.settings.validated_root
        return sorted(place.glob(f"*/Acme/Douala/{database}/*"))

    # The agent.

    def configure(self) -> Path:
        """Write the configuration."""
        sections = {
            "agent": {"id": "acme", "work_dir": self.work, **self.agent},
            "delivery": {
                "method": "folder",
                "path": self.deposit,
                "tries": 1,
                "retry_wait": 0,
                **self.delivery,
            },
            **{f"database {name}": values for name, values in self.databases.items()},
        }
        lines = []
        for name, values in sections.items():
            lines += [f"[{name}]", *(f"{key} = {value}" for key, value in values.items()), ""]
        path = self.folder / "agent.ini"
        path.write_text("\n".join(lines))
        return path

    def start(self, *words: str, limit: int = 0) -> subprocess.Popen[str]:
        """Start the agent; no file of its may be larger than `limit` bytes."""
        return subprocess.Popen(
            [PYTHON, str(AGENT), "--config", str(self.configure()), *(words or ("run",))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
            preexec_fn=(lambda: _limit_files(limit)) if limit else None,
        )

    def run(self, *words: str, expect: int = 0, limit: int = 0) -> str:
        """Run the agent to its end; gives what it said."""
        process = self.start(*words, limit=limit)
        out, err = process.communicate(timeout=120)
        assert process.returncode == expect, out + err
        return out + err


def _limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def until(found: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until `found` gives something."""
    end = time.monotonic() + seconds
    while not (what := found()):
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
    return what


def child_of(process: subprocess.Popen[str], name: str) -> int:
    """The process that runs the program `name` on behalf of `process`, once there is one."""

    def look() -> int | None:
        return next((pid for pid in descendants(process.pid) if _name_of(pid) == name), None)

    found = until(look)
    assert isinstance(found, int)
    return found


def descendants(pid: int) -> list[int]:
    """The processes that `pid` started, and those that they started."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [one for child in children for one in (int(child), *descendants(int(child)))]


def _name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def kill(pid: int) -> None:
    """End a process without a chance to say a word."""
    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def site(app: Flask, settings: Settings, tmp_path: Path) -> AgentSite:
    """An agent that delivers into the server's own folder, unless told otherwise."""
    return AgentSite(World(app, settings), tmp_path / "site")
