"""Named points where a test can kill or hold the process.

``BACKUPMON_FAILPOINTS`` is a comma-separated list of ``NAME=kill``, ``NAME=kill@3`` (at the
third pass) and ``NAME=pause:FILE`` (writes FILE, then waits until it is gone). Unset, a point
costs one look at an empty dictionary.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def _read(setting: str) -> dict[str, str]:
    pairs = (item.split("=", 1) for item in setting.split(",") if "=" in item)
    return {name.strip(): action.strip() for name, action in pairs}


_active = _read(os.environ.get("BACKUPMON_FAILPOINTS", ""))
_passes: dict[str, int] = {}


def failpoint(name: str) -> None:
    """Do what the environment asks for at `name`; as a rule, nothing."""
    if _active and name in _active:
        _act(name, _active[name])


def _act(name: str, action: str) -> None:
    _passes[name] = _passes.get(name, 0) + 1
    if action.startswith("kill"):
        _, _, wanted = action.partition("@")
        if _passes[name] == int(wanted or 1):
            os.kill(os.getpid(), signal.SIGKILL)
    elif action.startswith("pause:"):
        flag = Path(action.removeprefix("pause:"))
        if _passes[name] == 1:
            flag.write_text(name)
            while flag.exists():
                time.sleep(0.01)
