"""The background of the benchmark's own: a Redis, a worker that scans, and some that verify."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis
from rq.worker import SimpleWorker
from sqlalchemy import func, select

from backupmon.config import PROJECT_ROOT
from backupmon.extensions import db
from backupmon.models import StoredBackup
from backupmon.queue import ALERTS, QUEUES, SCAN, VERIFY, Task, connect, queue_named
from backupmon.services.background import request_scan
from backupmon.supervision.redis_server import redis_command, wait_for_redis
from bench.server import Server

#: Seconds that anything may take: what is not done then never will be.
_PATIENCE = 600
#: Seconds between two looks at the database, which must not hold up those who work with it.
_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds that a scan on the queue took, until every file was stored.

    Parameters
    ----------
    in_all:
        Since the scan was asked for.
    verifying:
        Since the first verification stood on the queue.
    """

    in_all: float
    verifying: float


@contextmanager
def background(server: Server, verifiers: int) -> Iterator[Redis]:
    """Redis and workers, as ``flask up`` starts them; all have started when this gives Redis."""
    with ExitStack() as running:
        started = running.enter_context(_started(server, redis_command(server.settings)))
        url = server.settings.queue_url
        up = wait_for_redis(url, seconds=_PATIENCE, alive=lambda: started.poll() is None)
        assert up, f"Redis did not start; see {_log_of(server)}"
        redis = running.enter_context(connect(url))
        worker = [sys.executable, str(PROJECT_ROOT / "worker.py")]
        processes = [
            running.enter_context(_started(server, [*worker, *queues]))
            for queues in [(SCAN, ALERTS), *[(VERIFY,)] * verifiers]
        ]

        def all_listen() -> bool:
            assert all(process.poll() is None for process in processes), "a worker has ended"
            return SimpleWorker.count(connection=redis) == len(processes)

        _wait_until(all_listen)
        yield redis


def scan_on_queue(server: Server, redis: Redis, moment: datetime, backups: int) -> Took:
    """Ask for a scan, and wait until `backups` of them have been put away since."""
    with server.session(), _first_verification(redis) as enqueued:
        before = _stored()
        asked = time.perf_counter()
        request_scan(server.settings, moment)
        first = enqueued()
        _wait_until(lambda: _stored() - before == backups)
        ended = time.perf_counter()
        # A worker holds its leases until the end of its task.
        _wait_until(lambda: _idle(redis))
    return Took(ended - asked, ended - first)


@contextmanager
def _first_verification(redis: Redis) -> Iterator[Callable[[], float]]:
    """Gives what waits for the first verification on the queue, and tells when that was.

    Redis tells by itself: asking time and again would hold up the workers.
    """
    redis.config_set("notify-keyspace-events", "Kl")
    with redis.pubsub(ignore_subscribe_messages=True) as events:
        events.subscribe(f"__keyspace@0__:{queue_named(VERIFY, redis).key}")

        def enqueued() -> float:
            _wait_until(lambda: events.get_message(timeout=1) is not None)
            found = time.perf_counter()
            redis.config_set("notify-keyspace-events", "")
            events.unsubscribe()
            return found

        yield enqueued


def _stored() -> int:
    query = select(func.count()).where(StoredBackup.stored_at.is_not(None))
    try:
        return db.session.scalar(query) or 0
    finally:
        db.session.rollback()


def _idle(redis: Redis) -> bool:
    workers = SimpleWorker.all(connection=redis, job_class=Task)
    waiting = any(queue_named(name, redis).count for name in QUEUES)
    failed = [t for n in QUEUES for t in queue_named(n, redis).failed_job_registry.get_job_ids()]
    assert not failed, f"a task has failed: {failed[0]}"
    return not waiting and all(worker.get_state() == "idle" for worker in workers)


def _wait_until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not done():
        assert time.monotonic() < end, "the background did not do its work in time"
        time.sleep(_POLL)


@contextmanager
def _started(server: Server, command: list[str]) -> Iterator[subprocess.Popen[Any]]:
    with _log_of(server).open("ab") as log:
        process = subprocess.Popen(
            command,
            env=server.environment(),
            cwd=server.settings.data_dir,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _log_of(server: Server) -> Any:
    return server.settings.data_dir / "background.log"
