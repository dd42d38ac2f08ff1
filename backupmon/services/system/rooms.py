"""What filesystems have left, asked so that a dead network disk does not hang the page."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from backupmon.storage.filesystems import Room, room_at

#: Seconds that all of them together have for an answer.
_PATIENCE = 2.0
#: More disks than this do not hang at the same time.
_THREADS = 8

_asking: dict[Path, Future[Room]] = {}
_threads: list[ThreadPoolExecutor] = []


@dataclass(frozen=True, slots=True)
class RoomFound:
    """The room, or why nobody can tell; ``silent`` where the filesystem does not answer."""

    room: Room | None = None
    problem: str = ""
    silent: bool = False


def find_rooms(paths: Mapping[str, Path]) -> dict[str, RoomFound]:
    """The room at each path, by the same names."""
    asked = {name: _ask(path) for name, path in paths.items()}
    wait(asked.values(), _PATIENCE)
    return {name: _answer(future) for name, future in asked.items()}


def _ask(path: Path) -> Future[Room]:
    """Ask, unless one who asked still waits: nothing can be done about him."""
    known = _asking.get(path)
    if known is not None and not known.done():
        return known
    if not _threads:
        # At the first use: a server that forks would leave its threads behind.
        _threads.append(ThreadPoolExecutor(_THREADS, "rooms"))
    asked = _asking[path] = _threads[0].submit(room_at, path)
    return asked


def _answer(future: Future[Room]) -> RoomFound:
    if not future.done():
        return RoomFound(silent=True)
    error = future.exception()
    if error is None:
        return RoomFound(future.result())
    return RoomFound(problem=getattr(error, "strerror", None) or str(error))
