"""Trouble that lasts reaches whom it concerns, however late it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from backupmon.config import Settings
from backupmon.core.errors import RefusedError
from backupmon.extensions import db
from backupmon.services.delivery import deliver_alerts
from backupmon.services.jobs import delete_job, pause_job, resume_job
from backupmon.services.quarantine import Operator, accept_quarantined
from backupmon.services.silences import acknowledge_job, snooze_job
from tests.integration.conftest import World, at
from tests.integration.mailbox import Mailbox, text_of
from tests.integration.site import dump_of, section
from tests.integration.test_delivery import OPS, states, with_mail

MISSING = "1 problem: acme: shop MISSING since 12:30"


@pytest.fixture
def settings(settings_on_each: Settings, mailbox: Mailbox) -> Settings:
    return with_mail(settings_on_each, mailbox.port)


@pytest.fixture
def mute(world: World) -> World:
    """The same server, that nobody has told of a mail server."""
    return world.with_settings(mail_server=None)


def fail(world: World, hour: int, minutes: int = 0, days: int = 0) -> None:
    """A run whose dump failed."""
    bad = section(b"x", "shop.sql.gz", BACKUP__status=False)
    world.site().report(at(hour, minutes, days), {"shop": bad})


def test_of_two_runs_before_a_scan_the_verdict_is_told(world: World, mailbox: Mailbox) -> None:
    job, site = world.job(), world.site()
    site.deliver(at(12), shop="rows")
    site.deliver(at(12, 10), shop="other rows")
    site.put("shop.sql.gz", dump_of("other rows")[:-5])
    world.scan(at(12, 31))
    assert set(world.statuses(job)) == {"UNKNOWN", "TRANSFER_INTEGRITY_FAILED"}
    assert mailbox.subjects() == ["1 problem: acme: shop BROKEN IN TRANSFER since 12:10"]
    site.deliver(at(12, days=1), shop="a")
    site.deliver(at(12, 10, days=1), shop="b")
    world.scan(at(12, 31, days=1))
    assert mailbox.subjects() == ["Recovered: acme: shop"]


def test_trouble_that_becomes_another_goes_on_being_reminded_of(
    world: World, mailbox: Mailbox
) -> None:
    world.job(alert_when="first_of_run", alert_reminders="daily")
    fail(world, 12)
    world.scan(at(12, 5))
    assert mailbox.subjects() == ["1 problem: acme: shop FAILED since 12:00"]
    told = []
    for day in (1, 2, 3):
        world.scan(at(12, 31, days=day))
        told += mailbox.subjects()
    assert told == ["1 problem: acme: shop still MISSING since 12:30"] * 3


def test_three_days_without_mail_lose_nothing_that_lasts(
    world: World, mute: World, mailbox: Mailbox
) -> None:
    world.job(schedule="0 12 * * 1")
    mute.scan(at(12, 31))
    world.scan(at(9, days=5))
    assert mailbox.subjects() == ["1 problem: acme: shop MISSING since 3 Mar"]
    assert set(states()) == {"sent"}
    world.scan(at(10, days=5))
    assert mailbox.subjects() == []


def test_nor_a_condition_of_the_server(world: World, mute: World, mailbox: Mailbox) -> None:
    world.job()
    mute.scan(at(8))
    away = world.settings.validated_root.rename(world.settings.data_dir / "away")
    mute.scan(at(9))
    mute.scan(at(9, days=4))
    world.scan(at(10, days=4))
    assert any("not" in subject for subject in mailbox.subjects())
    away.rename(world.settings.validated_root)


def test_a_true_miss_is_told_when_the_false_one_after_it_is_taken_back(
    world: World, mailbox: Mailbox
) -> None:
    job = world.job()
    world.scan(at(11))
    world.scan(at(13, days=1))
    assert mailbox.subjects() == ["1 problem: acme: shop MISSING since 12:30"]
    world.scan(at(12, 45))
    assert world.statuses(job) == ["MISSING"]
    (mail,) = mailbox.take()
    assert mail["Subject"] == MISSING
    assert "after all" not in text_of(mail)
    for minutes in (0, 75):
        world.scan(at(13) + timedelta(minutes=minutes))
    assert mailbox.subjects() == []


def test_what_waits_when_a_job_is_paused_is_told_when_it_is_resumed(
    world: World, mute: World, mailbox: Mailbox
) -> None:
    job = world.job(schedule="0 12 * * 1")
    mute.scan(at(12, 31))
    pause_job(job, None, at(12, 40), "test")
    world.scan(at(12, 45))
    assert (mailbox.subjects(), states()) == ([], ["waiting"])
    resume_job(job, at(12, 50), "test")
    world.scan(at(13))
    assert mailbox.subjects() == [MISSING]


def test_what_was_told_is_answered_though_the_job_is_paused(world: World, mailbox: Mailbox) -> None:
    job = world.job()
    world.scan(at(12, 31))
    assert mailbox.subjects() == [MISSING]
    pause_job(job, None, at(13, 40), "test")
    world.site().deliver(at(12, days=1), shop="rows")
    world.scan(at(12, 5, days=1))
    assert mailbox.subjects() == ["Recovered: acme: shop"]


def test_what_waits_for_a_job_that_is_deleted_is_not_told(
    world: World, mute: World, mailbox: Mailbox
) -> None:
    job = world.job()
    mute.scan(at(12, 31))
    delete_job(job, at(12, 40), "test")
    world.scan(at(12, 45))
    assert (mailbox.subjects(), states()) == ([], ["withdrawn"])


def test_who_is_to_be_told_by_now_is_told_and_who_no_longer_is_is_not(
    world: World, mute: World, mailbox: Mailbox
) -> None:
    job = world.job(schedule="0 12 * * 1", notification_recipients="old@x.org")
    mute.scan(at(12, 31))
    world.get(job).notification_recipients = "new@x.org"
    db.session.commit()
    world.scan(at(12, 45))
    assert sorted(address for address, _ in mailbox.arrived) == ["new@x.org", OPS]
    mailbox.take()
    world.scan(at(13, 45))
    assert mailbox.arrived == []
    world.site().deliver(at(14), shop="rows")
    world.scan(at(14, 5))
    assert sorted(address for address, _ in mailbox.arrived) == ["new@x.org", OPS]
    assert set(mailbox.subjects()) == {"Recovered: acme: shop"}


def test_a_newcomer_hears_nothing_of_what_is_silenced(world: World, mailbox: Mailbox) -> None:
    job = world.job(notification_recipients="old@x.org")
    world.scan(at(12, 31))
    mailbox.take()
    acknowledge_job(job, "ada", at(12, 40))
    world.get(job).notification_recipients = "new@x.org"
    db.session.commit()
    world.scan(at(12, 45))
    assert mailbox.arrived == []


def test_what_was_missed_is_told_with_its_recovery(
    world: World, mute: World, mailbox: Mailbox
) -> None:
    world.job()
    mute.scan(at(12, 31))
    world.site().deliver(at(12, days=1), shop="rows")
    world.scan(at(12, 5, days=1))
    (mail,) = mailbox.take()
    assert mail["Subject"] == "Recovered: acme: shop"
    for kind in ("plain", "html"):
        said = text_of(mail, kind).replace("\xa0", " ")
        assert "MISSING, due 3 Mar 2031, 12:00" in said


def test_what_an_operator_accepted_is_no_trouble_when_its_snooze_ends(
    world: World, mailbox: Mailbox
) -> None:
    job, site = world.job(content_policy="must_not_change"), world.site()
    for day, rows in enumerate(("law", "amended")):
        site.deliver(at(12, days=day), shop=rows)
        world.scan(at(12, 5, days=day))
    assert mailbox.subjects() == ["1 warning: acme: shop ODD CONTENT since 12:00"]
    snooze_job(job, at(15, days=1), "ada", at(13, days=1))
    accept_quarantined(world.settings, world.entries(job)[-1].id, Operator("ada"))
    with pytest.raises(RefusedError, match="nothing is wrong"):
        acknowledge_job(job, "ada", at(13, 10, days=1))
    world.scan(at(15, 30, days=1))
    assert mailbox.subjects() == []


def test_what_may_have_arrived_keeps_its_id_through_a_trial(world: World, mailbox: Mailbox) -> None:
    world.job(schedule="0 12 * * 1")
    mailbox.hangs_up = True
    world.scan(at(12, 31))
    (first,) = mailbox.take()
    world.site().deliver(at(12, 40), shop="rows")
    mute = world.with_settings(mail_server=None)
    mute.scan(at(12, 45))
    deliver_alerts(mute.settings, at(12, 45, days=9))
    assert set(states()) == {"expired"}
    for minutes in (0, 60):
        world.scan(at(13) + timedelta(minutes=minutes))
    again = [mail for mail in mailbox.take() if "MISSING" in mail["Subject"]]
    assert [mail["Message-ID"] for mail in again] in ([], [first["Message-ID"]])
