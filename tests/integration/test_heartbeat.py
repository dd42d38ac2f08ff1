"""Another monitor is told after each good scan, and of nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pydantic import SecretStr

from backupmon.services.heartbeat import beat
from backupmon.services.scanning import ScanOptions, run_scan
from tests.integration.conftest import World, at
from tests.integration.mailbox import free_port


@dataclass
class Monitor:
    """The other monitor."""

    port: int = 0
    status: int = 200
    called: list[str] = field(default_factory=list)


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    found = Monitor()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.called.append(self.path)
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


def test_a_private_address_is_refused_unless_allowed(world: World, monitor: Monitor) -> None:
    beat(watched(world, monitor.port, private=False).settings)
    assert monitor.called == []
    assert "heartbeat.failed" in world.conditions()
