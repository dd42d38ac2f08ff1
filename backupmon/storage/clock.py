"""The filesystem's own clock, which the ages of files are held against."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from backupmon.storage.faults import server_fault
from backupmon.storage.folders import folder
from backupmon.storage.roots import CLAIMED

_CLOCK = ".clock"


def filesystem_now(root_fd: int) -> datetime:
    """What the filesystem of an open root would stamp on a file now.

    On a network share this is the file server's clock, not ours.

    Raises
    ------
    ServerFault
        When nothing can be written there.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with folder(root_fd, (CLAIMED,), make=True) as own:
        try:
            fd = os.open(_CLOCK, flags, 0o600, dir_fd=own)
            try:
                os.utime(fd)
                return datetime.fromtimestamp(os.fstat(fd).st_ctime, UTC)
            finally:
                os.close(fd)
        except OSError as error:
            raise server_fault(error, "DEPOSIT_ROOT") from error
