"""What the kernel knows of its clock."""

from __future__ import annotations

import ctypes
from pathlib import Path

#: systemd-timesyncd makes it when it has set the clock.
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
_STA_UNSYNC = 0x0040


class _Timex(ctypes.Structure):
    """``struct timex`` of adjtimex(2) up to what we ask for, and room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


def clock_is_set() -> bool | None:
    """Whether something sets the clock; None where the kernel does not tell."""
    if _SYNCHRONISED.exists():
        return True
    answer = _Timex()  # modes 0: ask, and change nothing
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(answer))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else not answer.status & _STA_UNSYNC
