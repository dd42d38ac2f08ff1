"""Filesystems: of which kind, and how much room there is left."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Kinds whose files lie on another machine, or are shared with one.
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "9p", "ncpfs", "glusterfs", "lustre"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.davfs"}
    | {"beegfs", "gpfs", "ocfs2", "gfs2", "davfs"}
)


@dataclass(frozen=True, slots=True)
class Room:
    """How much a filesystem holds, and what of it is free for us; in bytes and in files.

    The numbers of files are 0 where the filesystem has no limit to them.
    """

    device: int
    size: int
    free: int
    files: int
    free_files: int


def room_at(path: Path) -> Room:
    """The room on the filesystem that `path` lies on.

    Raises
    ------
    OSError
        When it is absent, or the disk fails.
    """
    found = os.statvfs(path)
    return Room(
        os.stat(path).st_dev,
        # What is kept back for the superuser is nothing to count on.
        (found.f_blocks - found.f_bfree + found.f_bavail) * found.f_frsize,
        found.f_bavail * found.f_frsize,
        found.f_files,
        found.f_favail,
    )


def kind_of_filesystem(path: Path) -> str | None:
    """The kind of filesystem that `path` lies on (``ext4``, ``nfs4``); None when unknown."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    return kind_in(mounts.splitlines(), path)


def kind_in(mounts: Iterable[str], path: Path) -> str | None:
    """As `kind_of_filesystem`, from lines as in ``/proc/PID/mountinfo`` (proc(5))."""
    deepest, kind = -1, None
    for line in mounts:
        before, found, after = line.partition(" - ")
        fields, of = before.split(" "), after.split(" ")
        if not found or len(fields) < 5:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4]))
        # Of several on one point the last hides the others.
        if path.is_relative_to(point) and len(point.parts) >= deepest:
            deepest, kind = len(point.parts), of[0]
    return kind


def is_network(kind: str | None) -> bool:
    """Whether files on a filesystem of this kind lie on another machine."""
    return kind in _NETWORK
