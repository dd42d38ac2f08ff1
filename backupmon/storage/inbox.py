"""The reports that lie in the deposit area: finding, peeking at, and taking them."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from backupmon.core.paths import MAX_DEPTH
from backupmon.core.report import MAX_REPORT_BYTES
from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import ServerFault, server_fault
from backupmon.storage.folders import (
    NotAFolderError,
    folder,
    may_enter,
    move_unless_taken,
    names_in,
    own_folder,
    sync_folder,
)
from backupmon.storage.leases import Lease, give_back, take_lease
from backupmon.storage.readers import CopyWriter
from backupmon.storage.roots import CLAIMED

REPORTS = "reports"
#: A report that is being copied aside; not a report's name.
_PART = ".part"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class NotAReportError(Exception):
    """What lies there is no regular file; `kind` says what."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class UnreadableReportError(NotAReportError):
    """It is a file that the server's user may not read; `changed_at` is its ctime."""

    def __init__(self, changed_at: datetime) -> None:
        super().__init__("not readable to the server")
        self.changed_at = changed_at


@dataclass(frozen=True, slots=True)
class FoundReport:
    """A report where an agent put it, or (`aside`) where we have put it.

    Parameters
    ----------
    folder:
        Components below DEPOSIT_ROOT, as they are spelt on disk.
    name:
        Its file name.
    landed_ns:
        When it landed: its ctime, in ns since 1970.
    aside:
        It lies in our own folder, out of the agent's reach.
    """

    folder: tuple[str, ...]
    name: str
    landed_ns: int = 0
    aside: bool = False

    @property
    def place(self) -> tuple[str, ...]:
        """The components of the folder that it lies in."""
        return (CLAIMED, REPORTS, str(self.landed_ns), *self.folder) if self.aside else self.folder

    @property
    def path(self) -> str:
        """Where the agent put it, for people."""
        return "/".join((*self.folder, self.name))


@dataclass(frozen=True, slots=True)
class ReadReport:
    """The bytes of a report, at most one more than may be.

    Parameters
    ----------
    data:
        What was read.
    size:
        Of the file, in bytes.
    landed_ns, written_ns:
        Its ctime and mtime, in ns since 1970.
    held:
        A writer has it open.
    """

    data: bytes
    size: int
    landed_ns: int
    written_ns: int
    held: bool

    @property
    def changed_at(self) -> datetime:
        """Its ctime: when it landed, by the filesystem's clock."""
        return datetime.fromtimestamp(self.landed_ns / 1e9, UTC)


def reports_in(root_fd: int, components: tuple[str, ...]) -> list[FoundReport]:
    """The files in a log folder whose names are those of reports, by name.

    Raises
    ------
    NotAFolderError
        When the folder is a link or no folder.
    ServerFault
        When it cannot be read.
    """
    try:
        with folder(root_fd, components) as here:
            names = names_in(here, "/".join(components))
    except FileNotFoundError:
        return []
    return [FoundReport(components, name) for name in names if is_report_name(name)]


def is_report_name(name: str) -> bool:
    """``*.json`` in any case, neither hidden nor half written."""
    return name.lower().endswith(".json") and not name.startswith(".")


def read_report(root_fd: int, found: FoundReport) -> ReadReport | None:
    """Read a report without following links and without blocking; None when it has gone.

    Raises
    ------
    NotAReportError
        When it is no regular file.
    UnreadableReportError
        When the server's user may not read it.
    ServerFault
        When the server itself is in trouble.
    """
    try:
        with folder(root_fd, found.place) as here:
            about = os.stat(found.name, dir_fd=here, follow_symlinks=False)
            _check_regular(about)
            try:
                fd = _open_report(here, found, about)
            except BlockingIOError:
                # Somebody has a write lease on it; our asking has told the kernel to call it in.
                return _as_read(b"", about, held=True)
            try:
                return _read_open(fd)
            finally:
                os.close(fd)
    except (FileNotFoundError, NotAFolderError):
        return None
    except OSError as error:
        raise server_fault(error, found.path) from error


def _check_regular(about: os.stat_result) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise NotAReportError("a link" if stat.S_ISLNK(about.st_mode) else "no regular file")


def _open_report(here: int, found: FoundReport, about: os.stat_result) -> int:
    # Aside it is out of all reach, so no pipe: there a lease that is called in is waited for.
    flags = _READ & ~os.O_NONBLOCK if found.aside else _READ
    try:
        return os.open(found.name, flags, dir_fd=here)
    except PermissionError as error:
        if not may_enter(here):
            raise
        changed_at = datetime.fromtimestamp(about.st_ctime_ns / 1e9, UTC)
        raise UnreadableReportError(changed_at) from error
    except OSError as error:
        # It was regular a moment ago.
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise NotAReportError("swapped for something else") from error
        raise


def _read_open(fd: int) -> ReadReport:
    about = os.fstat(fd)
    _check_regular(about)
    lease = take_lease(fd)
    if lease is Lease.GRANTED:
        give_back(fd)
    return _as_read(_start_of(fd), os.fstat(fd), held=lease is Lease.REFUSED)


def _start_of(fd: int) -> bytes:
    """As much of a report as may be, and one byte more."""
    pieces: list[bytes] = []
    wanted = MAX_REPORT_BYTES + 1
    while wanted and (piece := os.read(fd, wanted)):
        pieces.append(piece)
        wanted -= len(piece)
    return b"".join(pieces)


