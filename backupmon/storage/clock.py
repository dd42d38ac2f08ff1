"""The filesystem's own clock, which the ages of files are held against."""

from __future__ import annotations

import contextlib
import os
import stat
from datetime import UTC, datetime

from backupmon.core.phrases import phrase
from backupmon.storage.faults import ServerFault, server_fault
from backupmon.storage.folders import PRIVATE, own_folder
from backupmon.storage.roots import CLAIMED

_CLOCK = ".clock"
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def filesystem_now(root_fd: int) -> datetime:
    """What the filesystem of an open root would stamp on a file now.

    On a network share this is the file server's clock, not ours. The folder that it is asked
    in is the one for claimed files, and this is where a scan makes sure that it is ours alone.

    Raises
    ------
    ServerFault
        When nothing can be written there, or somebody else could.
    """
    with own_folder(root_fd, (CLAIMED,), make=True) as own:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_CLOCK, dir_fd=own)
            fd = os.open(_CLOCK, _NEW, 0o600, dir_fd=own)
            try:
                written = os.fstat(fd)
            finally:
                os.close(fd)
            _keep_to_ourselves(own, {written.st_uid, os.fstat(root_fd).st_uid, 0})
        except OSError as error:
            raise server_fault(error, "DEPOSIT_ROOT") from error
    return datetime.fromtimestamp(written.st_ctime, UTC)


def _keep_to_ourselves(own: int, owners: set[int]) -> None:
    """Make sure that no agent has made the folder for claimed files, or may write to it.

    Parameters
    ----------
    owners:
        Who may own it: whoever owns what we write (not always our own id, on a network share),
        whoever owns the root and could replace it anyway, and the superuser.
    """
    found = os.fstat(own)
    if found.st_uid not in owners:
        raise ServerFault(
            "folder.replaced",
            CLAIMED,
            phrase(
                "DEPOSIT_ROOT/%(folder)s belongs to another user (uid %(uid)s): what is claimed "
                "there could be changed behind the server's back",
                folder=CLAIMED,
                uid=str(found.st_uid),
            ),
            phrase(
                "move it away, and let no agent write to DEPOSIT_ROOT itself, only to its own "
                "folder"
            ),
        )
    if stat.S_IMODE(found.st_mode) & ~PRIVATE:
        # Some shares have no permissions of their own to change.
        with contextlib.suppress(OSError):
            os.fchmod(own, PRIVATE)
