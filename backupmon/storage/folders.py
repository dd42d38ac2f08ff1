"""Walking below a root one component at a time, following no link."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence

from backupmon.core.errors import BackupmonError
from backupmon.core.phrases import phrase
from backupmon.storage.faults import ServerFault, server_fault

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: For people of the server's group to look at; and for nobody but the server.
SHOWN, PRIVATE = 0o750, 0o700


class NotAFolderError(BackupmonError):
    """A component of a path is a link, or a file where a folder should be.

    `path` and `linked` tell where, and which.
    """

    def __init__(self, path: str, *, linked: bool) -> None:
        words = (
            phrase("%(path)s is a link", path=path)
            if linked
            else phrase("%(path)s is no folder", path=path)
        )
        super().__init__(words)
        self.path, self.linked = path, linked


@contextlib.contextmanager
def folder(root_fd: int, components: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """The folder at `components` below the folder `root_fd`, open.

    Parameters
    ----------
    root_fd:
        An open folder.
    components:
        Names, none of them with a separator.
    make:
        Create what is absent, durably.

    Raises
    ------
    FileNotFoundError
        When it is absent, unless `make`.
    NotAFolderError
        When a component is a link or no folder.
    ServerFault
        When the server itself is in trouble, or may not enter it.
    """
    fd = _opened(root_fd, components, SHOWN if make else None)
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def own_folder(
    root_fd: int, components: Sequence[str], *, make: bool = False, mode: int = PRIVATE
) -> Iterator[int]:
    """As `folder`, for a folder that only the server has business in.

    Parameters
    ----------
    mode:
        The permissions of what is created, before the umask.

    Raises
    ------
    FileNotFoundError
        When it is absent, unless `make`.
    ServerFault
        Also when a link or a file has been put in its place: no verdict, and no reason to stop.
    """
    try:
        fd = _opened(root_fd, components, mode if make else None)
    except NotAFolderError as error:
        raise ServerFault(
            "folder.replaced",
            "/".join(components),
            phrase(
                "%(path)s is a link, where the server keeps a folder of its own",
                path=error.path,
            )
            if error.linked
            else phrase(
                "%(path)s is no folder, where the server keeps a folder of its own",
                path=error.path,
            ),
            phrase("see who put it there, move it away, and let nobody else write to that folder"),
        ) from error
    try:
        yield fd
    finally:
        os.close(fd)


def _opened(root_fd: int, components: Sequence[str], mode: int | None) -> int:
    """Open the folder for the caller to close; what is absent is made with `mode`."""
    try:
        fd = os.dup(root_fd)
    except OSError as error:
        raise server_fault(error, "/".join(components)) from error
    try:
        for depth, name in enumerate(components):
            child = _child(fd, name, "/".join(components[: depth + 1]), mode)
            os.close(fd)
            fd = child
    except BaseException:
        os.close(fd)
        raise
    return fd


def _child(fd: int, name: str, path: str, mode: int | None) -> int:
    try:
        return _enter(fd, name, path)
    except FileNotFoundError:
        if mode is None:
            raise
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=fd, mode=mode)
        sync_folder(fd)
        return _enter(fd, name, path)
    except OSError as error:
        raise server_fault(error, path) from error


def _enter(fd: int, name: str, path: str) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=fd)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            # Nothing of that name can be there.
            raise FileNotFoundError(error.errno, error.strerror, path) from error
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise NotAFolderError(path, linked=is_link(fd, name)) from error
        raise server_fault(error, path) from error


def is_link(folder_fd: int, name: str) -> bool:
    """Whether `name` in the folder is a symbolic link."""
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder_fd, follow_symlinks=False).st_mode)
    except OSError:
        return False


def may_enter(folder_fd: int) -> bool:
    """Whether we may use the names in a folder.

    Where we may not, that is the server's trouble; a single file that we may not read is its
    owner's.
    """
    return os.access(".", os.X_OK, dir_fd=folder_fd, effective_ids=True)


def move_unless_taken(source: int, name: str, target: int, new_name: str) -> bool:
    """Rename a file from one open folder to another; False where the new name is taken.

    ``link`` and ``unlink`` rather than ``rename``, which would overwrite what an agent may
    have put there in between.

    Raises
    ------
    OSError
        When neither can be done.
    """
    try:
        os.link(name, new_name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
    except FileExistsError:
        if not _same_file(source, name, target, new_name):
            return False
        # Cut off between the two, the last time.
    except OSError:
        # No hard links here, or not of this kind: look first, and take the smaller risk.
        with contextlib.suppress(FileNotFoundError):
            os.stat(new_name, dir_fd=target, follow_symlinks=False)
            return False
        os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=target)
        return True
    os.unlink(name, dir_fd=source)
    return True


def _same_file(one: int, name: str, other: int, other_name: str) -> bool:
    return os.path.samestat(
        os.stat(name, dir_fd=one, follow_symlinks=False),
        os.stat(other_name, dir_fd=other, follow_symlinks=False),
    )


def names_in(folder_fd: int, subject: str) -> list[str]:
    """The names in a folder, sorted.

    Raises
    ------
    ServerFault
        When it cannot be read.
    """
    try:
        return sorted(os.listdir(folder_fd))
    except OSError as error:
        raise server_fault(error, subject) from error


#: How filesystems say that they have no ``fsync`` for folders (SMB, some of FUSE).
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)


def sync_folder(folder_fd: int) -> None:
    """Make the names in a folder durable, where the filesystem has a way to ask for that.

    Raises
    ------
    OSError
        When the disk fails.
    """
    try:
        os.fsync(folder_fd)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
