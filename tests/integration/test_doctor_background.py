"""``flask doctor`` beside a real Redis, real workers and a real scheduler."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backupmon.queue import VERIFY, queue_named
from backupmon.services.roots import mark_roots
from backupmon.services.scanning import ScanOptions, run_scan
from tests.integration.background import Background, background, until
from tests.integration.conftest import World
from tests.integration.doctoring import doctor


@pytest.fixture
def back(world: World, tmp_path: Path) -> Iterator[Background]:
    mark_roots(world.settings, datetime.now(UTC))
    run_scan(world.settings, ScanOptions())
    with background(world, tmp_path) as found:
        yield found


def test_a_queue_that_nobody_works_on_is_bad(back: Background) -> None:
    told = doctor(back.world.app)
    assert told.bad == {"workers", "scheduler"}
    assert "python worker.py scan alerts verify" in told.words("workers")
    assert "answers at unix://" in told.words("Redis")
    assert "Redis" in told.words("clock")


def test_with_all_its_parts_nothing_is_bad(back: Background) -> None:
    back.worker("scan", "alerts", name="scanner")
    back.worker("scheduler", name="scheduler")
    world = back.world
    until(lambda: doctor(world.app).bad == {"workers"}, "there is a scheduler")
    until(
        lambda: "nobody works on verify" in doctor(world.app).words("workers"),
        "there is a scanner, and verify alone is nobody's",
    )
    back.worker("verify")
    until(lambda: not doctor(world.app).bad, "nothing is bad")
    told = doctor(world.app)
    assert told.result.exit_code == 0
    assert "asks for a scan every 15 min" in told.words("scheduler")
    assert "failed tasks" in told.names("good")


def test_a_redis_that_forgets_is_a_warning(back: Background) -> None:
    back.redis.config_set("appendonly", "no")
    back.redis.config_set("maxmemory", "100mb")
    back.redis.config_set("maxmemory-policy", "allkeys-lru")
    told = doctor(back.world.app)
    assert "Redis" in told.names("warning")
    assert "a restart loses what waits" in told.words("Redis")
    assert "allkeys-lru" in told.words("Redis")
    assert "Redis" not in told.bad


def test_tasks_that_failed_are_a_warning(back: Background) -> None:
    failed = queue_named(VERIFY, back.redis).failed_job_registry
    back.redis.zadd(failed.key, {"verify-1-abc": time.time() + 600})
    told = doctor(back.world.app)
    assert "failed tasks" in told.names("warning")
    assert "1 on verify" in told.words("failed tasks")
