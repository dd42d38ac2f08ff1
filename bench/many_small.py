"""A night of many small backups: ``flask scan`` against a bare loop over the same files."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.bare import put_away_barely
from bench.deposits import Delivery, deliver
from bench.figures import Figure, Tell, held_against, spread
from bench.outcome import make_sure_all_went_well
from bench.server import Server, add_jobs, set_up

#: The first night; a night later the same jobs deliver again.
_FIRST = datetime(2031, 3, 3, 2, 0, tzinfo=UTC)
_DAY = timedelta(days=1)
_JUDGED = timedelta(minutes=10)


def bench_many_small(folder: Path, delivery: Delivery, rounds: int, tell: Tell) -> list[Figure]:
    """Scan and bare loop in turn, each on files of its own, `rounds` times."""
    first: list[float] = []
    second: list[float] = []
    bare: list[float] = []
    for turn in range(rounds):
        tell(f"{delivery.backups} small backups: round {turn + 1} of {rounds}")
        if turn % 2:
            bare.append(_bare(folder / "bare", delivery))
        nights = _scans(folder / "scan", delivery)
        first.append(nights[0])
        second.append(nights[1])
        if not turn % 2:
            bare.append(_bare(folder / "bare", delivery))
    return _figures(delivery, first, second, bare)


def _bare(folder: Path, delivery: Delivery) -> float:
    folder.mkdir()
    deliver(folder / "deposits", delivery, _FIRST)
    took = put_away_barely(folder)
    shutil.rmtree(folder)
    return took


def _scans(folder: Path, delivery: Delivery) -> tuple[float, float]:
    """Seconds of a first night, and of a second that replaces every copy of the first."""
    server = set_up(folder)
    with server.session():
        add_jobs(delivery.agents, delivery.databases, _FIRST - _DAY / 2)
    first, second = (_scan(server, delivery, night) for night in (_FIRST, _FIRST + _DAY))
    shutil.rmtree(folder)
    return first, second


def _scan(server: Server, delivery: Delivery, night: datetime) -> float:
    deliver(server.settings.deposit_root, delivery, night)
    took = server.scan(night + _JUDGED).seconds
    with server.session():
        make_sure_all_went_well(delivery, night)
    return took


def _figures(
    delivery: Delivery, first: list[float], second: list[float], bare: list[float]
) -> list[Figure]:
    """Start-up of the command and making the folders count towards the scan."""
    what = (
        f"{delivery.backups:,} backups of {delivery.size >> 10} KiB from {delivery.agents} agents"
    )

    def rate(took: list[float]) -> str:
        return spread([delivery.backups / t for t in took], "{:,.0f}") + " backups/s"

    def against(took: list[float]) -> tuple[str, str, str]:
        ratios = [t / b for t, b in zip(took, bare, strict=True)]
        return spread(ratios, "{:.2f}"), "at most 3", held_against(ratios, lambda ratio: ratio <= 3)

    return [
        Figure(f"{what}: bare loop", rate(bare)),
        Figure(f"{what}: scan, first night", rate(first)),
        Figure(f"{what}: scan, next night, every copy replaced", rate(second)),
        Figure("time of the first night against the bare loop", *against(first)),
        Figure("time of the next night against the bare loop", *against(second)),
    ]
