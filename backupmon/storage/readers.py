"""What is learnt of a file while it is read once: each reader is fed the same chunks."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from typing import Protocol

from backupmon.storage.failpoints import failpoint

#: Large enough that calls cost nothing beside hashing, small enough for the processor's cache.
CHUNK = 1024 * 1024


class Reader(Protocol):
    """Something that learns from a file's bytes, in constant memory."""

    def feed(self, chunk: memoryview) -> None:
        """Take the next bytes; `chunk` is only valid during the call."""


class Sha256Reader:
    """The SHA-256 of all that was fed."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def feed(self, chunk: memoryview) -> None:
        """Take the next bytes."""
        self._hash.update(chunk)

    def hexdigest(self) -> str:
        """64 lower-case hex digits."""
        return self._hash.hexdigest()


class CopyWriter:
    """Writes all that is fed to an open file: a copy made in the same read."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def feed(self, chunk: memoryview) -> None:
        """Write the next bytes, all of them."""
        while chunk:
            chunk = chunk[os.write(self._fd, chunk) :]


def make_room(fd: int | None) -> None:
    """Empty a copy that failed: a full disk stays full as long as half a copy lies on it."""
    if fd is not None:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)


def read_through(
    fd: int,
    readers: Sequence[Reader],
    progress: Callable[[int], None] | None = None,
    *,
    limit: int | None = None,
) -> int:
    """Read an open file from its start and feed every reader; gives the bytes read.

    Parameters
    ----------
    fd:
        An open regular file.
    readers:
        Each is fed every chunk, in order.
    progress:
        Called with the length of each chunk in bytes.
    limit:
        Bytes after which reading stops, so that a file that grows as fast as it is read does
        not hold us for ever. Up to a chunk more may be read.

    Raises
    ------
    OSError
        From reading, or from a reader that writes.
    """
    buffer = bytearray(CHUNK)
    view = memoryview(buffer)
    os.lseek(fd, 0, os.SEEK_SET)
    total = 0
    while count := os.readv(fd, [buffer]):
        chunk = view[:count]
        for reader in readers:
            reader.feed(chunk)
        total += count
        if progress:
            progress(count)
        failpoint("measure.chunk")
        if limit is not None and total > limit:
            break
    return total
