"""The doctor on mail: a server that answers, one that is dead, and none at all."""

from __future__ import annotations

from typing import Any

from backupmon.config import Settings
from tests.integration.conftest import World, at
from tests.integration.doctoring import doctor, other_app
from tests.integration.mailbox import Mailbox, free_port, running
from tests.integration.test_delivery import with_mail


def told_with(settings: Settings, **changes: Any) -> Any:
    with other_app(settings, **changes) as app:
        return doctor(app)


def test_without_a_mail_server_alerts_wait_and_it_says_how_many(world: World) -> None:
    world.job(notification_recipients="ann@example.org")
    world.scan(at(13))
    assert world.app.test_cli_runner().invoke(args=["alerts", "list"]).exit_code == 0
    told = doctor(world.app)
    assert {"mail server", "recipients", "alerts"} <= told.names("warning")
    assert told.words("alerts").startswith("1 wait for a mail server")
    assert "flask alerts test" in told.words("mail server")


def test_a_server_that_answers_is_good_and_gets_no_mail(world: World) -> None:
    with running(Mailbox(free_port())) as box:
        told = told_with(
            world.settings,
            mail_server="127.0.0.1",
            mail_port=box.port,
            alert_recipients="ann@example.org",
        )
    assert {"mail server", "recipients", "alerts"} <= told.names("good")
    assert box.arrived == []


def test_a_recipient_that_is_refused_is_named(world: World) -> None:
    world.job(notification_recipients="gone@example.org")
    with running(Mailbox(free_port(), refused={"gone@example.org"})) as box:
        world.scan(at(13), settings=with_mail(world.settings, box.port))
        told = told_with(world.settings, mail_server="127.0.0.1", mail_port=box.port)
    assert "mail server" in told.names("good")
    assert "gone@example.org: 550 5.1.1 no such person" in told.words("alerts")


def test_a_server_that_does_not_listen_is_bad(world: World) -> None:
    told = told_with(world.settings, mail_server="127.0.0.1", mail_port=free_port())
    assert "mail server" in told.bad
    assert "takes no mail" in told.words("mail server")


def test_a_server_that_cannot_encrypt_is_bad_where_it_must(world: World) -> None:
    with running(Mailbox(free_port())) as box:
        told = told_with(
            world.settings, mail_server="127.0.0.1", mail_port=box.port, mail_use_tls=True
        )
    assert "mail server" in told.bad
    assert "STARTTLS" in told.words("mail server")
