"""The parts of a server, as commands."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from backupmon.config import PROJECT_ROOT
from backupmon.queue import ALERTS, SCAN, VERIFY

#: Named, not imported: only the web's own process needs gunicorn.
GUNICORN_LOGGER = "backupmon.supervision.gunicorn_logger.GunicornLogger"
#: Seconds that the web gives requests which are under way when it is to end.
_GRACE = 4


@dataclass(frozen=True, slots=True)
class Part:
    """A process that is kept running.

    Parameters
    ----------
    last:
        It is stopped after the others, which need it.
    keeps:
        File descriptors that it inherits.
    """

    name: str
    command: tuple[str, ...]
    last: bool = False
    keeps: tuple[int, ...] = ()


def web_part(listening: int, processes: int) -> Part:
    """The pages, on a socket that listens already, so that a restart never loses the port."""
    command = (
        *(sys.executable, "-m", "gunicorn", "wsgi:app"),
        *("--bind", f"fd://{listening}"),
        *("--pythonpath", str(PROJECT_ROOT)),
        *("--workers", str(processes), "--threads", "4"),
        *("--graceful-timeout", str(_GRACE)),
        *("--log-level", "warning"),
        *("--logger-class", GUNICORN_LOGGER),
        # It would lie in the home of whoever runs this, and nobody asks there.
        "--no-control-socket",
    )
    return Part("web", command, keeps=(listening,))


def worker_parts(count: int) -> list[Part]:
    """A worker for what is quick, so that no scan waits for a large file; `count` that hash."""
    return [_worker("scanner", SCAN, ALERTS)] + [
        _worker(f"worker-{number}", VERIFY) for number in range(1, count + 1)
    ]


def scheduler_part() -> Part:
    """What puts the periodic scan on the queue."""
    return _worker("scheduler", "scheduler")


def _worker(name: str, *arguments: str) -> Part:
    return Part(name, (sys.executable, str(PROJECT_ROOT / "worker.py"), *arguments))
