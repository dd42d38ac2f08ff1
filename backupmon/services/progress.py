"""How far the reading of large files is: kept in the task's meta, and read from there by pages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from redis import Redis
from rq.registry import StartedJobRegistry

from backupmon.queue import VERIFY, QueueDownError, Task, answering, queue_named
from backupmon.services.context import GivenBackError, Progress, Watch

#: Seconds between two notes of the progress of one task.
_NOTE_EVERY = 1.0

_stop = threading.Event()


def request_stop() -> None:
    """Let this process begin nothing more, and give back the file that it reads."""
    _stop.set()


def stop_requested() -> bool:
    """Whether this process is to end."""
    return _stop.is_set()


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How far the reading of a staged file is.

    Parameters
    ----------
    entry_ids:
        The entries that wait for it.
    done, total:
        Bytes; the total is the agent's word.
    began_at:
        When its first chunk was read.
    seen_at:
        When `done` was noted.
    """

    entry_ids: tuple[int, ...]
    done: int
    total: int
    began_at: datetime
    seen_at: datetime

    @property
    def rate(self) -> float:
        """Bytes per second so far; 0 before anything was read."""
        seconds = (self.seen_at - self.began_at).total_seconds()
        return self.done / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At that rate; None where nobody can say."""
        return max(0, self.total - self.done) / self.rate if self.rate else None


class TaskWatch:
    """Notes the progress of the files that a task reads in the task's meta.

    Parameters
    ----------
    save:
        Told what is to be seen by others, about once a second.
    """

    def __init__(self, save: Callable[[list[dict[str, Any]]], None]) -> None:
        self._save = save
        self._lock = threading.Lock()
        self._totals: dict[tuple[int, ...], int] = {}
        self._reading: dict[tuple[int, ...], dict[str, Any]] = {}
        self._noted_at = 0.0
        self._noted: list[dict[str, Any]] = []

    def watch(self) -> Watch:
        """As a scan wants it."""
        return Watch(self._expect, self._begin, self._end, self._tick, stop_requested)

    def _expect(self, entry_ids: Sequence[int], total: int) -> None:
        self._totals[tuple(entry_ids)] = total

    def _begin(self, entry_ids: Sequence[int]) -> Progress:
        key = tuple(entry_ids)

        def progress(count: int) -> None:
            if stop_requested():
                raise GivenBackError("this process is to end")
            with self._lock:
                if key not in self._reading:
                    total = self._totals.get(key, 0)
                    self._reading[key] = {
                        "entries": list(key),
                        "done": 0,
                        "total": total,
                        "began": time.time(),
                    }
                self._reading[key]["done"] += count

        return progress

    def _end(self, entry_ids: Sequence[int]) -> None:
        with self._lock:
            self._reading.pop(tuple(entry_ids), None)

    def _tick(self) -> None:
        if time.monotonic() - self._noted_at < _NOTE_EVERY:
            return
        with self._lock:
            now = time.time()
            files = [{**file, "seen": now} for file in self._reading.values()]
        if files or self._noted:
            # That somebody looks on must never hold up the work.
            with suppress(QueueDownError), answering():
                self._save(files)
        self._noted, self._noted_at = files, time.monotonic()


def watch_task(task: Task | None) -> Watch:
    """Who looks on while a task reads files: whoever asks `current_progress`."""
    if task is None:
        return TaskWatch(lambda _files: None).watch()

    def save(files: list[dict[str, Any]]) -> None:
        task.meta["files"] = files
        task.save_meta()  # type: ignore[no-untyped-call]

    return TaskWatch(save).watch()


def current_progress(redis: Redis) -> dict[int, FileProgress]:
    """What is being read at this moment, by entry.

    Raises
    ------
    QueueDownError
    """
    with answering():
        registry = StartedJobRegistry(queue=queue_named(VERIFY, redis))
        # Without cleaning up: that is the workers' to do.
        ids = registry.get_job_ids(cleanup=False)
        tasks = Task.fetch_many(ids, connection=redis) if ids else []
    found: dict[int, FileProgress] = {}
    for task in tasks:
        for file in task.meta.get("files", ()) if task else ():
            progress = _from_meta(file)
            found |= dict.fromkeys(progress.entry_ids, progress)
    return found


def _from_meta(file: dict[str, Any]) -> FileProgress:
    return FileProgress(
        tuple(file["entries"]),
        file["done"],
        file["total"],
        datetime.fromtimestamp(file["began"], UTC),
        datetime.fromtimestamp(file["seen"], UTC),
    )
