"""The queue, its workers and its scheduler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select

from backupmon.config import hide_password
from backupmon.core.phrases import Kept, phrase
from backupmon.core.words import to_translate
from backupmon.extensions import db
from backupmon.models import ServerCondition
from backupmon.queue import QueueDownError, answering
from backupmon.services.background import queue_of
from backupmon.services.background_status import DOWN
from backupmon.services.doctor.checks import Check, Said, bad, good, warning
from backupmon.services.doctor.patient import Patient
from backupmon.supervision.redis_server import find_redis_server

_REDIS = "Redis"
_WORKERS = to_translate("workers")
_SCHEDULER = to_translate("scheduler")
_FAILED = to_translate("failed tasks")
_EMBEDDED = phrase(
    "start the server with flask up, which brings Redis along; flask scan works without"
)
_WITHOUT_BINARY = phrase(
    "install redis-server (or valkey-server), or set BACKUPMON_REDIS_URL; flask scan works without"
)


def redis_answers(patient: Patient) -> Iterator[Check]:
    """Whether it is there; if not, since when it has been found away."""
    found = patient.background
    if not isinstance(found, QueueDownError):
        yield from _kept(patient)
        return
    hint: Said = found.hint
    if patient.settings.redis_url is None:
        hint = _WITHOUT_BINARY if find_redis_server() is None else _EMBEDDED
    since = _down_since(patient)
    if since is None:
        yield bad(_REDIS, found.message, hint)
    else:
        told = phrase("%(what)s (since %(since)s)", what=Kept(found.message), since=since)
        yield bad(_REDIS, told, hint)


def _down_since(patient: Patient) -> datetime | None:
    if not patient.has_tables:
        return None
    query = select(ServerCondition.started_at).where(
        ServerCondition.code == DOWN, ServerCondition.ended_at.is_(None)
    )
    since = db.session.scalar(query)
    db.session.rollback()
    return since


def _kept(patient: Patient) -> Iterator[Check]:
    with answering():
        about: Mapping[str, Any] = queue_of(patient.settings).info()
    address = hide_password(patient.settings.queue_url)
    version = str(about.get("redis_version", "?"))
    yield good(
        _REDIS, phrase("%(version)s answers at %(address)s", version=version, address=address)
    )
    if about.get("aof_enabled") == 0:
        yield warning(
            _REDIS,
            phrase("a restart loses what waits; the next scan enqueues it again"),
            phrase("set appendonly yes in its configuration"),
        )
    if about.get("aof_last_write_status", "ok") != "ok":
        yield bad(
            _REDIS,
            phrase("could not write down what it was told"),
            phrase("see whether its disk is full"),
        )
    policy = about.get("maxmemory_policy", "noeviction")
    if about.get("maxmemory") and policy != "noeviction":
        yield warning(
            _REDIS,
            phrase(
                "drops tasks and the schedule when its memory is full (maxmemory-policy "
                "%(policy)s)",
                policy=str(policy),
            ),
            phrase("set maxmemory-policy noeviction in its configuration"),
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
            _WORKERS,
            phrase(
                "nobody works on %(queues)s: %(waiting)s tasks wait there",
                queues=", ".join(unserved),
                waiting=waiting,
            ),
            phrase(
                "start the server with flask up, or run python worker.py %(queues)s",
                queues=" ".join(unserved),
            ),
        )
    else:
        waiting = sum(found.waiting.values())
        yield good(
            _WORKERS,
            phrase(
                "%(workers)s at work on all queues, %(waiting)s tasks wait",
                workers=len(found.workers),
                waiting=waiting,
            ),
        )


def scans_are_scheduled(patient: Patient) -> Iterator[Check]:
    """Whether a scheduler lives, and will ask for scans."""
    found = patient.background
    if isinstance(found, QueueDownError):
        return
    minutes = patient.settings.scanner_interval_minutes
    if not found.schedulers:
        yield bad(
            _SCHEDULER,
            phrase("none lives: nobody asks for scans"),
            phrase("start the server with flask up, or run python worker.py scheduler"),
        )
    elif found.next_scan_at is None:
        yield bad(
            _SCHEDULER,
            phrase("the periodic scan is not in the schedule"),
            phrase(
                "wait some seconds, since the scheduler enters it; if it stays away, look at its "
                "log"
            ),
        )
    else:
        yield good(
            _SCHEDULER,
            phrase(
                "asks for a scan every %(minutes)s min, next at %(due)s",
                minutes=minutes,
                due=found.next_scan_at,
            ),
        )


def tasks_end_well(patient: Patient) -> Iterator[Check]:
    """Tasks that ended with an error."""
    found = patient.background
    if isinstance(found, QueueDownError):
        return
    failed = {name: count for name, count in found.failed.items() if count}
    for name, count in failed.items():
        yield warning(
            _FAILED,
            phrase("%(number)s on %(queue)s, within the last week", number=count, queue=name),
            phrase("the workers' log tells why; what they were about is done by the next scan"),
        )
    if not failed:
        yield good(_FAILED, phrase("none within the last week"))
