"""Whether the background works: the queue, its workers and its scheduler; and since when not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from redis import Redis
from rq.worker import SimpleWorker
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from backupmon.config import Settings
from backupmon.core.codes import ConditionCode
from backupmon.extensions import begin_write, db
from backupmon.models import ServerCondition
from backupmon.queue import (
    PERIODIC,
    QUEUES,
    QueueDownError,
    Task,
    answering,
    queue_named,
    scheduler_on,
)
from backupmon.services.background import queue_of
from backupmon.services.conditions import SeenBy, tell_open

log = structlog.get_logger()

#: The server condition of a queue that does not answer.
DOWN: ConditionCode = "background.down"
#: For so many seconds an answer is good: pages of many readers ask Redis once.
_GOOD_FOR = 5.0


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker, as it last said of itself."""

    name: str
    queues: tuple[str, ...]
    state: str
    seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Background:
    """How the background is.

    Parameters
    ----------
    error:
        Why the queue does not answer; None when it does.
    down_since:
        Since when it has been found not answering.
    waiting:
        Tasks that wait, by queue.
    failed:
        Tasks that ended with an error within the last week, by queue.
    schedulers:
        How many live.
    next_scan_at:
        When the periodic scan is due; None when it is not in the schedule.
    """

    error: str | None = None
    down_since: datetime | None = None
    workers: tuple[WorkerStatus, ...] = ()
    waiting: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    schedulers: int = 0
    next_scan_at: datetime | None = None

    @property
    def up(self) -> bool:
        """Whether the queue answers."""
        return self.error is None

    def unserved(self) -> list[str]:
        """The queues that no worker listens to."""
        served = {queue for worker in self.workers for queue in worker.queues}
        return [queue for queue in QUEUES if queue not in served]


_seen: dict[str, tuple[float, Background]] = {}


def background_status(settings: Settings, *, fresh: bool = False) -> Background:
    """Ask Redis, and note in the database since when it does not answer.

    Parameters
    ----------
    fresh:
        Ask again even if the last answer is only seconds old.
    """
    url = settings.queue_url
    asked_at, known = _seen.get(url, (0.0, Background()))
    if not fresh and asked_at and time.monotonic() - asked_at < _GOOD_FOR:
        return known
    try:
        found = look_at_background(settings)
        _note_up(settings)
    except QueueDownError as error:
        found = Background(error=error.message, down_since=_note_down(settings, error))
    _seen[url] = time.monotonic(), found
    return found


def look_at_background(settings: Settings) -> Background:
    """Ask Redis, and note nothing.

    Raises
    ------
    QueueDownError
    """
    with answering():
        return _ask(queue_of(settings))


def _ask(redis: Redis) -> Background:
    scheduler = scheduler_on(redis)
    due: Any = redis.zscore(scheduler.scheduled_jobs_key, PERIODIC)
    return Background(
        workers=tuple(_workers(redis)),
        waiting={name: queue_named(name, redis).count for name in QUEUES},
        failed={name: queue_named(name, redis).failed_job_registry.count for name in QUEUES},
        schedulers=_schedulers(redis, scheduler.redis_scheduler_namespace_prefix),
        next_scan_at=None if due is None else datetime.fromtimestamp(float(due), UTC),
    )


def _workers(redis: Redis) -> list[WorkerStatus]:
    found = SimpleWorker.all(connection=redis, job_class=Task)
    return [
        WorkerStatus(
            worker.name,
            tuple(worker.queue_names()),
            str(worker.get_state()),
            worker.last_heartbeat,
        )
        for worker in sorted(found, key=lambda worker: worker.name)
    ]


def _schedulers(redis: Redis, prefix: str) -> int:
    names = list(redis.scan_iter(match=f"{prefix}*", count=1000))
    return sum(not redis.hexists(name, "death") for name in names)


def _condition() -> ServerCondition | None:
    query = select(ServerCondition).where(
        ServerCondition.code == DOWN, ServerCondition.ended_at.is_(None)
    )
    return db.session.scalar(query)


#: Any number but those of other locks will do ("back" in ASCII).
_ALONE = 0x6261636B


def _note_down(settings: Settings, error: QueueDownError) -> datetime | None:
    """Begin or renew the condition; gives since when it has lasted."""
    now = datetime.now(UTC)
    with suppress(SQLAlchemyError):
        begin_write(alone=_ALONE)
        condition = _condition()
        if condition is None:
            condition = ServerCondition(
                code=DOWN, subject="queue", seen_by=SeenBy.BACKGROUND.value, started_at=now
            )
            db.session.add(condition)
            log.error("condition", code=DOWN, subject="queue", message=error.message)
        condition.message, condition.hint = error.message, error.hint
        condition.last_seen_at = now
        tell_open(settings, now)
        db.session.commit()
        return condition.started_at
    db.session.rollback()
    return now


def _note_up(settings: Settings) -> None:
    """End the condition, where there is one: as a rule that is one look at a small table."""
    with suppress(SQLAlchemyError):
        if _condition() is None:
            return
        begin_write(alone=_ALONE)
        condition = _condition()
        if condition is not None:
            condition.ended_at = datetime.now(UTC)
            log.info("condition.ended", code=DOWN, subject="queue")
        tell_open(settings, datetime.now(UTC))
        db.session.commit()
        return
    db.session.rollback()
