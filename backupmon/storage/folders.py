"""Walking below a root one component at a time, following no link."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence

from backupmon.core.errors import BackupmonError
from backupmon.storage.faults import server_fault

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class NotAFolderError(BackupmonError):
    """A component of a path is a link, or a file where a folder should be.

    `linked` tells which.
    """

    def __init__(self, path: str, *, linked: bool) -> None:
        super().__init__(f"{path} is {'a link' if linked else 'no folder'}")
        self.linked = linked


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
    fd = os.dup(root_fd)
    try:
        for depth, name in enumerate(components):
            path = "/".join(components[: depth + 1])
            child = _child(fd, name, path, make)
            os.close(fd)
            fd = child
        yield fd
    finally:
        os.close(fd)


def _child(fd: int, name: str, path: str, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=fd)
    except FileNotFoundError:
        if not make:
            raise
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise NotAFolderError(path, linked=is_link(fd, name)) from error
        raise server_fault(error, path) from error
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=fd, mode=0o750)
        os.fsync(fd)
    except OSError as error:
        raise server_fault(error, path) from error
    return _child(fd, name, path, make=False)


def is_link(folder_fd: int, name: str) -> bool:
    """Whether `name` in the folder is a symbolic link."""
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder_fd, follow_symlinks=False).st_mode)
    except OSError:
        return False


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


def sync_folder(folder_fd: int) -> None:
    """Make the names in a folder durable."""
    os.fsync(folder_fd)
