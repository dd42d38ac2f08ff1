"""The archive of reports: what was read, kept for ever."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from datetime import datetime

from backupmon.core.paths import safe_component
from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import server_fault
from backupmon.storage.folders import SHOWN, NotAFolderError, folder, own_folder, sync_folder
from backupmon.storage.inbox import FoundReport, NotAReportError, ReadReport
from backupmon.storage.readers import CopyWriter, Reader, Sha256Reader, read_through

#: Bytes. A "report" that is larger is kept as far as it was read, so that one file of an
#: agent's can neither fill the archive nor hold up the scan.
MAX_KEPT = 64 * 1024 * 1024

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def report_sha256(deposit_fd: int, found: FoundReport, read: ReadReport) -> str:
    """The SHA-256 of what is archived of a report.

    Raises
    ------
    ServerFault
        When it cannot be read.
    """
    digest = Sha256Reader()
    if _was_read(read):
        digest.feed(memoryview(read.data))
    else:
        try:
            _read_again(deposit_fd, found, digest)
        except OSError as error:
            raise server_fault(error, found.path) from error
    return digest.hexdigest()


def _was_read(read: ReadReport) -> bool:
    """Whether all that is to be kept has been read."""
    return len(read.data) >= read.size or read.size > MAX_KEPT


def _read_again(deposit_fd: int, found: FoundReport, reader: Reader) -> None:
    try:
        with folder(deposit_fd, found.place) as here:
            fd = os.open(found.name, _READ, dir_fd=here)
    except NotAFolderError as error:
        raise FileNotFoundError(errno.ENOENT, error.message, found.path) from error
    try:
        read_through(fd, [reader], limit=MAX_KEPT)
    finally:
        os.close(fd)


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
    with own_folder(archive_fd, place[:-1], make=True, mode=SHOWN) as here:
        try:
            fd = os.open(part, _NEW, 0o640, dir_fd=here)
            try:
                _fill(fd, read, deposit_fd, taken)
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(part, place[-1], src_dir_fd=here, dst_dir_fd=here)
            sync_folder(here)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(part, dir_fd=here)
            raise server_fault(error, "/".join(("REPORT_ARCHIVE_ROOT", *place))) from error
    failpoint("intake.archived")


def _fill(fd: int, read: ReadReport, deposit_fd: int, taken: FoundReport) -> None:
    if _was_read(read):
        CopyWriter(fd).feed(memoryview(read.data))
    else:
        _read_again(deposit_fd, taken, CopyWriter(fd))


def open_archived(archive_fd: int, place: tuple[str, ...]) -> int:
    """An archived report, open to be read, for the caller to close; no link is followed.

    Raises
    ------
    FileNotFoundError
        When it is not there any more.
    NotAReportError
        When something else lies in its place.
    ServerFault
        When it cannot be read.
    """
    subject = "/".join(("REPORT_ARCHIVE_ROOT", *place))
    try:
        with folder(archive_fd, place[:-1]) as here:
            fd = os.open(place[-1], _READ | os.O_NOCTTY, dir_fd=here)
    except FileNotFoundError:
        raise
    except NotAFolderError as error:
        raise NotAReportError("no regular file") from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise NotAReportError("no regular file") from error
        raise server_fault(error, subject) from error
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise NotAReportError("no regular file")
