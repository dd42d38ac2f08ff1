"""Putting a claimed file at its place: the final path, or quarantine.

The old good copy stands until the new one does: it is given a second name in ``.previous``
first, and then ``rename`` puts the new file over it in one step. On another filesystem the
file is first copied beside, read back into the hash, and only then renamed; the claimed one is
removed last.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backupmon.core.phrases import phrase
from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import ServerFault, server_fault
from backupmon.storage.folders import NotAFolderError, folder, names_in, own_folder, sync_folder
from backupmon.storage.readers import CopyWriter, Sha256Reader, read_through
from backupmon.storage.roots import INCOMING, PREVIOUS

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class Source:
    """The claimed file: its folder below the open deposit root, and its name."""

    root_fd: int
    folder: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where it goes: below an open root, under `name`, by way of `part`.

    Parameters
    ----------
    part_folder, part:
        An exclusive place on the same filesystem for a copy that is being made.
    keep:
        Where the copy that it replaces gets a second name; None keeps nothing.
    """

    root_fd: int
    folder: tuple[str, ...]
    name: str
    part_folder: tuple[str, ...]
    part: str
    keep: tuple[str, ...] | None = None

    @property
    def path(self) -> str:
        """Below the root, for people."""
        return "/".join((*self.folder, self.name))


class CopyDiffers(ServerFault):
    """What was written is not what was claimed: memory or disk is at fault."""


def validated_target(
    root_fd: int, components: Sequence[str], entry_id: int, job_id: int, replaced: str | None
) -> Target:
    """A final path in the validated area; `replaced` names the copy it replaces in `.previous`."""
    return Target(
        root_fd,
        tuple(components[:-1]),
        components[-1],
        (INCOMING,),
        str(entry_id),
        (PREVIOUS, str(job_id), replaced) if replaced else None,
    )


def quarantine_target(root_fd: int, entry_id: int, name: str) -> Target:
    """``<entry id>/<name>`` in the quarantine."""
    own = (str(entry_id),)
    return Target(root_fd, own, name, own, ".part")


def place(
    source: Source,
    target: Target,
    *,
    sha256: str | None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Put the claimed file at its target, durably, and remove the claimed one.

    Parameters
    ----------
    sha256:
        What the file is known to be; a copy that differs is never used. None for a file that
        was not hashed.

    Raises
    ------
    FileNotFoundError
        When there is no claimed file.
    CopyDiffers
        When a copy turned out other than the original.
    ServerFault
        When the server itself is in trouble. The claimed file is then still there.
    """
    with (
        folder(source.root_fd, source.folder) as claimed,
        folder(target.root_fd, target.folder, make=True) as final,
    ):
        try:
            if not (_same_filesystem(claimed, final) and _renamed(claimed, source, target, final)):
                _place_copy(claimed, source.name, target, final, sha256, progress)
                failpoint("place.copied")
                os.unlink(source.name, dir_fd=claimed)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _explained(error, target) from error
    failpoint("place.done")


def _renamed(claimed: int, source: Source, target: Target, final: int) -> bool:
    """Rename the file to its place; False where that is another mount after all.

    Two mounts of one disk (volumes of a container) have the same device number, and still
    nothing can be renamed from one to the other.
    """
    _sync_file(claimed, source.name)
    failpoint("place.synced")
    _keep_replaced(target, final)
    try:
        os.rename(source.name, target.name, src_dir_fd=claimed, dst_dir_fd=final)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    failpoint("place.replaced")
    sync_folder(final)
    return True


def _place_copy(
    claimed: int,
    name: str,
    target: Target,
    final: int,
    sha256: str | None,
    progress: Callable[[int], None] | None,
) -> None:
    with own_folder(target.root_fd, target.part_folder, make=True) as parts:
        observed = _copy(claimed, name, parts, target.part, progress)
        failpoint("place.incoming")
        if sha256 is not None and observed != sha256:
            os.unlink(target.part, dir_fd=parts)
            raise _differs(target)
        _keep_replaced(target, final)
        _rename_part(target, parts, final, observed)
        failpoint("place.replaced")
        sync_folder(final)
        sync_folder(parts)


def _rename_part(target: Target, parts: int, final: int, sha256: str) -> None:
    """Rename the copy over the target; by way of a name beside it where that is a mount."""
    try:
        os.rename(target.part, target.name, src_dir_fd=parts, dst_dir_fd=final)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    beside = f".{target.part}.part"
    if _copy(parts, target.part, final, beside, None) != sha256:
        os.unlink(beside, dir_fd=final)
        raise _differs(target)
    os.rename(beside, target.name, src_dir_fd=final, dst_dir_fd=final)
    os.unlink(target.part, dir_fd=parts)


def _differs(target: Target) -> CopyDiffers:
    return CopyDiffers(
        "copy.differs",
        target.path,
        phrase(
            "%(path)s: the copy on the other filesystem is not what was read before",
            path=target.path,
        ),
        phrase("check the server's memory and disks; the original is kept and tried again"),
    )


def _copy(
    source_folder: int,
    name: str,
    parts: int,
    part: str,
    progress: Callable[[int], None] | None,
) -> str:
    """Copy under an exclusive name, durably; gives the SHA-256 of what was read."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part, dir_fd=parts)
    digest = Sha256Reader()
    source = os.open(name, _READ, dir_fd=source_folder)
    try:
        target = os.open(part, _NEW, 0o640, dir_fd=parts)
        try:
            read_through(source, [digest, CopyWriter(target)], progress)
            os.fsync(target)
        finally:
            os.close(target)
    except OSError:
        # A disk that is full stays full as long as half a copy lies on it.
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=parts)
        raise
    finally:
        os.close(source)
    return digest.hexdigest()


