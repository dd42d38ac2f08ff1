"""The reports that lie in the deposit area: finding, peeking at, and taking them."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from backupmon.core.job_spec import agent_key
from backupmon.core.paths import Component
from backupmon.core.report import MAX_REPORT_BYTES
from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import ServerFault, server_fault
from backupmon.storage.folders import NotAFolderError, folder, names_in
from backupmon.storage.leases import Lease, give_back, take_lease
from backupmon.storage.roots import CLAIMED

REPORTS = "reports"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class NotAReportError(Exception):
    """What lies there is no regular file; `kind` says what."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


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


class DepositListing:
    """The folders of the deposit area, listed once per scan.

    Parameters
    ----------
    root_fd:
        DEPOSIT_ROOT, open.
    """

    def __init__(self, root_fd: int) -> None:
        self._root_fd = root_fd
        self._spellings: dict[tuple[str, ...], dict[str, list[str]]] = {}

    def agent_folders(self) -> list[str]:
        """The folders at the top, the server's own left out."""
        return sorted(n for names in self._listed(()).values() for n in names)

    def spelt(self, components: Sequence[Component]) -> list[tuple[str, ...]]:
        """The paths that a template means, an agent's folder in whatever case it has."""
        paths: list[tuple[str, ...]] = [()]
        for component in components:
            if component.any_case:
                paths = [
                    (*path, name)
                    for path in paths
                    for name in self._listed(path).get(agent_key(component.text), [])
                ]
            else:
                paths = [(*path, component.text) for path in paths]
        return paths

    def _listed(self, path: tuple[str, ...]) -> dict[str, list[str]]:
        if path not in self._spellings:
            self._spellings[path] = self._read(path)
        return self._spellings[path]

    def _read(self, path: tuple[str, ...]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        with (
            contextlib.suppress(FileNotFoundError, NotAFolderError),
            folder(self._root_fd, path) as here,
        ):
            for name in names_in(here, "/".join(path) or "DEPOSIT_ROOT"):
                if not name.startswith("."):
                    found.setdefault(agent_key(name), []).append(name)
        return found


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
        When it is no regular file, or may not be read.
    ServerFault
        When the server itself is in trouble.
    """
    try:
        with folder(root_fd, found.place) as here:
            kind = os.stat(found.name, dir_fd=here, follow_symlinks=False).st_mode
            if not stat.S_ISREG(kind):
                raise NotAReportError("a link" if stat.S_ISLNK(kind) else "no regular file")
            fd = os.open(found.name, _READ, dir_fd=here)
    except (FileNotFoundError, NotAFolderError):
        return None
    except PermissionError as error:
        raise NotAReportError("not readable to the server") from error
    except OSError as error:
        raise server_fault(error, found.path) from error
    try:
        return _read_open(fd)
    except OSError as error:
        raise server_fault(error, found.path) from error
    finally:
        os.close(fd)


def _read_open(fd: int) -> ReadReport:
    lease = take_lease(fd)
    if lease is Lease.GRANTED:
        give_back(fd)
    about = os.fstat(fd)
    pieces: list[bytes] = []
    wanted = MAX_REPORT_BYTES + 1
    while wanted and (piece := os.read(fd, wanted)):
        pieces.append(piece)
        wanted -= len(piece)
    return ReadReport(
        b"".join(pieces),
        about.st_size,
        about.st_ctime_ns,
        about.st_mtime_ns,
        held=lease is Lease.REFUSED,
    )


def take_aside(root_fd: int, found: FoundReport, landed_ns: int) -> FoundReport | None:
    """Rename a report out of the agent's reach; None when it has gone.

    Where it goes tells all there is to know of it: when it landed, and from where.

    Raises
    ------
    ServerFault
        When it cannot be renamed.
    """
    taken = FoundReport(found.folder, found.name, landed_ns, aside=True)
    try:
        with (
            folder(root_fd, found.folder) as source,
            folder(root_fd, taken.place, make=True) as target,
        ):
            os.rename(found.name, found.name, src_dir_fd=source, dst_dir_fd=target)
    except (FileNotFoundError, NotAFolderError):
        return None
    except OSError as error:
        raise server_fault(error, found.path) from error
    failpoint("intake.taken")
    return taken


def left_aside(root_fd: int) -> Iterator[FoundReport]:
    """Reports that a scan had taken and not finished with, oldest first."""
    try:
        with folder(root_fd, (CLAIMED, REPORTS)) as area:
            stamps = [n for n in names_in(area, REPORTS) if n.isdecimal()]
            for stamp in sorted(stamps, key=int):
                yield from _walk(area, int(stamp))
    except FileNotFoundError:
        return


def _walk(area: int, stamp: int) -> Iterable[FoundReport]:
    with folder(area, (str(stamp),)) as top:
        for place, _folders, names, _fd in os.fwalk(".", dir_fd=top):
            components = tuple(c for c in place.split("/") if c not in ("", "."))
            for name in sorted(names):
                yield FoundReport(components, name, stamp, aside=True)


def finish_with(root_fd: int, taken: FoundReport) -> None:
    """Remove a report that has been archived and recorded, and the folders made for it."""
    with contextlib.suppress(FileNotFoundError):
        with folder(root_fd, taken.place) as here:
            os.unlink(taken.name, dir_fd=here)
        prune(root_fd, taken.place, keep=2)


def prune(root_fd: int, components: Sequence[str], keep: int) -> None:
    """Remove empty folders from `components` upwards, down to the first `keep`."""
    for depth in range(len(components), keep, -1):
        try:
            with folder(root_fd, components[: depth - 1]) as parent:
                os.rmdir(components[depth - 1], dir_fd=parent)
        except (OSError, ServerFault, NotAFolderError):
            return
