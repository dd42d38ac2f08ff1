"""Another monitor is told after each good scan, and of nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from backupmon.extensions import db
from backupmon.models import ServerCondition
from backupmon.queue import ALERTS, queue_named
from backupmon.services.background import scan_in_background
from backupmon.services.heartbeat import beat
from backupmon.services.scanning import ScanOptions, run_scan
from tests.integration.background import background
from tests.integration.conftest import World, at
from tests.integration.mailbox import Mailbox, free_port, running, stuttering
from tests.integration.test_delivery import with_mail


@dataclass
class Monitor:
    """The other monitor."""

    port: int = 0
    status: int = 200
    called: list[str] = field(default_factory=list)
    #: What it looks at when it is called, mails that arrived and deliveries that were asked for.
    sees: Callable[[], tuple[int, int]] = lambda: (0, 0)
    seen: list[tuple[int, int]] = field(default_factory=list)


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    found = Monitor()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.called.append(self.path)
            found.seen.append(found.sees())
            self.send_response(found.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def watched(world: World, port: int, *, private: bool = True) -> World:
    update = {
        "heartbeat_url": SecretStr(f"http://127.0.0.1:{port}/ping/hush?a=b"),
        "allow_private_addresses": private,
    }
    return World(world.app, world.settings.model_copy(update=update))


def test_a_good_scan_is_told_and_a_trial_is_not(world: World, monitor: Monitor) -> None:
    settings = watched(world, monitor.port).settings
    run_scan(settings, ScanOptions())
    assert monitor.called == ["/ping/hush?a=b"]
    for trial in (
        ScanOptions(as_of=at(12)),
        ScanOptions(agent="acme"),
        ScanOptions(dry_run=True),
    ):
        run_scan(settings, trial)
    assert len(monitor.called) == 1


def test_a_scan_that_cannot_look_is_no_good_scan(world: World, monitor: Monitor) -> None:
    (world.settings.deposit_root / ".backupmon").unlink()
    run_scan(watched(world, monitor.port).settings, ScanOptions())
    assert monitor.called == []


def test_a_monitor_that_is_gone_is_a_condition_until_it_is_back(
    world: World, monitor: Monitor, capfd: pytest.CaptureFixture[str]
) -> None:
    run_scan(watched(world, free_port()).settings, ScanOptions())
    assert world.conditions() == {"heartbeat.failed": "heartbeat"}
    assert "hush" not in "".join(capfd.readouterr())
    run_scan(watched(world, monitor.port).settings, ScanOptions())
    assert world.conditions() == {}


@pytest.mark.parametrize("status", [302, 404, 500])
def test_redirects_are_not_followed_and_refusals_are_told(
    world: World, monitor: Monitor, status: int
) -> None:
    monitor.status = status
    beat(watched(world, monitor.port).settings)
    assert len(monitor.called) == 1
    assert "heartbeat.failed" in world.conditions()


def test_a_monitor_that_never_ends_its_answer_is_hung_up_on(world: World) -> None:
    with stuttering(0.02, b"HTTP/1.1 200 OK\r\nX: ") as port:
        began = monotonic()
        beat(watched(world, port).settings, longest=0.3)
        assert monotonic() - began < 4
    assert world.conditions() == {"heartbeat.failed": "heartbeat"}
    (condition,) = db.session.scalars(select(ServerCondition))
    assert condition.message.endswith("failed: it came to no end within 0.3 seconds")


@pytest.mark.parametrize("background_scan", [False, True])
def test_what_there_is_to_tell_is_sent_before_the_monitor_is_called(
    world: World, monitor: Monitor, tmp_path: Path, *, background_scan: bool
) -> None:
    world.job(created=datetime.now(UTC) - timedelta(days=2))
    with running(Mailbox(free_port())) as mailbox, background(world, tmp_path) as back:
        settings = with_mail(watched(back.world, monitor.port).settings, mailbox.port)
        alerts = queue_named(ALERTS, back.redis)
        monitor.sees = lambda: (len(mailbox.arrived), alerts.count)
        if background_scan:
            scan_in_background(settings)
        else:
            run_scan(settings, ScanOptions())
    assert monitor.seen == [(0, 1) if background_scan else (1, 0)]


def test_a_private_address_is_refused_unless_allowed(world: World, monitor: Monitor) -> None:
    beat(watched(world, monitor.port, private=False).settings)
    assert monitor.called == []
    assert "heartbeat.failed" in world.conditions()
