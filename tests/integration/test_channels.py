"""Other ways than mail: each message once per channel, each channel failing for itself alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.core.errors import RefusedError
from backupmon.extensions import db
from backupmon.models import Alert, AlertChannel, AuditEvent
from backupmon.services.announcing import ChannelError, is_installed
from backupmon.services.channels import add_channel, list_channels, remove_channel, try_channel
from tests.integration.conftest import NOON, World, at
from tests.integration.mailbox import Mailbox, free_port
from tests.integration.test_delivery import OPS, messages, with_mail

needs_apprise = pytest.mark.skipif(
    not is_installed(), reason="Apprise is not installed: pip install -r requirements-apprise.txt"
)
HUSH = "hush-hush"


@dataclass
class Service:
    """A service that takes messages, as JSON."""

    port: int = 0
    status: int = 200
    took: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = self.rfile.read(int(self.headers["Content-Length"]))
            found.paths.append(self.path)
            if found.status == 200:
                found.took.append(json.loads(said))
            self.send_response(found.status)
            self.send_header("Location", f"http://127.0.0.1:{found.port}/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def settings(sqlite_settings: Settings, mailbox: Mailbox) -> Settings:
    ours = with_mail(sqlite_settings, mailbox.port)
    return ours.model_copy(update={"allow_private_addresses": True})


def add(world: World, port: int, name: str = "chat", address: str = OPS) -> int:
    url = f"json://127.0.0.1:{port}/{HUSH}"
    return add_channel(world.settings, address, name, url, "test", at(8)).id


def by_destination() -> dict[str, list[str]]:
    db.session.rollback()
    db.session.expire_all()
    found: dict[str, list[str]] = {}
    for alert in db.session.scalars(select(Alert).order_by(Alert.id)):
        found.setdefault(alert.destination, []).append(alert.state)
    return found


@needs_apprise
def test_trouble_and_its_end_are_told_by_mail_and_by_each_channel_once(
    world: World, mailbox: Mailbox, service: Service
) -> None:
    add(world, service.port)
    for name in ("shop", "crm"):
        world.job(name)
    for minute in (31, 46):
        world.scan(at(12, minute))
    assert len(mailbox.take()) == 1
    (note,) = service.took
    assert note["title"] == "2 problems: acme: shop, crm MISSING since 12:30"
    assert note["message"].splitlines() == [
        "acme: 2 databases: MISSING since 3 Mar 2031, 12:30",
        "https://backups.x.org/",
    ]
    world.site().deliver(NOON, shop="a", crm="b")
    world.scan(at(14))
    assert service.took[1]["title"].startswith("Recovered: acme: ")
    (recovery,) = mailbox.take()
    # A thread of mails has nothing to do with what went elsewhere.
    assert "<channel-" not in recovery["References"]
    world.scan(at(15))
    assert len(service.took) == 2
    assert by_destination() == {"mail": ["sent"] * 4, "channel:1": ["sent"] * 4}


@needs_apprise
def test_that_it_is_over_is_told_by_the_ways_that_told_of_it(
    world: World, mailbox: Mailbox, service: Service
) -> None:
    world.job()
    world.scan(at(12, 31))
    mailbox.take()
    late = add(world, service.port, "late")
    world.site().deliver(NOON, shop="a")
    world.scan(at(14))
    assert mailbox.subjects() == ["Recovered: acme: shop"]
    assert service.took == []
    mute = World(world.app, world.settings.model_copy(update={"mail_server": None}))
    mute.scan(at(12, 31, days=1))
    world.site().deliver(at(13, days=1), shop="b")
    world.scan(at(14, days=1))
    assert [note["title"] for note in service.took] == [
        "1 problem: acme: shop MISSING since 12:30",
        "Recovered: acme: shop",
    ]
    assert mailbox.arrived == []
    remove_channel(late, "test", at(15, days=1))


@needs_apprise
def test_the_end_of_what_only_a_removed_channel_told_is_told_to_nobody(
    world: World, mailbox: Mailbox, service: Service
) -> None:
    gone = add(world, service.port)
    world.job()
    mute = World(world.app, world.settings.model_copy(update={"mail_server": None}))
    mute.scan(at(12, 31))
    remove_channel(gone, "test", at(12, 40))
    world.site().deliver(NOON, shop="a")
    world.scan(at(14))
    assert len(service.took) == 1
    assert mailbox.arrived == []


@needs_apprise
def test_a_channel_that_fails_fails_for_itself_alone_and_is_tried_again_later_and_later(
    world: World, mailbox: Mailbox, service: Service
) -> None:
    dead, well = add(world, free_port(), "dead"), add(world, service.port, "well")
    world.job()
    world.scan(at(12, 31))
    assert len(mailbox.take()) == len(service.took) == 1
    states = by_destination()
    assert states[f"channel:{dead}"] == ["waiting"]
    assert states[f"channel:{well}"] == states["mail"] == ["sent"]
    failing = next(m for m in messages() if m.destination == f"channel:{dead}")
    assert failing.last_error.startswith("it cannot be reached")
    assert failing.next_try_at == at(12, 36)
    world.scan(at(12, 34))
    assert next(m for m in messages() if m.id == failing.id).attempts == 1
    world.scan(at(12, 46))
    failing = next(m for m in messages() if m.id == failing.id)
    assert (failing.attempts, failing.next_try_at) == (2, at(12, 56))
    told = world.app.test_cli_runner().invoke(args=["alerts", "list"]).output
    assert f"Not sent to {OPS} by channel {dead} (2 tries): it cannot be reached" in told
    remove_channel(dead, "test", at(13))
    world.scan(at(13))
    assert by_destination()[f"channel:{dead}"] == ["withdrawn"]


@needs_apprise
def test_channels_go_on_while_mail_does_not(world: World, service: Service) -> None:
    add(world, service.port)
    world.job()
    world.with_settings(mail_server=None).scan(at(12, 31))
    assert len(service.took) == 1
    assert by_destination() == {"mail": ["waiting"], "channel:1": ["sent"]}


@needs_apprise
def test_a_private_address_is_refused_unless_allowed_also_for_what_was_kept_before(
    world: World, service: Service
) -> None:
    number = add(world, service.port)
    strict = world.with_settings(allow_private_addresses=False)
    with pytest.raises(ChannelError, match="leads to a private network"):
        try_channel(strict.settings, number)
    for host in ("10.1.2.3", "[::1]", "localhost"):
        with pytest.raises(ChannelError, match="leads to a private network"):
            add_channel(strict.settings, OPS, "x", f"jsons://{host}/x", "test", at(8))
    world.job()
    strict.scan(at(12, 31))
    assert service.paths == []
    assert "private network" in messages()[-1].last_error
    assert by_destination()["mail"] == ["sent"]


@needs_apprise
@pytest.mark.parametrize(("status", "told"), [(302, "HTTP 302"), (403, "HTTP 403")])
def test_redirects_are_not_followed_and_refusals_are_told_without_the_secret(
    world: World, service: Service, status: int, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    number, service.status = add(world, service.port), status
    with pytest.raises(ChannelError) as failed:
        try_channel(world.settings, number)
    assert told in failed.value.message
    assert service.paths == [f"/{HUSH}"]
    world.job()
    world.scan(at(12, 31))
    assert told in messages()[-1].last_error
    assert HUSH not in "".join(capfd.readouterr()) + messages()[-1].last_error


@needs_apprise
def test_the_address_is_a_secret_everywhere(
    world: World, service: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    runner = world.app.test_cli_runner()
    world.app.extensions["backupmon"] = world.settings
    url = f"json://127.0.0.1:{service.port}/{HUSH}"
    add_args = ["alerts", "channels", "add", OPS, "chat", "--url-stdin"]
    added = runner.invoke(args=add_args, input=url)
    tested = runner.invoke(args=["alerts", "channels", "test", "1"])
    listed = runner.invoke(args=["alerts", "channels", "list"])
    wrong = runner.invoke(args=add_args, input=f"jsons://h/{HUSH}?template=/etc/passwd")
    unusable = runner.invoke(args=add_args, input=f"slack://{HUSH}")
    removed = runner.invoke(args=["alerts", "channels", "remove", "1"])
    assert [r.exit_code for r in (added, tested, listed, wrong, unusable, removed)] == [
        0, 0, 0, 1, 1, 0,
    ]  # fmt: skip
    assert service.took[0]["title"] == "backupmon: this message arrived"
    assert "json://…" in listed.output
    assert "has an option that is not taken" in wrong.output
    assert "Apprise cannot use its address" in unusable.output
    audit = [[e.action, e.before, e.after] for e in db.session.scalars(select(AuditEvent))]
    assert [act[0] for act in audit] == ["channel.add", "channel.remove"]
    everything = [r.output for r in (added, tested, listed, wrong, unusable, removed)]
    assert HUSH not in json.dumps(audit) + "".join(everything) + "".join(capfd.readouterr())
    assert list_channels() == []


def test_without_apprise_a_channel_says_what_to_install_and_mail_goes_on(
    world: World, mailbox: Mailbox, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_installed():
        add(world, service.port)
    monkeypatch.setattr("backupmon.services.announcing.is_installed", lambda: False)
    with pytest.raises(ChannelError) as refused:
        add(world, service.port)
    assert refused.value.message == "Apprise is not installed"
    assert "pip install -r requirements-apprise.txt" in refused.value.hint
    world.job()
    world.scan(at(12, 31))
    assert len(mailbox.take()) == 1
    if list_channels():
        assert "Apprise is not installed" in messages()[-1].last_error


@needs_apprise
def test_nobody_has_more_channels_than_can_be_watched(world: World, service: Service) -> None:
    add(world, service.port)
    for number in range(9):
        row = AlertChannel(recipient_id=1, name=f"c{number}", url="json://x", created_at=at(8))
        db.session.add(row)
    db.session.commit()
    with pytest.raises(RefusedError, match="has 10 channels already"):
        add(world, service.port)
