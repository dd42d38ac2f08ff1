"""What the queue costs for many small backups: against ``flask scan`` over the same night."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.background import background, scan_on_queue
from bench.deposits import Delivery, deliver
from bench.figures import Figure, Tell, held_against, spread
from bench.outcome import make_sure_all_went_well
from bench.server import Server, add_jobs, set_up

_NIGHT = datetime(2031, 3, 3, 2, 0, tzinfo=UTC)
_JUDGED = _NIGHT + timedelta(minutes=10)


def bench_queue_small(folder: Path, delivery: Delivery, rounds: int, tell: Tell) -> list[Figure]:
    """One night in the foreground, and on the queue with 1 worker and with 2, in turn."""
    ways: dict[str, Callable[[Server], float]] = {
        "foreground": _foreground,
        "1 worker": lambda server: _on_queue(server, delivery, 1),
        "2 workers": lambda server: _on_queue(server, delivery, 2),
    }
    took: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds):
        tell(f"{delivery.backups} small backups on the queue: round {turn + 1} of {rounds}")
        for way in list(ways)[:: -1 if turn % 2 else 1]:
            took[way].append(_night(folder / "queue", delivery, ways[way]))
    return _figures(delivery, took)


def _night(folder: Path, delivery: Delivery, way: Callable[[Server], float]) -> float:
    server = set_up(folder)
    with server.session():
        add_jobs(delivery.agents, delivery.databases, _NIGHT - timedelta(hours=12))
    # Nothing to do yet: roots are marked and folders made, whoever goes on from here.
    start_up = server.scan(_NIGHT - timedelta(hours=1)).seconds
    deliver(server.settings.deposit_root, delivery, _NIGHT)
    took = way(server) - (start_up if way is _foreground else 0)
    with server.session():
        make_sure_all_went_well(delivery, _NIGHT)
    shutil.rmtree(folder)
    return took


def _foreground(server: Server) -> float:
    return server.scan(_JUDGED).seconds


def _on_queue(server: Server, delivery: Delivery, workers: int) -> float:
    with background(server, workers) as redis:
        return scan_on_queue(server, redis, _JUDGED, delivery.backups).in_all


def _figures(delivery: Delivery, took: dict[str, list[float]]) -> list[Figure]:
    """Start-up counts for neither: workers have started, and the command's is taken off."""
    what = f"{delivery.backups:,} backups of {delivery.size >> 10} KiB"

    def rate(seconds: list[float]) -> str:
        return spread([delivery.backups / s for s in seconds], "{:,.0f}") + " backups/s"

    def against(seconds: list[float]) -> list[float]:
        return [s / f for s, f in zip(seconds, took["foreground"], strict=True)]

    one, two = against(took["1 worker"]), against(took["2 workers"])
    return [
        Figure(f"{what}: scan in the foreground, beyond start-up", rate(took["foreground"])),
        Figure(f"{what}: scan on the queue, 1 worker verifies", rate(took["1 worker"])),
        Figure(f"{what}: scan on the queue, 2 workers verify", rate(took["2 workers"])),
        Figure(
            "time on the queue, 1 worker, against the foreground",
            spread(one, "{:.2f}"),
            "at most 2",
            held_against(one, lambda ratio: ratio <= 2),
        ),
        Figure("time on the queue, 2 workers, against the foreground", spread(two, "{:.2f}")),
    ]
