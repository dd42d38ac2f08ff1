"""Hashing a large file: the scanner's own measuring code against openssl and sha256sum."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backupmon.core.file_findings import Section
from backupmon.core.waiting import Patience
from backupmon.services.staged import StagedGroup, Waiting, measure
from bench.figures import Figure, Tell, held_against, spread

_MIB = 1 << 20
_NAMES = ("one.sql.gz", "two.sql.gz")
_THEN = datetime(2031, 3, 3, 12, 0, tzinfo=UTC)


def bench_hashing(folder: Path, size: int, rounds: int, tell: Tell) -> list[Figure]:
    """Hash files of `size` bytes with all contenders, `rounds` times in changing order."""
    tell(f"hashing: writing two files of {size >> 20} MiB")
    files = [_large_file(folder / name, size, seed) for seed, name in enumerate(_NAMES)]
    root_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        contenders = _contenders(root_fd, files)
        _make_sure_they_agree(contenders)
        speeds: dict[str, list[float]] = {name: [] for name in contenders}
        for turn in range(rounds):
            tell(f"hashing: round {turn + 1} of {rounds}")
            names = list(contenders)[:: -1 if turn % 2 else 1]
            for name in names[turn % 3 :] + names[: turn % 3]:
                speeds[name].append(_speed(contenders[name], size))
    finally:
        os.close(root_fd)
    return _figures(speeds, size)


Contender = Callable[[], list[str]]


def _contenders(root_fd: int, files: Sequence[Path]) -> dict[str, Contender]:
    """Each hashes one file or both, and gives the digests."""
    one, _ = files
    names = [file.name for file in files]
    return {
        "openssl": lambda: _programs(["openssl", "dgst", "-sha256"], [one]),
        "sha256sum": lambda: _programs(["sha256sum"], [one]),
        "scanner, 1 worker": lambda: _scanner(root_fd, names[:1]),
        "scanner, 2 workers": lambda: _scanner(root_fd, names),
        "openssl, twice at once": lambda: _programs(["openssl", "dgst", "-sha256"], files),
    }


def _scanner(root_fd: int, names: Sequence[str]) -> list[str]:
    """Measure as a scan does: one thread for each file, as many as there are workers."""
    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(lambda name: _measured(root_fd, name), names))


def _measured(root_fd: int, name: str) -> str:
    look = measure(root_fd, _group(name), Patience(timedelta(0), _THEN, _THEN), None, touch=False)
    look.close()
    assert look.measurement.sha256 is not None
    assert not look.disturbed
    return look.measurement.sha256


def _group(name: str) -> StagedGroup:
    """A report that gives no size, so that the file is hashed whatever it is."""
    section = Section(report_end=_THEN, backup_ok=True, compress_ok=True, transfer_ok=True)
    return StagedGroup((name,), (Waiting(1, 1, section, _THEN, _THEN),))


def _programs(command: Sequence[str], files: Sequence[Path]) -> list[str]:
    running = [
        subprocess.Popen([*command, str(file)], stdout=subprocess.PIPE, text=True) for file in files
    ]
    said = [process.communicate()[0] for process in running]
    return [match.group() for told in said if (match := re.search(r"\b[0-9a-f]{64}\b", told))]


def _make_sure_they_agree(contenders: dict[str, Contender]) -> None:
    """Also reads both files once, so that all find them in the page cache."""
    told = {name: contender() for name, contender in contenders.items()}
    right = told["openssl, twice at once"]
    assert len(right) == 2
    wrong = [name for name, digests in told.items() if digests != right[: len(digests)]]
    assert not wrong, f"another digest from: {', '.join(wrong)}"


def _speed(contender: Contender, size: int) -> float:
    """MiB a second, of all files together."""
    began = time.perf_counter()
    digests = contender()
    return size * len(digests) / _MIB / (time.perf_counter() - began)


def _large_file(path: Path, size: int, seed: int) -> Path:
    """A file of bytes on disk, no holes; what they are is all one to SHA-256."""
    block = bytes((i * 31 + i // 256 + seed) % 256 for i in range(_MIB))
    with path.open("wb") as file:
        for _ in range(size // _MIB):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return path


def _figures(speeds: dict[str, list[float]], size: int) -> list[Figure]:
    """Ratios are taken within each round: what else the machine did then met all alike."""
    one = _ratios(speeds, "scanner, 1 worker", "openssl")
    two = _ratios(speeds, "scanner, 2 workers", "scanner, 1 worker")
    found = [
        Figure(f"hashing {size >> 20} MiB, {name}", spread(values, "{:,.0f}") + " MiB/s")
        for name, values in speeds.items()
    ]
    return [
        *found,
        Figure(
            "scanner on 1 worker against openssl",
            spread(one, "{:.2f}"),
            "at least 0.9",
            held_against(one, lambda ratio: ratio >= 0.9),
        ),
        Figure(
            "scanner on 2 workers against 1",
            spread(two, "{:.2f}"),
            "at least 1.7",
            held_against(two, lambda ratio: ratio >= 1.7),
        ),
    ]


def _ratios(speeds: dict[str, list[float]], name: str, other: str) -> list[float]:
    return [a / b for a, b in zip(speeds[name], speeds[other], strict=True)]
