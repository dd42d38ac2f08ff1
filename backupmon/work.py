"""What ``worker.py`` runs: a worker of the queues, or the scheduler. Signals end both cleanly."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import threading
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import structlog
from flask import Flask
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker import SimpleWorker
from sqlalchemy.exc import SQLAlchemyError

from backupmon.config import Settings
from backupmon.core.errors import BackupmonError
from backupmon.queue import (
    POLL_SECONDS,
    QUEUES,
    Task,
    answering,
    connect,
    queue_named,
    schedule_scans,
    scheduler_on,
)
from backupmon.services.progress import request_stop
from backupmon.services.schema import check_schema, database_error

log = structlog.get_logger()

#: Seconds between two signs of life while a task is worked on; RQ gives a worker up after 7 min.
_HEARTBEAT = 30
#: Seconds from one try to reach Redis to the next, at most.
_LONGEST_PAUSE = 30


class BackupWorker(SimpleWorker):
    """A worker that does its tasks in its own process, one after the other.

    It forks for none: most tasks are shorter than a fork, and what a task leaves undone when its
    process dies is found by its lease.
    """

    def __init__(self, app: Flask, queues: list[Queue], connection: Redis) -> None:
        super().__init__(
            queues,
            name=f"{_name_of_host()}-{queues[0].name}-{threading.get_native_id()}",
            connection=connection,
            job_class=Task,
            serializer=JSONSerializer,
            log_job_description=False,
        )
        self._app = app
        self._at_work: tuple[Job, Any] | None = None

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Give back what is being read, begin nothing more, and end."""
        request_stop()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def perform_job(self, job: Job, queue: Queue, execution: Any) -> bool:
        """Do the task within the application's context, with signs of life beside it."""
        ended = threading.Event()
        beating = threading.Thread(target=self._beat, args=(job, execution, ended), daemon=True)
        beating.start()
        try:
            with self._app.app_context():
                return super().perform_job(job, queue, execution)
        finally:
            ended.set()
            beating.join()

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Give a sign of life, in one exchange with Redis instead of three."""
        if pipeline is not None:
            super().heartbeat(timeout, pipeline)
            return
        with self.connection.pipeline(transaction=False) as pipe:
            super().heartbeat(timeout, pipe)
            pipe.execute()

    def _beat(self, job: Job, execution: Any, ended: threading.Event) -> None:
        while not ended.wait(_HEARTBEAT):
            with contextlib.suppress(RedisError):
                self.maintain_heartbeats(job, execution)


def _name_of_host() -> str:
    """RQ takes letters, digits, ``_`` and ``-`` in names."""
    return "".join(c if c.isalnum() and c.isascii() else "-" for c in socket.gethostname())


def main(app: Flask, arguments: list[str]) -> int:
    """``worker.py [QUEUE …]`` or ``worker.py scheduler``; gives the exit code."""
    settings: Settings = app.extensions["backupmon"]
    unknown = set(arguments) - {*QUEUES, "scheduler"}
    if unknown or ("scheduler" in arguments and len(arguments) > 1):
        print(f"usage: worker.py [{'|'.join(QUEUES)} …] or worker.py scheduler", file=sys.stderr)
        return 2
    try:
        with app.app_context():
            check_schema()
        if arguments == ["scheduler"]:
            keep_schedule(settings)
        else:
            work(app, settings, arguments or list(QUEUES))
    except BackupmonError as error:
        return _fail(error, settings)
    except SQLAlchemyError as error:
        return _fail(database_error(error), settings)
    return 0


def _fail(error: BackupmonError, settings: Settings) -> int:
    if settings.log_format == "json":
        log.error("worker.failed", message=error.message, hint=error.hint)
        return 1
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    return 1


def work(app: Flask, settings: Settings, names: list[str]) -> None:
    """Work on the queues with these names until a signal ends it."""
    with answering():
        # One that accepts and never answers would hold a patient connection for ever.
        connect(settings.queue_url).ping()
        redis = connect(settings.queue_url, patient=True)
        queues = [queue_named(name, redis) for name in QUEUES if name in names]
        BackupWorker(app, queues, redis).work(logging_level="WARNING")


def keep_schedule(settings: Settings) -> None:
    """Put on the queue what the schedule says, until a signal ends it.

    Any number may run, one of them at a time does the work. The periodic scan is entered again
    whenever it is not there: a Redis that lost everything has it back within seconds.
    """
    ended = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: ended.set())
    redis = connect(settings.queue_url)
    scheduler = scheduler_on(redis)
    pause = POLL_SECONDS
    while not ended.is_set():
        try:
            if not redis.exists(scheduler.key):
                scheduler.register_birth()
            scheduler.heartbeat()
            _turn(scheduler, redis, settings)
            pause = POLL_SECONDS
        except RedisError as error:
            log.warning("queue.down", reason=str(error), again_in=pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        ended.wait(pause)
    with contextlib.suppress(RedisError):
        scheduler.register_death()


def _turn(scheduler: Any, redis: Redis, settings: Settings) -> None:
    """Look at the schedule once, unless another scheduler is just doing it."""
    if not scheduler.acquire_lock():
        return
    try:
        if schedule_scans(redis, settings.scanner_interval_minutes, datetime.now(UTC)):
            log.info("schedule.entered", minutes=settings.scanner_interval_minutes)
        scheduler.enqueue_jobs()
    finally:
        scheduler.remove_lock()
