"""The queue: what is to be done in the background, and where it stands. RQ and rq-scheduler.

Nothing that matters lives here: what waits for a verdict is in the database, and a scan puts it
on the queue again. Tasks are enqueued by dotted name and bear ids and times only, as JSON:
whoever could write to Redis must not be able to run code of their own.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer
from rq_scheduler import Scheduler

from backupmon.core.errors import BackupmonError
from backupmon.core.phrases import phrase

SCAN, VERIFY, ALERTS = "scan", "verify", "alerts"
#: In the order that a worker takes from them: what is quick and holds up others comes first.
QUEUES = (SCAN, ALERTS, VERIFY)

#: The id of the periodic scan: fixed, so that it stands in the schedule only once.
PERIODIC = "scan-periodic"
_AGAIN, _VERIFY = "scan-again", "verify"
_SCAN_TASK, _VERIFY_TASK = "backupmon.tasks.scan", "backupmon.tasks.verify"
_PERIODIC_TASK = "backupmon.tasks.scan_if_due"
_DELIVER, _DELIVER_TASK = "deliver", "backupmon.tasks.deliver"
#: Hashing has no largest duration: leases decide who is still at work. -1 is RQ's "none".
_NO_TIMEOUT = -1
#: What failed is kept for so long, to be looked at: a week, in seconds.
_KEEP_FAILED = 7 * 86_400
#: How often the schedule is looked at. Its lock outlives a killed scheduler by 10 s more.
POLL_SECONDS = 5


class QueueDownError(BackupmonError):
    """Redis does not answer."""


class Task(Job):
    """RQ's job, with JSON where RQ and rq-scheduler would pickle."""

    def __init__(
        self, id: str | None = None, connection: Redis | None = None, serializer: Any = None
    ) -> None:
        super().__init__(id, connection, serializer or JSONSerializer)


def connect(url: str, *, patient: bool = False) -> Redis:
    """A connection to `url` (``redis://``, ``rediss://`` or ``unix://``); it is not tried here.

    Parameters
    ----------
    patient:
        For a worker, which has nothing else to do than to wait for it. Others give up at once:
        a page must not hang for want of a queue.
    """
    if patient:
        return Redis.from_url(url, socket_connect_timeout=10, health_check_interval=30)
    return Redis.from_url(
        url, socket_connect_timeout=2, socket_timeout=5, retry=Retry(NoBackoff(), 0)
    )


@contextmanager
def answering() -> Iterator[None]:
    """Turn Redis's errors into ours.

    Raises
    ------
    QueueDownError
    """
    try:
        yield
    except (RedisError, OSError) as error:
        raise QueueDownError(
            phrase("the queue (Redis) does not answer: %(error)s", error=str(error)),
            phrase("start it (flask up brings one along) or check BACKUPMON_REDIS_URL"),
        ) from error


def queue_named(name: str, redis: Redis) -> Queue:
    """One of the `QUEUES`."""
    return Queue(name, connection=redis, job_class=Task, serializer=JSONSerializer)


def scheduler_on(redis: Redis) -> Scheduler:
    """rq-scheduler, for its schedule."""
    queue = queue_named(SCAN, redis)
    return Scheduler(
        queue=queue,
        queue_class=_QueueOfTasks,
        job_class=Task,
        connection=redis,
        interval=POLL_SECONDS,
    )


class _QueueOfTasks(Queue):
    """As `queue_named` gives it, for rq-scheduler, which makes its queues by class."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "job_class": Task, "serializer": JSONSerializer})


def enqueue_scan(redis: Redis, as_of: str | None = None, agent: str | None = None) -> None:
    """Ask for a scan now; one more follows where one is running.

    Parameters
    ----------
    as_of:
        The moment to judge as of, in ISO 8601; None is now.
    agent:
        The id of the only agent to look at.
    """
    queue_named(SCAN, redis).enqueue_call(
        _SCAN_TASK,
        args=(as_of, agent),
        timeout=_NO_TIMEOUT,
        result_ttl=0,
        failure_ttl=_KEEP_FAILED,
        job_id=f"scan-{secrets.token_hex(6)}",
    )


def enqueue_verifications(redis: Redis, entry_ids: Iterable[int], as_of: str | None) -> int:
    """Enqueue a task for each entry that has none waiting; gives how many that were."""
    queue = queue_named(VERIFY, redis)
    waiting = _queued_entries(queue)
    new = [entry_id for entry_id in entry_ids if entry_id not in waiting]
    queue.enqueue_many([_verification(queue, entry_id, as_of) for entry_id in new])
    return len(new)


def _verification(queue: Queue, entry_id: int, as_of: str | None) -> Any:
    return queue.prepare_data(
        _VERIFY_TASK,
        args=(entry_id, as_of),
        timeout=_NO_TIMEOUT,
        result_ttl=0,
        failure_ttl=_KEEP_FAILED,
        # An id of its own each time: a task may put its entry on the queue again before it ends.
        job_id=_verification_id(entry_id),
    )


def _verification_id(entry_id: int) -> str:
    return f"{_VERIFY}-{entry_id}-{secrets.token_hex(4)}"


def _queued_entries(queue: Queue) -> dict[int, str]:
    """The entries whose tasks wait, with the task's id."""
    return {int(task_id.split("-")[1]): task_id for task_id in queue.get_job_ids()}


