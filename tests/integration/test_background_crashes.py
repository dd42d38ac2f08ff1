"""Workers killed at random moments, night after night: nothing is lost, absent, or judged twice."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from rq.worker import SimpleWorker

from backupmon.config import Settings
from backupmon.core.statuses import Status
from backupmon.queue import VERIFY, Task
from backupmon.services.background import scan_in_background
from tests.integration.background import Background, Process, background, until
from tests.integration.conftest import World, at
from tests.integration.test_crashes import Story, Watcher

NIGHTS = 12
SUCCESS = Status.SUCCESS.value


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


def test_workers_killed_at_random_moments(world: World, tmp_path: Path) -> None:
    story = Story(world)
    chance = random.Random(20310304)
    with (
        background(world, tmp_path) as back,
        Watcher(story.final("shop"), story.copies["shop"]) as watcher,
    ):
        workers = [back.worker(VERIFY, name=f"worker{n}") for n in range(2)]
        until(lambda: len(_listening(back)) == 2, "both listen")
        for night in range(2, 2 + NIGHTS):
            story.deliver(night, damaged="")
            scan_in_background(world.settings, at(12, 0, days=night))
            time.sleep(chance.uniform(0, 0.25))
            _replace_eldest(back, workers)
            _finish(world, story, night)
        until(lambda: len(_listening(back)) == 2, "both listen")
        for worker in workers:
            assert back.stop(worker) == 0
        # What the last of them left over is tidied up by the next scan.
        scan_in_background(world.settings, at(12, 10, days=night))
    story._check_no_leftovers()
    assert watcher.wrong == []
    assert watcher.looks > 100


def _listening(back: Background) -> list[int]:
    """The pids of the workers that have begun and not been killed."""
    lives = {process.pid for process in back.processes if process.poll() is None}
    found = SimpleWorker.all(connection=back.redis, job_class=Task)
    return [worker.pid for worker in found if worker.pid in lives]


def _replace_eldest(back: Background, workers: list[Process]) -> None:
    """Kill a worker, whatever it does, and start another as a supervisor would."""
    back.kill(workers.pop(0))
    workers.append(back.worker(VERIFY, name=f"worker{len(back.processes)}"))


def _finish(world: World, story: Story, night: int) -> None:
    """Scan until the night is judged, and look at what has become of it."""

    def judged() -> bool:
        scan_in_background(world.settings, at(12, 5, days=night))
        return all(
            world.statuses(job) == [SUCCESS] * (night + 1)
            and world.stored(job)[-1].state == "stored"
            for job in story.jobs.values()
        )

    until(judged, f"night {night} is judged, each job once")
    assert story.final("shop").read_bytes() == story.copies["shop"][-1]