def _as_read(data: bytes, about: os.stat_result, *, held: bool) -> ReadReport:
    return ReadReport(data, about.st_size, about.st_ctime_ns, about.st_mtime_ns, held=held)


def take_aside(root_fd: int, found: FoundReport, landed_ns: int) -> FoundReport | None:
    """Rename a report out of the agent's reach; None when it has gone.

    Where it goes tells all there is to know of it: when it landed, and from where. What has
    been swapped for a link, a pipe or a folder by now goes back.

    Raises
    ------
    ServerFault
        When it cannot be renamed.
    """
    taken = FoundReport(found.folder, found.name, landed_ns, aside=True)
    try:
        with (
            folder(root_fd, found.folder) as source,
            own_folder(root_fd, taken.place, make=True) as target,
        ):
            moved = _take(source, target, found.name)
    except (FileNotFoundError, NotAFolderError):
        moved = False
    except OSError as error:
        raise server_fault(error, found.path) from error
    if not moved:
        prune(root_fd, taken.place, keep=2)
        return None
    failpoint("intake.taken")
    return taken


def _take(source: int, target: int, name: str) -> bool:
    try:
        os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return _take_copy(source, target, name)
    kind = os.stat(name, dir_fd=target, follow_symlinks=False).st_mode
    if stat.S_ISREG(kind):
        return True
    if not move_unless_taken(target, name, source, name) and not stat.S_ISDIR(kind):
        # The agent has put yet another in its place; a link or a pipe holds nothing.
        os.unlink(name, dir_fd=target)
    return False


def _take_copy(source: int, target: int, name: str) -> bool:
    """Take a report from an agent's folder that is a filesystem of its own.

    False when it is no regular file, or is being written.
    """
    if not stat.S_ISREG(os.stat(name, dir_fd=source, follow_symlinks=False).st_mode):
        return False
    fd = os.open(name, _READ, dir_fd=source)
    try:
        before = os.fstat(fd)
        _write_copy(target, name, _start_of(fd), before)
    finally:
        os.close(fd)
    now = os.stat(name, dir_fd=source, follow_symlinks=False)
    unchanged = _version(now) == _version(before)
    os.unlink(name, dir_fd=source if unchanged else target)
    return unchanged


def _version(about: os.stat_result) -> tuple[int, ...]:
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _write_copy(target: int, name: str, data: bytes, about: os.stat_result) -> None:
    """Write a copy of the same age, whole or not at all, durably."""
    fd = os.open(_PART, _NEW, 0o600, dir_fd=target)
    try:
        CopyWriter(fd).feed(memoryview(data))
        os.utime(fd, ns=(about.st_atime_ns, about.st_mtime_ns))
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(_PART, name, src_dir_fd=target, dst_dir_fd=target)
    sync_folder(target)


def left_aside(root_fd: int) -> Iterator[FoundReport]:
    """Reports that a scan had taken and not finished with, oldest first.

    Raises
    ------
    ServerFault
        When our own folders cannot be read.
    """
    try:
        with own_folder(root_fd, (CLAIMED, REPORTS)) as area:
            stamps = [n for n in names_in(area, REPORTS) if n.isdecimal()]
            for stamp in sorted(stamps, key=int):
                yield from _walk(area, int(stamp), ())
    except FileNotFoundError:
        return


def _walk(area: int, stamp: int, below: tuple[str, ...]) -> Iterable[FoundReport]:
    """The reports in a folder that we made, and in those below it.

    Deeper than a log folder can lie nothing is ours: a folder that an agent swapped for its
    report just before it was taken may be of any depth.
    """
    with own_folder(area, (str(stamp), *below)) as here:
        for name in names_in(here, REPORTS):
            kind = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
            if stat.S_ISDIR(kind) and len(below) < MAX_DEPTH:
                with _agents_trouble():
                    yield from _walk(area, stamp, (*below, name))
            elif stat.S_ISREG(kind) and below and is_report_name(name):
                yield FoundReport(below, name, stamp, aside=True)


@contextlib.contextmanager
def _agents_trouble() -> Iterator[None]:
    """Pass over a folder that we may not enter: we made none like that."""
    try:
        yield
    except ServerFault as fault:
        if fault.code != "folder.unreadable":
            raise


def finish_with(root_fd: int, taken: FoundReport) -> None:
    """Remove a report that has been archived and recorded, and the folders made for it.

    Raises
    ------
    ServerFault
        When it cannot be removed. It is known by now, so it may be tried again at any time.
    """
    try:
        with own_folder(root_fd, taken.place) as here:
            os.unlink(taken.name, dir_fd=here)
    except FileNotFoundError:
        return
    except OSError as error:
        raise server_fault(error, taken.path) from error
    prune(root_fd, taken.place, keep=2)


def prune(root_fd: int, components: Sequence[str], keep: int) -> None:
    """Remove empty folders from `components` upwards, down to the first `keep`."""
    for depth in range(len(components), keep, -1):
        try:
            with folder(root_fd, components[: depth - 1]) as parent:
                os.rmdir(components[depth - 1], dir_fd=parent)
        except (OSError, ServerFault, NotAFolderError):
            return
