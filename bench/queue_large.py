"""Large files verified by workers on the queue: two of them against one."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis import Redis

from bench.background import Took, background, scan_on_queue
from bench.deposits import Delivery, deliver
from bench.figures import Figure, Tell, held_against, spread
from bench.outcome import make_sure_all_went_well
from bench.server import Server, add_jobs, set_up

_FIRST = datetime(2031, 3, 3, 2, 0, tzinfo=UTC)
_DAY = timedelta(days=1)
_JUDGED = timedelta(minutes=10)
_MIB = 1 << 20


def bench_queue_large(folder: Path, delivery: Delivery, rounds: int, tell: Tell) -> list[Figure]:
    """Verify with one worker and with two, each on files of its own, in changing order."""
    took: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(rounds):
        tell(f"{delivery.backups} large files on the queue: round {turn + 1} of {rounds}")
        for workers in (2, 1) if turn % 2 else (1, 2):
            took[workers].append(_verified(folder / "queue", delivery, workers))
    return _figures(delivery, took[1], took[2])


def _verified(folder: Path, delivery: Delivery, workers: int) -> float:
    """Seconds from the first verification on the queue until every file is stored.

    Workers live long: a first night of small files has them past what they do only once.
    """
    server = set_up(folder)
    with server.session():
        add_jobs(delivery.agents, delivery.databases, _FIRST - _DAY / 2)
    with background(server, workers) as redis:
        _night(server, redis, replace(delivery, size=4096), _FIRST)
        took = _night(server, redis, delivery, _FIRST + _DAY)
    shutil.rmtree(folder)
    return took.verifying


def _night(server: Server, redis: Redis, delivery: Delivery, due: datetime) -> Took:
    deliver(server.settings.deposit_root, delivery, due)
    took = scan_on_queue(server, redis, due + _JUDGED, delivery.backups)
    with server.session():
        make_sure_all_went_well(delivery, due)
    return took


def _figures(delivery: Delivery, one: list[float], two: list[float]) -> list[Figure]:
    what = f"{delivery.backups} files of {delivery.size // _MIB} MiB on the queue"
    mib = delivery.backups * delivery.size / _MIB

    def rate(took: list[float]) -> str:
        return spread([mib / seconds for seconds in took], "{:,.0f}") + " MiB/s"

    ratios = [o / t for o, t in zip(one, two, strict=True)]
    return [
        Figure(f"{what}: 1 worker", rate(one)),
        Figure(f"{what}: 2 workers", rate(two)),
        Figure(
            "2 workers on the queue against 1",
            spread(ratios, "{:.2f}"),
            "at least 1.7",
            held_against(ratios, lambda ratio: ratio >= 1.7),
        ),
    ]
