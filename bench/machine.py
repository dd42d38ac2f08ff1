"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


class UnfitError(Exception):
    """The benchmark cannot be run here; the message says why and what to do."""


def describe(folder: Path) -> str:
    """One sentence: processor, memory, filesystem, versions, date."""
    return (
        f"{_processor()}, {os.cpu_count()} processors, {_memory():.0f} GiB of memory, "
        f"{filesystem(folder)}, Linux {platform.release()}; "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; "
        f"{datetime.now(UTC):%Y-%m-%d}."
    )


class Others:
    """How much of the processors went to other programs since this was made."""

    def __init__(self) -> None:
        self._began = _processor_seconds()

    def share(self) -> float:
        """From 0 to 1; what the kernel does on our behalf counts as another's."""
        busy, total, ours = (
            now - then for now, then in zip(_processor_seconds(), self._began, strict=True)
        )
        return max(0.0, busy - ours) / total if total else 0.0


def _processor_seconds() -> tuple[float, float, float]:
    """Of all processors since the start: busy, in all; and of this process and its children."""
    line = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0]
    ticks = [int(word) for word in line.split()[1:9]]
    hertz = os.sysconf("SC_CLK_TCK")
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) / hertz, sum(ticks) / hertz, sum(os.times()[:4])


def make_sure_of_disk(folder: Path, bytes_wanted: int) -> None:
    """Raise UnfitError where `folder` is in memory, or its disk has too little room."""
    kind = filesystem(folder)
    if kind in _IN_MEMORY:
        raise UnfitError(f"{folder} is on {kind}, where fsync costs nothing; give --dir on a disk")
    free = shutil.disk_usage(folder).free
    if free < bytes_wanted:
        raise UnfitError(
            f"{folder} has {free >> 20} MiB free and {bytes_wanted >> 20} MiB are wanted; "
            "give --dir on another disk"
        )


def filesystem(folder: Path) -> str:
    """The kind of filesystem that `folder` lies on, such as ext4."""
    device = folder.stat().st_dev
    wanted = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if fields[2] == wanted:
            return fields[fields.index("-") + 1]
    return "an unknown filesystem"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return " ".join(value.split())
    return platform.machine()


def _memory() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
