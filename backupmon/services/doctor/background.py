"""The queue, its workers and its scheduler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select

from backupmon.config import hide_password
from backupmon.core.words import human_time
from backupmon.extensions import db
from backupmon.models import ServerCondition
from backupmon.queue import QueueDownError, answering
from backupmon.services.background import queue_of
from backupmon.services.background_status import DOWN
from backupmon.services.doctor.checks import Check, bad, good, warning
from backupmon.services.doctor.patient import Patient
from backupmon.supervision.redis_server import find_redis_server

_REDIS = "Redis"
_EMBEDDED = "start the server with flask up, which brings Redis along; flask scan works without"
_WITHOUT_BINARY = (
    "install redis-server (or valkey-server), or set BACKUPMON_REDIS_URL; flask scan works without"
)


def redis_answers(patient: Patient) -> Iterator[Check]:
    """Whether it is there; if not, since when it has been found away."""
    found = patient.background
    if not isinstance(found, QueueDownError):
        yield from _kept(patient)
        return
    hint = found.hint
    if patient.settings.redis_url is None:
        hint = _WITHOUT_BINARY if find_redis_server() is None else _EMBEDDED
    yield bad(_REDIS, found.message + _down_since(patient), hint)


def _down_since(patient: Patient) -> str:
    if not patient.has_tables:
        return ""
    query = select(ServerCondition.started_at).where(
        ServerCondition.code == DOWN, ServerCondition.ended_at.is_(None)
    )
    since = db.session.scalar(query)
    db.session.rollback()
    return f" (since {human_time(since)})" if since else ""


def _kept(patient: Patient) -> Iterator[Check]:
    with answering():
        about: Mapping[str, Any] = queue_of(patient.settings).info()
    address = hide_password(patient.settings.queue_url)
    yield good(_REDIS, f"{about.get('redis_version', 'of unknown version')} answers at {address}")
    if about.get("aof_enabled") == 0:
        yield warning(
            _REDIS,
            "a restart loses what waits; the next scan enqueues it again",
            "set appendonly yes in its configuration",
        )
    if about.get("aof_last_write_status", "ok") != "ok":
        yield bad(_REDIS, "could not write down what it was told", "see whether its disk is full")
    policy = about.get("maxmemory_policy", "noeviction")
    if about.get("maxmemory") and policy != "noeviction":
        yield warning(
            _REDIS,
            f"drops tasks and the schedule when its memory is full (maxmemory-policy {policy})",
            "set maxmemory-policy noeviction in its configuration",
        )


def workers_serve(patient: Patient) -> Iterator[Check]:
    """Whether somebody works on each queue."""
    found = patient.background
    if isinstance(found, QueueDownError):
        return
    unserved = found.unserved()
    if unserved:
        waiting = sum(found.waiting.get(name, 0) for name in unserved)
        yield bad(
            "workers",
            f"nobody works on {', '.join(unserved)}: {waiting} tasks wait there",
            f"start the server with flask up, or run python worker.py {' '.join(unserved)}",
        )
    else:
        waiting = sum(found.waiting.values())
        yield good("workers", f"{len(found.workers)} at work on all queues, {waiting} tasks wait")


def scans_are_scheduled(patient: Patient) -> Iterator[Check]:
    """Whether a scheduler lives, and will ask for scans."""
    found = patient.background
    if isinstance(found, QueueDownError):
        return
    minutes = patient.settings.scanner_interval_minutes
    if not found.schedulers:
        yield bad(
            "scheduler",
            "none lives: nobody asks for scans",
            "start the server with flask up, or run python worker.py scheduler",
        )
    elif found.next_scan_at is None:
        yield bad(
            "scheduler",
            "the periodic scan is not in the schedule",
            "wait some seconds, since the scheduler enters it; if it stays away, look at its log",
        )
    else:
        due = human_time(found.next_scan_at)
        yield good("scheduler", f"asks for a scan every {minutes} min, next at {due}")


def tasks_end_well(patient: Patient) -> Iterator[Check]:
    """Tasks that ended with an error."""
    found = patient.background
    if isinstance(found, QueueDownError):
        return
    failed = {name: count for name, count in found.failed.items() if count}
    if failed:
        told = ", ".join(f"{count} on {name}" for name, count in failed.items())
        yield warning(
            "failed tasks",
            f"{told}, within the last week",
            "the workers' log tells why; what they were about is done by the next scan",
        )
    else:
        yield good("failed tasks", "none within the last week")
