"""``python -m bench``: take the figures, and print them beside their goals.

Run it on a machine that does nothing else.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from backupmon.config import PROJECT_ROOT
from bench.deposits import Delivery
from bench.figures import Figure, as_table, write_into
from bench.fleet import Fleet
from bench.hashing import bench_hashing
from bench.idle import bench_idle
from bench.machine import Others, UnfitError, describe, make_sure_of_disk
from bench.many_small import bench_many_small
from bench.pages import bench_pages
from bench.queue_large import bench_queue_large
from bench.queue_small import bench_queue_small

_PAGE = PROJECT_ROOT / "docs" / "performance.md"
_PARTS = ("hash", "scan", "idle", "queue", "pages")
_MIB, _GIB = 1 << 20, 1 << 30
#: What other programs may take of the processors before figures are no longer written down.
_MOST_OTHERS = 0.1


def main() -> int:
    """Take the figures that are asked for; gives the exit code."""
    asked = _asked()
    home = asked.dir or PROJECT_ROOT / "instance"
    home.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=home))
    try:
        make_sure_of_disk(folder, 4 * _GIB)
        others = Others()
        table = as_table(_take(asked, folder))
        share = others.share()
        told = (
            f"{describe(folder)} Other programs took {share:.0%} of the processors meanwhile."
            f"\n\n{table}"
        )
    except UnfitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder)
    print(told)
    if asked.write and share > _MOST_OTHERS:
        print("error: not written: the machine was too busy with other things", file=sys.stderr)
        return 1
    if asked.write:
        write_into(_PAGE, told)
    return 0


def _asked() -> Namespace:
    parser = ArgumentParser("python -m bench", description=__doc__)
    parser.add_argument("part", nargs="?", choices=_PARTS, help="only this part; else all")
    parser.add_argument("--quick", action="store_true", help="small and once: does it run?")
    parser.add_argument("--dir", type=Path, help="a folder on the disk to measure")
    parser.add_argument("--write", action="store_true", help=f"write the table into {_PAGE.name}")
    asked = parser.parse_args()
    if asked.write and (asked.quick or asked.part):
        parser.error("--write wants the whole of it, without --quick")
    return asked


def _take(asked: Namespace, folder: Path) -> list[Figure]:
    quick: bool = asked.quick
    parts = [asked.part] if asked.part else _PARTS
    found: list[Figure] = []
    if "hash" in parts:
        found += bench_hashing(folder, _GIB // (8 if quick else 1), 2 if quick else 5, _tell)
    if "scan" in parts:
        delivery = Delivery(agents=10 if quick else 100, databases=20, size=4096)
        found += bench_many_small(folder, delivery, 1 if quick else 3, _tell)
    if "idle" in parts:
        found += bench_idle(folder, 1_000 if quick else 10_000, 10, 2 if quick else 5, _tell)
    if "queue" in parts:
        large = Delivery(agents=2 if quick else 10, databases=20, size=8 * _MIB)
        small = Delivery(agents=10 if quick else 100, databases=20, size=4096)
        found += bench_queue_large(folder, large, 1 if quick else 4, _tell)
        found += bench_queue_small(folder, small, 1 if quick else 3, _tell)
    if "pages" in parts:
        fleet = Fleet(agents=50 if quick else 500, databases=20, nights=10 if quick else 100)
        found += bench_pages(folder, fleet, 1 if quick else 5, _tell)
    return found


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
