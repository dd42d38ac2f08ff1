"""The pages of a large fleet: what one worker of the web takes for each, asked over HTTP."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy import event

from backupmon import create_app
from backupmon.config import PROJECT_ROOT
from backupmon.extensions import db
from bench.figures import Figure, Tell, held_against
from bench.fleet import Fleet, fill, this_morning
from bench.readers import session_cookie
from bench.server import Server, set_up

#: Answers of each page in a round.
_ASKED = 40
#: Stands for the address of a poll, which changes from minute to minute.
POLL = "(poll)"
#: Seconds that the polls of a round, and counting their queries, take at the most.
_ROUND = 10


@dataclass(frozen=True, slots=True)
class Asked:
    """A page, its address, and the most milliseconds that it may take at the median."""

    name: str
    path: str
    goal: float | None = None


@dataclass(slots=True)
class Answers:
    """How long each answer of a round took in milliseconds, and how large they are in bytes."""

    rounds: list[list[float]]
    size: int = 0
    status: int = 0


def bench_pages(folder: Path, fleet: Fleet, rounds: int, tell: Tell) -> list[Figure]:
    """Ask for each page `_ASKED` times in each of `rounds`, on every database there is."""
    found = _on_one("SQLite", set_up(folder / "pages"), fleet, rounds, tell)
    shutil.rmtree(folder / "pages")
    url = os.environ.get("BACKUPMON_TEST_POSTGRES_URL")
    if url is None:
        tell("pages: BACKUPMON_TEST_POSTGRES_URL names no PostgreSQL; only SQLite is measured")
        return found
    from tests.servers import postgresql_database

    with postgresql_database() as database:
        server = set_up(folder / "pages", database_url=database)
        found += _on_one("PostgreSQL", server, fleet, rounds, tell)
    shutil.rmtree(folder / "pages")
    return found


def _on_one(kind: str, server: Server, fleet: Fleet, rounds: int, tell: Tell) -> list[Figure]:
    tell(f"pages on {kind}: making {fleet.jobs:,} jobs and {fleet.entries:,} entries")
    with server.session():
        fill(fleet, this_morning())
    cookie = session_cookie(server)
    with _serving(server) as port:
        wanted = _pages(fleet)
        answers = {page: Answers([]) for page in wanted}
        for turn in range(rounds):
            tell(f"pages on {kind}: round {turn + 1} of {rounds}")
            for page, found in answers.items():
                path = _poll(port, cookie) if page.path is POLL else page.path
                _ask(port, cookie, path, found)
        counted = _count_queries(server, cookie, wanted)
    return [_figure(kind, page, answers[page], counted[page]) for page in wanted]


def _pages(fleet: Fleet) -> list[Asked]:
    """What a reader asks for."""
    return [
        Asked("dashboard, page", "/", 60),
        Asked("dashboard, page 100 of the list", "/?page=100", 60),
        Asked("dashboard, fragment", "/board", 30),
        Asked("dashboard, filtered search", "/board?q=city+12+db07&company=Company+2", 30),
        Asked("dashboard, poll with nothing new", POLL, 5),
        Asked("job, page", f"/jobs/{fleet.jobs // 2}", 60),
    ]


def _poll(port: int, cookie: str) -> str:
    """The address that the dashboard asks again, at the beginning of a minute.

    With the minute ends what a poll has seen, since ages are told anew.
    """
    left = 60 - time.time() % 60
    if left < _ROUND:
        time.sleep(left)
    return _poll_in(_get(port, cookie, "/")[1].decode())


def _poll_in(page: str) -> str:
    poll = re.search(r'id="board" hx-get="([^"]+)"', page)
    assert poll, "the dashboard does not poll"
    return unescape(poll[1])


def _ask(port: int, cookie: str, path: str, found: Answers) -> None:
    took = []
    for _ in range(_ASKED):
        began = time.perf_counter()
        found.status, body = _get(port, cookie, path)
        took.append((time.perf_counter() - began) * 1000)
        found.size = len(body)
    found.rounds.append(took)


def _get(port: int, cookie: str, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status in (200, 204), f"{path} is answered with {answer.status}"
    return answer.status, body


@contextmanager
def _serving(server: Server) -> Iterator[int]:
    """One worker of the web, as ``flask up`` starts them; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{port}"),
        *("--pythonpath", str(PROJECT_ROOT), "--workers", "1", "--threads", "4"),
        *("--log-level", "warning"),
    ]
    with (server.settings.data_dir / "web.log").open("ab") as log:
        process = subprocess.Popen(
            command, env=server.environment(), cwd=server.settings.data_dir, stdout=log, stderr=log
        )
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        try:
            _get(port, "", "/health")
            return
        except OSError:
            assert process.poll() is None, "the web did not start; see web.log"
            time.sleep(0.1)
    raise AssertionError("the web does not answer")


def _count_queries(server: Server, cookie: str, pages: list[Asked]) -> dict[Asked, int]:
    """The statements of one answer to each, in this process."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    app = create_app(server.settings)
    with app.app_context():
        engine = db.engine
    client = app.test_client(use_cookies=False)

    def get(path: str) -> str:
        sent.clear()
        return client.get(path, headers={"Cookie": cookie}).text

    counted = {}
    event.listen(engine, "before_cursor_execute", note)
    for page in pages:
        # What a process does only once is done with the first.
        first = get("/" if page.path is POLL else page.path)
        get(_poll_in(first) if page.path is POLL else page.path)
        counted[page] = sum(statement != "BEGIN" for statement in sent)
    engine.dispose()
    return counted


def _figure(kind: str, page: Asked, found: Answers, queries: int) -> Figure:
    every = [took for one in found.rounds for took in one]
    p95 = quantiles(every, n=20)[-1]
    told = (
        f"{median(every):.1f} ms, p95 {p95:.1f} ms; {queries} queries, {found.size / 1000:.1f} kB"
    )
    medians = [median(one) for one in found.rounds]
    return Figure(
        f"{page.name} ({kind})",
        told,
        "" if page.goal is None else f"median at most {page.goal:g} ms",
        "" if page.goal is None else held_against(medians, lambda took: took <= page.goal),
    )
