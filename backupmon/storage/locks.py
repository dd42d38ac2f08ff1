"""Locks that die with their process, and names for processes that outlive them."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from backupmon.storage.faults import server_fault


@dataclass(frozen=True, slots=True)
class ProcessName:
    """A process, so named that no other is ever taken for it.

    `start` is in clock ticks since boot (``/proc/PID/stat``): pids come round again, a pid
    with the same start does not. `host` tells machines, boots and pid namespaces apart, since
    two containers may share a host name.
    """

    host: str
    pid: int
    start: int

    def alive(self) -> bool | None:
        """Whether it lives; None where we cannot look: on another host, or without ``/proc``."""
        if self.host != this_host() or self.start < 0:
            return None
        if not _read(f"/proc/{self.pid}/stat") and _is_there(self.pid):
            # A /proc that hides processes (hidepid) must not make living ones dead.
            return None
        return _start_of(self.pid) == self.start


@cache
def this_host() -> str:
    """This machine since its boot, and this pid namespace."""
    boot = _read("/proc/sys/kernel/random/boot_id")[:8]
    try:
        space = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        space = 0
    return f"{socket.gethostname()}/{boot}/{space}"


def this_process() -> ProcessName:
    """The name of the process that asks."""
    return ProcessName(this_host(), os.getpid(), _start_of(os.getpid()))


def _start_of(pid: int) -> int:
    """The start of a live process in clock ticks since boot; -1 when there is none."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    # Fields are counted from the state, which is the third of proc(5); the start is the 22nd.
    alive = len(fields) > 19 and fields[0] not in ("Z", "X")
    return int(fields[19]) if alive else -1


def _is_there(pid: int) -> bool:
    """Whether there is a process of that number, whosever it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _leave(fd: int, word: bytes) -> None:
    if word:
        os.pwrite(fd, word, 0)
        os.ftruncate(fd, len(word))


class FileLock:
    """An exclusive ``flock`` on a file that bears a word about its holder.

    The kernel frees it when the process ends, however it ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def acquire(self, word: str = "", *, wait: bool = False) -> bool:
        """Take the lock and leave `word` in it; False when another holds it.

        Raises
        ------
        ServerFault
            When the file cannot be opened or written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise server_fault(error, str(self.path)) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            _leave(fd, word.encode())
        except BlockingIOError:
            os.close(fd)
            return False
        except OSError as error:
            os.close(fd)
            raise server_fault(error, str(self.path)) from error
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return True

    def fileno(self) -> int:
        """The descriptor that holds it, for a child that is to hold it too."""
        assert self._fd is not None, "the lock is not held"
        return self._fd

    def word(self) -> str:
        """What the holder, or the last one, left in it."""
        return _read(str(self.path))

    def release(self) -> None:
        """Give the lock back; without effect when it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


@contextmanager
def folder_lock(folder: Path) -> Iterator[bool]:
    """Whether the lock on a folder is ours, for as long as the block lasts.

    Nothing is written: it is for those who look after a disk that is full or read-only. Where the
    folder or its filesystem has no locks to give, everybody has them.
    """
    fd = None
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd is None or _is_taken(fd)
    finally:
        if fd is not None:
            os.close(fd)


def _is_taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
