"""The four roots, and the marker that tells a mounted disk from its empty mount point."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backupmon.core.phrases import phrase
from backupmon.storage.faults import ServerFault, server_fault
from backupmon.storage.folders import sync_folder

MARKER = ".backupmon"
#: Folders of the server's own, inside the roots. Names that begin with a dot are refused in
#: templates and taken from names, so that no agent and no job can reach them.
CLAIMED = ".claimed"
INCOMING = ".incoming"
PREVIOUS = ".previous"

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
#: Bytes; a marker has some 150.
_MAX_MARKER = 4096


@dataclass(frozen=True, slots=True)
class Root:
    """One root: the name of its setting, and where it lies."""

    name: str
    path: Path

    def open(self) -> int:
        """The root's folder, open for the caller to close.

        Raises
        ------
        ServerFault
            When it is absent or may not be entered.
        """
        try:
            return os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _absent(self) from error
        except OSError as error:
            raise server_fault(error, f"{self.name} ({self.path})") from error


def read_marker(root: Root) -> str | None:
    """The id in the root's marker, or None where there is none.

    Raises
    ------
    ServerFault
        When the root is absent, or its marker cannot be read.
    """
    fd = root.open()
    try:
        return _id_in(_read_marker(fd))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise server_fault(error, f"{root.name} ({root.path})") from error
    finally:
        os.close(fd)


def mark(root: Root) -> str:
    """Create the root where it is absent, and write its marker; gives the marker's id.

    Raises
    ------
    ServerFault
        When it cannot be written.
    """
    marker = str(uuid.uuid4())
    note = {"id": marker, "root": root.name, "since": datetime.now(UTC).isoformat()}
    try:
        root.path.mkdir(parents=True, exist_ok=True, mode=0o750)
        _write_marker(root.path, json.dumps(note) + "\n")
    except OSError as error:
        raise server_fault(error, f"{root.name} ({root.path})") from error
    return marker


def check_marker(root: Root, expected: str) -> None:
    """Make sure that the root is the one that was used before.

    Raises
    ------
    ServerFault
        When it bears no marker, or another's: its disk is not mounted, or another is.
    """
    found = read_marker(root)
    if found == expected:
        return
    values = {"root": root.name, "path": str(root.path)}
    told = (
        phrase("%(root)s (%(path)s) bears no marker: its disk may not be mounted", **values)
        if found is None
        else phrase(
            "%(root)s (%(path)s) bears the marker of another root: its disk may not be mounted",
            **values,
        )
    )
    raise ServerFault(
        "root.unmarked",
        root.name,
        told,
        phrase("mount it; if the folder was replaced on purpose, run flask init --mark-roots"),
    )


def _absent(root: Root) -> ServerFault:
    return ServerFault(
        "root.absent",
        root.name,
        phrase(
            "%(root)s (%(path)s) is not there: its disk may not be mounted",
            root=root.name,
            path=str(root.path),
        ),
        phrase("mount it, or set the right path; flask init creates the folders of a new server"),
    )


def _read_marker(folder_fd: int) -> bytes:
    """The marker's bytes; none where something else lies in its place.

    Agents may be able to write to the root: neither a pipe nor a huge file stops us.
    """
    try:
        fd = os.open(MARKER, _READ, dir_fd=folder_fd)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            return b""
        raise
    try:
        return os.read(fd, _MAX_MARKER) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    finally:
        os.close(fd)


def _id_in(marker: bytes) -> str:
    try:
        data = json.loads(marker)
    except (ValueError, RecursionError):
        return ""
    return str(data.get("id", "")) if isinstance(data, dict) else ""


def _write_marker(folder: Path, text: str) -> None:
    """Write the marker whole or not at all, durably: a root that lost it counts as unmounted."""
    folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    part = f"{MARKER}.part"
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder_fd)
        with open(os.open(part, _NEW, 0o640, dir_fd=folder_fd), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(part, MARKER, src_dir_fd=folder_fd, dst_dir_fd=folder_fd)
        sync_folder(folder_fd)
    finally:
        os.close(folder_fd)