def enqueue_delivery(redis: Redis, as_of: str | None) -> None:
    """Ask for a delivery of alerts, unless one waits already: it will send all there is."""
    queue = queue_named(ALERTS, redis)
    if queue.count:
        return
    queue.enqueue_call(
        _DELIVER_TASK,
        args=(as_of,),
        timeout=_NO_TIMEOUT,
        result_ttl=0,
        failure_ttl=_KEEP_FAILED,
        job_id=f"{_DELIVER}-{secrets.token_hex(6)}",
    )


def deliver_at(redis: Redis, moment: datetime, as_of: str | None) -> None:
    """Schedule a delivery of alerts at `moment`, unless one is scheduled already."""
    scheduler = scheduler_on(redis)
    scheduled = redis.zrange(scheduler.scheduled_jobs_key, 0, -1)
    if any(_text(task_id).startswith(_DELIVER) for task_id in scheduled):
        return
    scheduler.enqueue_at(
        _naive(moment),
        _DELIVER_TASK,
        as_of,
        job_id=f"{_DELIVER}-{secrets.token_hex(6)}",
        queue_name=ALERTS,
        timeout=_NO_TIMEOUT,
        job_result_ttl=0,
    )


def forget_verifications(redis: Redis, entry_ids: Sequence[int]) -> None:
    """Take the waiting tasks of entries from the queue, which are being worked on already."""
    queue = queue_named(VERIFY, redis)
    wanted = set(entry_ids)
    # They were enqueued together, so they stand near the head.
    heads = queue.get_job_ids(0, 4 * len(wanted))
    with redis.pipeline(transaction=False) as pipe:
        for task_id in heads:
            if int(task_id.split("-")[1]) in wanted:
                queue.remove(task_id, pipeline=pipe)
                pipe.delete(Task.key_for(task_id))
        pipe.execute()


def verify_later(redis: Redis, entry_id: int, moment: datetime, as_of: str | None) -> None:
    """Schedule a task for an entry, at `moment`, unless one is scheduled already.

    Each scan hands an entry over again that has to wait for long; it is looked for no oftener.
    """
    scheduler = scheduler_on(redis)
    own = f"{_VERIFY}-{entry_id}-"
    scheduled = redis.zrange(scheduler.scheduled_jobs_key, 0, -1)
    if any(_text(task_id).startswith(own) for task_id in scheduled):
        return
    scheduler.enqueue_at(
        _naive(moment),
        _VERIFY_TASK,
        entry_id,
        as_of,
        job_id=_verification_id(entry_id),
        queue_name=VERIFY,
        timeout=_NO_TIMEOUT,
        job_result_ttl=0,
    )


def scan_again_at(
    redis: Redis, moment: datetime, as_of: str | None = None, agent: str | None = None
) -> None:
    """Schedule a scan at `moment`, unless one is scheduled for that time or sooner."""
    scheduler = scheduler_on(redis)
    soon = redis.zrangebyscore(scheduler.scheduled_jobs_key, 0, moment.timestamp())
    if not (as_of or agent) and any(_text(task_id).startswith(_AGAIN) for task_id in soon):
        return
    scheduler.enqueue_at(
        _naive(moment),
        _SCAN_TASK,
        as_of,
        agent,
        job_id=f"{_AGAIN if not (as_of or agent) else SCAN}-{secrets.token_hex(4)}",
        queue_name=SCAN,
        timeout=_NO_TIMEOUT,
        job_result_ttl=0,
    )


def schedule_scans(redis: Redis, minutes: int, now: datetime) -> bool:
    """Let a scan be enqueued every `minutes`, the first at `now`; whether that is new.

    Idempotent: a schedule that is there already stays as it is, unless it has another interval,
    or is for a time that a clock which jumped has put out of reach.
    """
    scheduler = scheduler_on(redis)
    seconds = minutes * 60
    score = redis.zscore(scheduler.scheduled_jobs_key, PERIODIC)
    if score is not None and now.timestamp() + seconds >= score:
        known = Task.fetch_many([PERIODIC], connection=redis)[0]
        if known is not None and known.meta.get("interval") == seconds:
            return False
    scheduler.schedule(
        _naive(now),
        _PERIODIC_TASK,
        interval=seconds,
        id=PERIODIC,
        # With any other the task, and so the schedule, vanishes after it has run.
        result_ttl=-1,
        timeout=_NO_TIMEOUT,
        queue_name=SCAN,
    )
    return True


def _text(task_id: Any) -> str:
    return task_id.decode() if isinstance(task_id, bytes) else str(task_id)


def _naive(moment: datetime) -> datetime:
    """As rq-scheduler wants times: UTC, and saying nothing of it."""
    return moment.astimezone(UTC).replace(tzinfo=None)
