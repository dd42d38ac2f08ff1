"""Several ``flask scan`` at once: one does the work, the others say so, a killed one is over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from backupmon.config import PROJECT_ROOT, Settings
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import ScanRun
from tests.integration.conftest import World, at
from tests.integration.site import sha256

AGENTS, DATABASES = 4, 10
RUNNING = 3
Scan = subprocess.Popen[str]


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


class Delivery:
    """Forty backups that four agents delivered, and the processes that scan them."""

    def __init__(self, world: World, flag: Path) -> None:
        self.world, self.flag = world, flag
        self.files: dict[int, bytes] = {}
        for agent in (f"site{n}" for n in range(AGENTS)):
            contents = {f"db{n}": f"{agent} {n}" for n in range(DATABASES)}
            for name, data in world.site(agent).deliver(at(11, 50), **contents).items():
                self.files[world.job(name, agent, neighborhood=agent)] = data

    def scan(self, *, held: bool = False) -> Scan:
        """Start ``flask scan --json``; held, it stops with the lock, before it claims a file."""
        given = {k: str(v) for k, v in self.world.settings.model_dump(exclude_none=True).items()}
        environment = {f"BACKUPMON_{name.upper()}": value for name, value in given.items()}
        if held:
            environment["BACKUPMON_FAILPOINTS"] = f"claim.before=pause:{self.flag}"
        return subprocess.Popen(
            [sys.executable, "-m", "flask", "scan", "--json", "--as-of", at(12, 0).isoformat()],
            cwd=PROJECT_ROOT,
            env={"PATH": os.environ.get("PATH", ""), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def check_each_judged_once(self) -> None:
        for job, data in self.files.items():
            entry = self.world.entry(job)
            assert (entry.status, entry.server_calculated_staged_hash) == (
                Status.SUCCESS,
                sha256(data),
            )
            (stored,) = self.world.stored(job)
            assert stored.state == "stored"
            assert self.world.final(*stored.path.split("/")).read_bytes() == data

    def runs(self) -> list[str]:
        """The states of the scans since the delivery, oldest first."""
        db.session.rollback()
        query = select(ScanRun.state).where(ScanRun.moment >= at(12, 0)).order_by(ScanRun.id)
        return list(db.session.scalars(query))


@pytest.fixture
def delivery(world: World, tmp_path: Path) -> Delivery:
    return Delivery(world, tmp_path / "held")


@contextmanager
def ended_at_last(scans: list[Scan]) -> Iterator[None]:
    """However the test ends, no process is left over."""
    try:
        yield
    finally:
        for scan in scans:
            scan.kill()
            scan.communicate()


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.02)


def test_of_five_scans_at_once_one_does_the_work_and_the_others_say_so(
    delivery: Delivery,
) -> None:
    began = datetime.now(UTC)
    scans = [delivery.scan(held=True) for _ in range(5)]
    with ended_at_last(scans):
        # Whichever has the lock is held until the others have ended.
        until(lambda: sum(s.poll() is not None for s in scans) == 4, "four have ended")
        assert delivery.flag.exists()
        (winner,) = (scan for scan in scans if scan.poll() is None)
        for loser in (scan for scan in scans if scan is not winner):
            check_loser(loser, began)
        delivery.flag.unlink()
        output, errors = winner.communicate(timeout=60)
    assert winner.returncode == 0, errors
    told = json.loads(output)
    assert told["counts"]["SUCCESS"] == AGENTS * DATABASES
    assert len(told["entries"]) == AGENTS * DATABASES
    assert delivery.runs() == ["done"]
    delivery.check_each_judged_once()


def check_loser(scan: Scan, began: datetime) -> None:
    """It ended with 3, and told people and programs since when a scan is running."""
    output, errors = scan.communicate(timeout=60)
    assert scan.returncode == RUNNING, errors
    told = json.loads(output)
    assert told["error"].startswith("a scan is running since ")
    assert "a scan is running since " in errors
    assert "Traceback" not in errors
    since = datetime.fromisoformat(told["running_since"])
    # On PostgreSQL it is the server's clock that tells.
    assert began - timedelta(minutes=1) <= since <= datetime.now(UTC) + timedelta(minutes=1)
    assert f"{since:%Y-%m-%d %H:%M:%S} UTC" in told["error"]


def test_five_scans_that_nothing_holds_judge_each_backup_once(delivery: Delivery) -> None:
    scans = [delivery.scan() for _ in range(5)]
    with ended_at_last(scans):
        told = [scan.communicate(timeout=60) for scan in scans]
    codes = [scan.returncode for scan in scans]
    assert set(codes) <= {0, RUNNING}, told
    done = [json.loads(output) for (output, _), code in zip(told, codes, strict=True) if code == 0]
    assert sum(result["counts"].get("SUCCESS", 0) for result in done) == AGENTS * DATABASES
    assert delivery.runs() == ["done"] * len(done)
    delivery.check_each_judged_once()


def test_a_killed_scan_frees_the_lock_at_once_and_is_noted_as_interrupted(
    delivery: Delivery,
) -> None:
    killed = delivery.scan(held=True)
    with ended_at_last([killed]):
        until(delivery.flag.exists, "the scan holds the lock")
        assert delivery.runs() == ["running"]
        killed.send_signal(signal.SIGKILL)
        killed.wait(60)
    following = delivery.scan()
    with ended_at_last([following]):
        _, errors = following.communicate(timeout=60)
    assert following.returncode == 0, errors
    assert delivery.runs() == ["interrupted", "done"]
    delivery.check_each_judged_once()
