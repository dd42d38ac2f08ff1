"""Kernel read leases: the only way to know that nobody is writing to a file.

A read lease is granted only while no process has the file open for writing, and until it is
given back an ``open`` for writing waits (``fcntl(2)``, F_SETLEASE).
"""

from __future__ import annotations

import errno
import fcntl
import signal
from enum import Enum


class Lease(Enum):
    """How the kernel answered."""

    GRANTED = "granted"
    #: A writer has the file open.
    REFUSED = "refused"
    #: The filesystem, or our rights, have no leases; nothing is known.
    UNAVAILABLE = "unavailable"


def take_lease(fd: int) -> Lease:
    """Ask for a read lease on an open file.

    The signal that tells of a waiting writer is set to SIGURG, which does nothing by default;
    `lease_broken` is asked instead, so that no handler is needed in any thread.
    """
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return Lease.REFUSED if error.errno == errno.EAGAIN else Lease.UNAVAILABLE
    return Lease.GRANTED


def lease_broken(fd: int) -> bool:
    """Whether a writer waits for a lease that was granted on `fd`."""
    return fcntl.fcntl(fd, fcntl.F_GETLEASE) != fcntl.F_RDLCK


def give_back(fd: int) -> None:
    """Give the lease back, and let a waiting writer go on."""
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
