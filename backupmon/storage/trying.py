"""Trying out a root as a scan uses it, and leaving nothing behind."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backupmon.storage.faults import server_fault
from backupmon.storage.folders import own_folder, sync_folder
from backupmon.storage.leases import Lease, give_back, take_lease
from backupmon.storage.roots import CLAIMED, INCOMING, Root

#: Where the server writes within a root; what is absent is not made for this.
_OWN = {"DEPOSIT_ROOT": CLAIMED, "VALIDATED_ROOT": INCOMING}
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_WORDS = b"flask doctor was here; remove this file\n"
#: The bit of ``capabilities(7)`` that lets a process lease other users' files.
_CAP_LEASE = 1 << 28


@dataclass(frozen=True, slots=True)
class Trial:
    """What a file that was written there told.

    Parameters
    ----------
    before, stamped_at, after:
        What the filesystem stamped on the file, and the host's clock around that.
    lease:
        Whether it grants read leases.
    """

    before: datetime
    stamped_at: datetime
    after: datetime
    lease: Lease


def try_out(root: Root) -> Trial:
    """List the root; write, make durable, rename, read back and remove a file of our own there.

    Raises
    ------
    ServerFault
        At the first of these that fails.
    """
    with _place(root) as place:
        try:
            with os.scandir(root.path) as names:
                next(names, None)
            with _trial_file(place) as name:
                before = datetime.now(UTC)
                stamped_at = _write(place, name)
                after = datetime.now(UTC)
                _rename_and_back(place, name)
                return Trial(before, stamped_at, after, _read(place, name))
        except OSError as error:
            raise server_fault(error, f"{root.name} ({root.path})") from error


def renames_between(source: Root, target: Root) -> bool:
    """Whether a file can be renamed from one root into the other.

    The number of the device does not tell: no rename leads out of a bind mount.

    Raises
    ------
    ServerFault
        When no file can be written to the one, or put into the other.
    """
    with _place(source) as here, _place(target) as there:
        try:
            with _trial_file(here) as name:
                os.close(os.open(name, _NEW, 0o600, dir_fd=here))
                os.rename(name, name, src_dir_fd=here, dst_dir_fd=there)
                os.unlink(name, dir_fd=there)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return False
            raise server_fault(error, f"{target.name} ({target.path})") from error
    return True


def may_lease_others_files() -> bool:
    """Whether the kernel lets this process lease files that belong to other users."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except (OSError, ValueError):
        return False
    held = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")]
    return any(int(mask, 16) & _CAP_LEASE for mask in held)


@contextlib.contextmanager
def _place(root: Root) -> Iterator[int]:
    """The folder within the root that is ours; the root itself where there is none yet."""
    fd = root.open()
    try:
        with contextlib.ExitStack() as stack:
            place = fd
            if root.name in _OWN:
                with contextlib.suppress(FileNotFoundError):
                    place = stack.enter_context(own_folder(fd, (_OWN[root.name],)))
            yield place
    finally:
        os.close(fd)


@contextlib.contextmanager
def _trial_file(place: int) -> Iterator[str]:
    """A name that nobody else has; whatever bears it in the end is removed."""
    name = f".doctor-{secrets.token_hex(6)}"
    try:
        yield name
    finally:
        for left in (name, f"{name}.renamed"):
            with contextlib.suppress(OSError):
                os.unlink(left, dir_fd=place)


def _write(place: int, name: str) -> datetime:
    fd = os.open(name, _NEW, 0o600, dir_fd=place)
    try:
        os.write(fd, _WORDS)
        os.fsync(fd)
        return datetime.fromtimestamp(os.fstat(fd).st_ctime, UTC)
    finally:
        os.close(fd)


def _rename_and_back(place: int, name: str) -> None:
    for old, new in ((name, f"{name}.renamed"), (f"{name}.renamed", name)):
        os.rename(old, new, src_dir_fd=place, dst_dir_fd=place)
    sync_folder(place)


def _read(place: int, name: str) -> Lease:
    fd = os.open(name, _READ, dir_fd=place)
    try:
        if os.read(fd, len(_WORDS) + 1) != _WORDS:
            raise OSError(errno.EIO, "what was written is not what is read back")
        lease = take_lease(fd)
        if lease is Lease.GRANTED:
            give_back(fd)
        return lease
    finally:
        os.close(fd)