def _keep_replaced(target: Target, final: int) -> None:
    """Give what stands at the target a second name, so that replacing it loses nothing."""
    if target.keep is None:
        return
    with own_folder(target.root_fd, target.keep[:-1], make=True) as keep:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target.keep[-1], dir_fd=keep)
        try:
            os.link(
                target.name,
                target.keep[-1],
                src_dir_fd=final,
                dst_dir_fd=keep,
                follow_symlinks=False,
            )
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV):
                raise
            _copy(final, target.name, keep, target.keep[-1], None)
        sync_folder(keep)
    failpoint("place.kept")


def hash_at(root_fd: int, components: Sequence[str]) -> tuple[int, str] | None:
    """Size in bytes and SHA-256 of a regular file, or None where there is none.

    Raises
    ------
    ServerFault
        When it cannot be read.
    """
    path = "/".join(components)
    try:
        with folder(root_fd, components[:-1]) as here:
            found = os.stat(components[-1], dir_fd=here, follow_symlinks=False)
            if not stat.S_ISREG(found.st_mode):
                return None
            fd = os.open(components[-1], _READ, dir_fd=here)
    except (FileNotFoundError, NotAFolderError):
        return None
    except OSError as error:
        raise server_fault(error, path) from error
    digest = Sha256Reader()
    try:
        return read_through(fd, [digest], limit=found.st_size), digest.hexdigest()
    except OSError as error:
        raise server_fault(error, path) from error
    finally:
        os.close(fd)


def size_at(root_fd: int, components: Sequence[str]) -> int | None:
    """Bytes of a regular file, unread; None where there is none.

    Raises
    ------
    ServerFault
        When that cannot be told.
    """
    found = _stat_at(root_fd, components)
    return found.st_size if found is not None and stat.S_ISREG(found.st_mode) else None


def exists_at(root_fd: int, components: Sequence[str]) -> bool:
    """Whether anything lies there.

    Raises
    ------
    ServerFault
        When that cannot be told.
    """
    return _stat_at(root_fd, components) is not None


def _stat_at(root_fd: int, components: Sequence[str]) -> os.stat_result | None:
    try:
        with folder(root_fd, components[:-1]) as here:
            return os.stat(components[-1], dir_fd=here, follow_symlinks=False)
    except (FileNotFoundError, NotAFolderError):
        return None
    except OSError as error:
        raise server_fault(error, "/".join(components)) from error


def remove_at(root_fd: int, components: Sequence[str]) -> bool:
    """Remove a file of ours; False when there was none.

    Raises
    ------
    ServerFault
        When it cannot be removed.
    """
    try:
        with folder(root_fd, components[:-1]) as here:
            os.unlink(components[-1], dir_fd=here)
    except (FileNotFoundError, NotAFolderError):
        return False
    except OSError as error:
        raise server_fault(error, "/".join(components)) from error
    return True


def names_below(root_fd: int, components: Sequence[str]) -> list[str]:
    """The names in a folder of our own; none where there is no such folder.

    Raises
    ------
    ServerFault
        When it cannot be read.
    """
    try:
        with folder(root_fd, components) as here:
            return names_in(here, "/".join(components))
    except (FileNotFoundError, NotAFolderError):
        return []


def _same_filesystem(one: int, other: int) -> bool:
    return os.fstat(one).st_dev == os.fstat(other).st_dev


def _sync_file(folder_fd: int, name: str) -> None:
    fd = os.open(name, _READ, dir_fd=folder_fd)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _explained(error: OSError, target: Target) -> ServerFault:
    if error.errno in (errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST):
        return ServerFault(
            "path.occupied",
            target.path,
            phrase("%(path)s: something that is no file stands there", path=target.path),
            phrase("move it away; the backup is kept and put there by the next scan"),
        )
    return server_fault(error, target.path)
