"""Digests and messages for channels, where alerts are listed, looked at and tried again."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.core.alert_policy import AlertKind, side_of
from backupmon.extensions import db
from backupmon.models import AlertMessage
from backupmon.services.alerts import failing_messages
from backupmon.services.channels import remove_channel
from backupmon.services.delivery import deliver_alerts
from tests.integration.conftest import World, at
from tests.integration.mailbox import Mailbox, free_port, text_of
from tests.integration.site import section
from tests.integration.test_alerts_page import page
from tests.integration.test_channels import add, needs_apprise
from tests.integration.test_delivery import OPS, with_mail
from tests.integration.test_digest import looked
from tests.integration.web import Browser, ClientAs


@pytest.fixture
def settings(sqlite_settings: Settings, mailbox: Mailbox) -> Settings:
    ours = with_mail(sqlite_settings, mailbox.port)
    return ours.model_copy(update={"alert_digest": "daily", "allow_private_addresses": True})


@pytest.fixture
def operator(world: World, client_as: ClientAs) -> Browser:
    return client_as("operator")


def digest_message() -> AlertMessage:
    db.session.rollback()
    query = select(AlertMessage).where(AlertMessage.is_digest).order_by(AlertMessage.id.desc())
    return db.session.scalars(query).first()


def test_a_digest_has_its_line_and_is_looked_at_before_it_goes_and_after(
    world: World, mailbox: Mailbox, operator: Browser
) -> None:
    looked(at(5, days=-1), at(0, days=1))
    world.job(created=at(8))
    away = world.with_settings(mail_port=free_port())
    away.scan(at(12, 31))
    away.scan(at(7, 1, days=1))
    told = page(operator)
    assert f"{OPS} How all stands" in told
    assert f"{OPS} acme/shop" in told
    waiting = operator.get("/alerts").text
    number = digest_message().id
    assert f'href="/alerts/messages/{number}"' in waiting
    # Each is looked at for itself: the digest is no part of the other mail.
    assert "needs you" not in page(operator, f"/alerts/mail?to={OPS}")
    seen = page(operator, f"/alerts/messages/{number}")
    assert "backups: 1 of 1 needs you" in seen
    assert "This is what ops@x.org would get now" in seen
    assert (
        f'src="/alerts/messages/{number}/html"' in operator.get(f"/alerts/messages/{number}").text
    )
    assert "1 of 1 needs you" in page(operator, f"/alerts/messages/{number}/html")

    deliver_alerts(world.settings, at(7, 16, days=1))
    assert len(mailbox.take()) == 2
    seen = page(operator, f"/alerts/messages/{number}")
    assert "It is written anew here" in seen
    # Of its own time, not of the time since.
    assert "to 4 Mar 2031, 07:16." in seen
    assert "digest How all stands ops@x.org sent" in page(operator, "/alerts?kind=digest")


def test_a_digest_that_a_newer_one_took_the_place_of_is_listed_and_has_nothing_to_show(
    world: World, operator: Browser
) -> None:
    silent = world.with_settings(mail_server=None)
    for day in (1, 2):
        silent.scan(at(7, 1, days=day))
    told = page(operator, "/alerts?kind=digest")
    assert "taken back (a newer one tells it all)" in told
    assert "waits" in told
    done = world.app.test_cli_runner().invoke(args=["alerts", "list", "--kind", "digest", "--json"])
    assert [(row["state"], row["job"], row["destination"]) for row in json.loads(done.output)] == [
        ("waiting", None, "mail"),
        ("withdrawn", None, "mail"),
    ]
    done = world.app.test_cli_runner().invoke(args=["alerts", "list"])
    assert done.exit_code == 0, done.output


@needs_apprise
def test_a_channel_that_fails_is_named_where_it_fails_and_is_forgotten_with_it(
    world: World, mailbox: Mailbox, operator: Browser
) -> None:
    channel = add(world, free_port(), "chat of those on call")
    world.job()
    world.scan(at(12, 31))
    assert len(mailbox.take()) == 2
    told = page(operator)
    assert "ops@x.org chat of those on call acme/shop" in told
    (failing,) = failing_messages()
    assert f"/alerts/messages/{failing.id}/retry" in operator.get("/alerts").text
    # There is no mail to look at.
    assert f'href="/alerts/mail?to={OPS}"' not in operator.get("/alerts").text
    assert operator.get(f"/alerts/messages/{failing.id}").status_code == 404
    done = world.app.test_cli_runner().invoke(args=["alerts", "list"])
    assert f"Not sent to {OPS} by channel {channel} (1 tries)" in done.output
    remove_channel(channel, "test", at(13))
    assert failing_messages() == []
    assert "Nothing waits." in page(operator)
    assert f"channel {channel}" in page(operator)


@needs_apprise
def test_what_grew_too_old_for_a_channel_is_not_said_to_fail_for_ever(world: World) -> None:
    add(world, free_port())
    world.job()
    world.scan(at(12, 31))
    assert len(failing_messages()) == 1
    world.site().deliver(at(12, days=1), shop="rows")
    world.scan(at(12, 5, days=1))
    for hour in (12, 14):
        deliver_alerts(world.settings, at(hour, days=5))
    db.session.rollback()
    assert failing_messages() == []


def test_what_takes_back_a_false_alarm_is_gathered_with_nothing_else() -> None:
    assert side_of(AlertKind.CORRECTION) == "correction"
    assert {side_of(AlertKind.RECOVERY), side_of(AlertKind.SERVER_OVER)} == {"good"}
    bad = (AlertKind.PROBLEM, AlertKind.WARNING, AlertKind.REMINDER, AlertKind.SERVER)
    assert {side_of(kind) for kind in bad} == {"bad"}


def test_what_an_agent_says_twice_is_told_once(world: World, mailbox: Mailbox) -> None:
    world.job()
    words = "rsync: broken pipe"
    failed = {"TRANSFER__status": False, "TRANSFER__error_message": words, "logs_summary": words}
    world.site().report(at(11, 50), {"shop": section(b"x", "shop.sql.gz", **failed)})
    world.scan(at(12))
    said = [text_of(mail) for mail in mailbox.take() if "FAILED" in mail["Subject"]]
    assert [text.count("rsync: broken pipe") for text in said] == [1]
