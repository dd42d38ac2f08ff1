"""What lies beside a quarantined file: why it is there."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from typing import Any

from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import server_fault
from backupmon.storage.folders import SHOWN, own_folder, sync_folder
from backupmon.storage.readers import CopyWriter

REASON = "reason.json"


def forget_quarantined(root_fd: int, entry_id: int) -> None:
    """Remove what is left of a quarantined entry once its file has gone elsewhere.

    What else a person has put there stays, and its folder with it.

    Raises
    ------
    ServerFault
        When it cannot be removed.
    """
    try:
        with own_folder(root_fd, (str(entry_id),)) as own:
            for name in (REASON, ".part"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=own)
        os.rmdir(str(entry_id), dir_fd=root_fd)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return
        raise server_fault(error, f"QUARANTINE_ROOT/{entry_id}") from error


def write_reason(root_fd: int, entry_id: int, reason: dict[str, Any]) -> None:
    """Write ``<entry id>/reason.json``, whole or not at all.

    Raises
    ------
    ServerFault
        When it cannot be written.
    """
    part = f".{REASON}.part"
    data = json.dumps(reason, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with own_folder(root_fd, (str(entry_id),), make=True, mode=SHOWN) as own:
        try:
            fd = os.open(part, flags, 0o640, dir_fd=own)
            try:
                # A lone surrogate, from a name that is not UTF-8, becomes an escape of JSON's.
                CopyWriter(fd).feed(memoryview(data.encode(errors="backslashreplace")))
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(part, REASON, src_dir_fd=own, dst_dir_fd=own)
            sync_folder(own)
        except OSError as error:
            raise server_fault(error, f"QUARANTINE_ROOT/{entry_id}") from error
    failpoint("quarantine.reason")
