"""Looking at a staged file: what lies there, how large, and with which SHA-256."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum

from backupmon.core.measurement import Measurement, Presence
from backupmon.storage.faults import server_fault
from backupmon.storage.folders import NotAFolderError, folder, may_enter
from backupmon.storage.leases import Lease, give_back, lease_broken, take_lease
from backupmon.storage.readers import CopyWriter, Reader, Sha256Reader, make_room, read_through

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFDIR: "a folder",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}

Progress = Callable[[int], None]


class CopyWhen(Enum):
    """When a private copy is measured instead of the file itself."""

    #: Only where the kernel grants no lease.
    NO_LEASE = "no lease"
    #: Also when the file has a second name, by which it could be changed.
    LINKED = "linked"
    #: Always: the staged file is to stay.
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Identity:
    """What must be the same before and after a measurement."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Identity:
        """From what ``fstat`` says."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


@dataclass(slots=True)
class Look:
    """A measured staged file, held open until it is claimed or given up.

    Parameters
    ----------
    measurement:
        What was seen.
    identity:
        Of the file that was measured; None where there is none.
    changed_at:
        Its ctime.
    disturbed:
        Somebody wrote to it, or may be writing: the measurement proves nothing yet.
    lease:
        How the kernel answered when asked for a read lease.
    links:
        How many names the file has.
    copied:
        What was measured is a private copy that was made at the same time.
    """

    measurement: Measurement
    identity: Identity | None = None
    changed_at: datetime | None = None
    disturbed: bool = False
    lease: Lease = Lease.UNAVAILABLE
    links: int = 1
    copied: bool = False
    fd: int | None = field(default=None, repr=False)

    def still_undisturbed(self) -> bool:
        """Whether no writer has come since, as far as the kernel can tell."""
        if self.fd is None or self.identity is None:
            return False
        if self.lease is Lease.GRANTED and lease_broken(self.fd):
            return False
        return Identity.of(os.fstat(self.fd)) == self.identity

    def links_now(self) -> int:
        """How many names the file has at this moment."""
        return os.fstat(self.fd).st_nlink if self.fd is not None else 0

    def sync(self) -> None:
        """Make the file's bytes durable."""
        if self.fd is not None:
            os.fsync(self.fd)

    def close(self) -> None:
        """Give the lease and the file back."""
        if self.fd is not None:
            if self.lease is Lease.GRANTED:
                with contextlib.suppress(OSError):
                    give_back(self.fd)
            os.close(self.fd)
            self.fd = None


def look_at(
    root_fd: int,
    components: Sequence[str],
    *,
    sizes: frozenset[int] | None,
    copy_to: Callable[[], int] | None = None,
    copy_when: CopyWhen = CopyWhen.NO_LEASE,
    progress: Progress | None = None,
) -> Look:
    """Measure what lies at `components` below the open folder `root_fd`.

    Parameters
    ----------
    sizes:
        The sizes in bytes that the waiting reports give; a file of another is not hashed.
        None when a report gives no size.
    copy_to:
        Opens an exclusive file for a private copy; None never makes one.
    copy_when:
        When a private copy is made, beside where no lease can be had: there, what a writer
        makes of the file a moment later would go unnoticed.
    progress:
        Called with the bytes of each chunk.

    Raises
    ------
    ServerFault
        When the server itself is in trouble: that says nothing of the file.
    """
    path = "/".join(components)
    try:
        with folder(root_fd, components[:-1]) as parent:
            opened = _open(parent, components[-1], path)
    except FileNotFoundError:
        return Look(Measurement(Presence.ABSENT))
    except NotAFolderError as error:
        presence = Presence.LINKED if error.linked else Presence.ABSENT
        return Look(Measurement(presence, detail=str(error)))
    if isinstance(opened, Look):
        return opened
    try:
        return _measure(opened, path, sizes, copy_to, copy_when, progress)
    except BaseException:
        os.close(opened)
        raise


def _open(parent: int, name: str, path: str) -> int | Look:
    """Open without following and without blocking; a Look where there is nothing to open."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        kind = stat.S_IFMT(found.st_mode)
        if kind == stat.S_IFLNK:
            return Look(Measurement(Presence.LINKED, detail="a link"))
        if kind != stat.S_IFREG:
            return Look(Measurement(Presence.NOT_A_FILE, detail=_KINDS.get(kind, "")))
        return os.open(name, flags, dir_fd=parent)
    except BlockingIOError:
        # Somebody has a write lease on it, as file servers take for their clients; our asking
        # has told the kernel to call it in.
        return _held(found)
    except OSError as error:
        presence = {
            errno.ENOENT: Presence.ABSENT,
            errno.ENAMETOOLONG: Presence.ABSENT,
            errno.ELOOP: Presence.LINKED,
            errno.EACCES: Presence.UNREADABLE,
            errno.EPERM: Presence.UNREADABLE,
            errno.ENXIO: Presence.NOT_A_FILE,
        }.get(error.errno or 0)
        if presence is None or (error.errno == errno.EACCES and not may_enter(parent)):
            raise server_fault(error, path) from error
        return Look(Measurement(presence))


def _held(found: os.stat_result) -> Look:
    return Look(
        Measurement(Presence.FILE, size=found.st_size),
        changed_at=datetime.fromtimestamp(found.st_ctime, UTC),
        disturbed=True,
        lease=Lease.REFUSED,
        links=found.st_nlink,
    )


def _measure(
    fd: int,
    path: str,
    sizes: frozenset[int] | None,
    copy_to: Callable[[], int] | None,
    copy_when: CopyWhen,
    progress: Progress | None,
) -> Look:
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        os.close(fd)
        return Look(
            Measurement(Presence.NOT_A_FILE, detail=_KINDS.get(stat.S_IFMT(found.st_mode), ""))
        )
    look = Look(
        Measurement(Presence.FILE, size=found.st_size),
        identity=Identity.of(found),
        changed_at=datetime.fromtimestamp(found.st_ctime, UTC),
        lease=take_lease(fd),
        links=found.st_nlink,
        fd=fd,
    )
    if look.lease is Lease.REFUSED:
        # A writer has it: hashing would be wasted, and prove nothing.
        look.disturbed = True
        return look
    if sizes is None or found.st_size in sizes:
        wants_copy = (
            copy_when is CopyWhen.ALWAYS
            or look.lease is Lease.UNAVAILABLE
            or (copy_when is CopyWhen.LINKED and look.links > 1)
        )
        _hash(look, fd, path, copy_to if wants_copy else None, progress)
    return look


def _hash(
    look: Look,
    fd: int,
    path: str,
    copy_to: Callable[[], int] | None,
    progress: Progress | None,
) -> None:
    digest = Sha256Reader()
    readers: list[Reader] = [digest]
    size = look.measurement.size
    copy = copy_to() if copy_to else None
    try:
        if copy is not None:
            readers.append(CopyWriter(copy))
        count = read_through(fd, readers, progress, limit=size)
        if copy is not None:
            os.fsync(copy)
    except OSError as error:
        make_room(copy)
        raise server_fault(error, path) from error
    finally:
        if copy is not None:
            os.close(copy)
    look.copied = copy is not None
    look.measurement = Measurement(Presence.FILE, size=count, sha256=digest.hexdigest())
    look.disturbed = count != size or not look.still_undisturbed()
