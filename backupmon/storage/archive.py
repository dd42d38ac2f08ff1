"""The archive of reports: what was read, kept for ever."""

from __future__ import annotations

import contextlib
import hashlib
import os
from datetime import datetime

from backupmon.core.paths import safe_component
from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import server_fault
from backupmon.storage.folders import folder
from backupmon.storage.inbox import FoundReport, ReadReport
from backupmon.storage.readers import CopyWriter, Sha256Reader, read_through

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def report_sha256(deposit_fd: int, found: FoundReport, read: ReadReport) -> str:
    """The SHA-256 of a report: of what was read, or of the whole file where that is more."""
    if len(read.data) >= read.size:
        return hashlib.sha256(read.data).hexdigest()
    digest = Sha256Reader()
    with folder(deposit_fd, found.place) as here:
        fd = os.open(found.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
    try:
        read_through(fd, [digest])
    except OSError as error:
        raise server_fault(error, found.path) from error
    finally:
        os.close(fd)
    return digest.hexdigest()


def archive_place(agent: str, end: datetime, sha256: str, name: str) -> tuple[str, ...]:
    """``<agent>/<year>/<month>/<end>_<first 8 of SHA-256>_<name>``, as components.

    Parameters
    ----------
    agent:
        As its folder is spelt.
    end:
        The report's end; for an invalid one, when it landed.
    """
    stamp = end.strftime("%Y%m%dT%H%M%SZ")
    return (
        safe_component(agent) or "_",
        end.strftime("%Y"),
        end.strftime("%m"),
        safe_component(f"{stamp}_{sha256[:8]}_{name}"),
    )


def archive_report(
    archive_fd: int,
    place: tuple[str, ...],
    read: ReadReport,
    deposit_fd: int,
    taken: FoundReport,
) -> None:
    """Write what was read to its place, durably. The same again changes nothing.

    A copy of the bytes rather than the file itself: a writer may still have that open.

    Raises
    ------
    ServerFault
        When it cannot be written.
    """
    part = f".{read.landed_ns}.part"
    with folder(archive_fd, place[:-1], make=True) as here:
        try:
            fd = os.open(part, _NEW, 0o640, dir_fd=here)
            try:
                _fill(fd, read, deposit_fd, taken)
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(part, place[-1], src_dir_fd=here, dst_dir_fd=here)
            os.fsync(here)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(part, dir_fd=here)
            raise server_fault(error, "/".join(("REPORT_ARCHIVE_ROOT", *place))) from error
    failpoint("intake.archived")


def _fill(fd: int, read: ReadReport, deposit_fd: int, taken: FoundReport) -> None:
    if len(read.data) >= read.size:
        CopyWriter(fd).feed(memoryview(read.data))
        return
    with folder(deposit_fd, taken.place) as source_folder:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        source = os.open(taken.name, flags, dir_fd=source_folder)
    try:
        read_through(source, [CopyWriter(fd)])
    finally:
        os.close(source)
