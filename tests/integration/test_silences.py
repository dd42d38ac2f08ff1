"""Less noise on purpose: snoozes, acknowledgements, reminders; and the commands for alerts."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from backupmon.config import Settings
from backupmon.core.errors import RefusedError
from backupmon.services.silences import acknowledge_job, end_silence, list_silences, snooze_job
from tests.integration.conftest import NOON, World, at
from tests.integration.mailbox import Mailbox, text_of
from tests.integration.site import section
from tests.integration.test_delivery import OPS, states, with_mail


@pytest.fixture
def settings(settings_on_each: Settings, mailbox: Mailbox) -> Settings:
    return with_mail(settings_on_each, mailbox.port)


def test_a_snoozed_job_is_told_of_again_when_its_time_is_up(world: World, mailbox: Mailbox) -> None:
    job = world.job()
    snooze_job(job, at(12, days=1), "ann", at(9), "moving house")
    world.scan(at(12, 31))
    assert mailbox.take() == []
    world.scan(at(12, 31, days=1))
    assert mailbox.subjects() == ["1 problem: acme: shop MISSING since 12:30"]
    assert list_silences(at(13, days=1)) == []


def test_a_snooze_into_the_past_is_refused(world: World) -> None:
    job = world.job()
    with pytest.raises(RefusedError, match="is past"):
        snooze_job(job, at(8), "ann", at(9))


def test_known_trouble_is_told_no_more_until_it_becomes_another(
    world: World, mailbox: Mailbox
) -> None:
    job = world.job()
    world.scan(at(12, 31))
    assert len(mailbox.take()) == 1
    acknowledge_job(job, "ann", at(13), "the line is being mended")
    world.scan(at(12, 31, days=1))
    assert mailbox.take() == []
    failed = section(b"x", "shop.sql.gz", BACKUP__status=False)
    world.site().report(at(12, days=2), {"shop": failed})
    world.scan(at(12, 1, days=2))
    assert mailbox.subjects() == ["1 problem: acme: shop FAILED since 12:00"]
    world.scan(at(12, 31, days=3))
    assert mailbox.subjects() == ["1 problem: acme: shop MISSING since 12:30"]


def test_the_end_of_known_trouble_is_told(world: World, mailbox: Mailbox) -> None:
    job = world.job()
    world.scan(at(12, 31))
    acknowledge_job(job, "ann", at(13))
    mailbox.take()
    world.site().deliver(at(12, days=1), shop="1")
    world.scan(at(12, 1, days=1))
    assert mailbox.subjects() == ["Recovered: acme: shop"]
    assert list_silences(at(13, days=1)) == []


def test_what_is_well_cannot_be_acknowledged(world: World) -> None:
    job = world.job()
    with pytest.raises(RefusedError, match="nothing is wrong with acme/shop"):
        acknowledge_job(job, "ann", at(9))


def test_an_ended_silence_is_silent_no_more(world: World, mailbox: Mailbox) -> None:
    job = world.job()
    snooze_job(job, at(12, days=9), "ann", at(9))
    assert end_silence(world.settings, job, "ann", at(10)) == 1
    assert end_silence(world.settings, job, "ann", at(10)) == 0
    world.scan(at(12, 31))
    assert len(mailbox.take()) == 1


def test_a_job_may_remind_daily_that_its_trouble_lasts(world: World, mailbox: Mailbox) -> None:
    world.job(schedule="0 12 * * 1", alert_reminders="daily")
    world.scan(NOON + timedelta(minutes=31))
    (problem,) = mailbox.take()
    for hours in (1, 12, 23):
        world.scan(at(12, 31) + timedelta(hours=hours))
    assert mailbox.take() == []
    world.scan(at(12, 31, days=1))
    (reminder,) = mailbox.take()
    assert reminder["Subject"] == "1 problem: acme: shop still MISSING since 3 Mar"
    assert reminder["In-Reply-To"] == problem["Message-ID"]
    world.scan(at(12, 45, days=1))
    assert mailbox.take() == []
    world.scan(at(12, 31, days=2))
    assert len(mailbox.take()) == 1


def test_a_silenced_job_reminds_of_nothing(world: World, mailbox: Mailbox) -> None:
    job = world.job(schedule="0 12 * * 1", alert_reminders="daily")
    world.scan(at(12, 31))
    mailbox.take()
    acknowledge_job(job, "ann", at(13))
    world.scan(at(12, 31, days=2))
    assert mailbox.take() == []


def test_commands_list_retry_and_try(world: World, mailbox: Mailbox) -> None:
    runner = world.app.test_cli_runner()
    world.job()
    mailbox.refused = {OPS}
    world.scan(at(12, 31))
    told = runner.invoke(args=["alerts", "list"]).output
    assert "acme/shop MISSING" in told
    assert f"Not sent to {OPS} (1 tries): 550 5.1.1 no such person here" in told
    (listed,) = json.loads(runner.invoke(args=["alerts", "list", "--json"]).output)
    assert (listed["state"], listed["job"], listed["recipient"]) == ("waiting", "acme/shop", OPS)
    mailbox.refused = set()
    assert "1 sent, 0 refused" in runner.invoke(args=["alerts", "retry"]).output
    assert states() == ["sent"]
    mailbox.take()

    assert runner.invoke(args=["alerts", "test", "ann@x.org"]).exit_code == 0
    (trial,) = mailbox.take()
    assert "will reach you" in text_of(trial)
    wrong = runner.invoke(args=["alerts", "test", "ann@x.org\nBcc: eve@x.org"])
    assert wrong.exit_code == 1
    assert "no mail address" in wrong.stderr
    assert mailbox.take() == []


@pytest.mark.parametrize(
    "words",
    [["retry", "{}"], ["retry", "ann@x.org", "{}"], ["test", "{}"], ["language", "{}", "fr"],
     ["digest", "{}", "daily"], ["channels", "add", "{}", "chat"]],
)  # fmt: skip
def test_a_command_names_the_argument_that_is_no_mail_address(
    world: World, mailbox: Mailbox, words: list[str]
) -> None:
    given = ["alerts", *(word.format("nonsense") for word in words)]
    told = world.app.test_cli_runner().invoke(args=given)
    assert (told.exit_code, told.stdout, mailbox.arrived) == (1, "", [])
    assert told.stderr.splitlines() == [
        'error: ADDRESS is no mail address: "nonsense"',
        "hint: such as ann@example.org",
    ]


def test_each_person_reads_in_their_own_language(world: World, mailbox: Mailbox) -> None:
    runner = world.app.test_cli_runner()
    assert runner.invoke(args=["alerts", "language", "Ann@x.org", "fr"]).exit_code == 0
    world.job(notification_recipients="ann@x.org")
    world.scan(at(12, 31))
    subjects = {address: str(mail["Subject"]) for address, mail in mailbox.arrived}
    assert "MISSING" in subjects[OPS]
    assert "MANQUANTE" in subjects["ann@x.org"]
    assert runner.invoke(args=["alerts", "language", "Ann", "fr"]).exit_code == 1
    assert runner.invoke(args=["alerts", "language", "Ann@x.org", "default"]).exit_code == 0


def test_commands_silence_jobs(world: World) -> None:
    runner = world.app.test_cli_runner()
    job = str(world.job())
    refused = runner.invoke(args=["alerts", "acknowledge", job])
    assert (refused.exit_code, "nothing is wrong" in refused.stderr) == (1, True)
    until = ["--until", "2099-01-01", "--note", "moving house"]
    assert runner.invoke(args=["alerts", "snooze", job, *until]).exit_code == 0
    told = runner.invoke(args=["alerts", "list"]).output
    assert "until 2099-01-01 00:00 UTC" in told
    assert "moving house" in told
    assert "told of again" in runner.invoke(args=["alerts", "unsilence", job]).output


def test_without_a_mail_server_alerts_wait_and_the_list_says_so(world: World) -> None:
    nobody = World(world.app, world.settings.model_copy(update={"mail_server": None}))
    world.app.extensions["backupmon"] = nobody.settings
    world.job()
    nobody.scan(at(12, 31))
    told = world.app.test_cli_runner().invoke(args=["alerts", "list"]).output
    assert "1 wait: no mail server is set." in told


def test_trouble_that_outlasts_a_snooze_is_told_once(world: World, mailbox: Mailbox) -> None:
    job = world.job(schedule="0 12 * * 1", notification_recipients="ann@x.org")
    mailbox.refused = {"ann@x.org"}
    world.scan(at(12, 31))
    assert len(mailbox.take()) == 1
    snooze_job(job, at(9, days=2), "ann", at(13))
    mailbox.refused = set()
    world.scan(at(8, 45, days=2))
    assert mailbox.take() == []
    world.scan(at(9, 0, days=2))
    # Both: who heard of it before, and who was not reached then.
    assert sorted(address for address, _ in mailbox.arrived) == ["ann@x.org", OPS]
    assert set(mailbox.subjects()) == {"1 problem: acme: shop still MISSING since 3 Mar"}
    for minutes in (15, 30):
        world.scan(at(9, minutes, days=2))
    assert mailbox.take() == []
    # And its end is told to both.
    world.site().deliver(at(12, days=7), shop="1")
    world.scan(at(12, 1, days=7))
    assert mailbox.subjects() == ["Recovered: acme: shop"] * 2


def test_trouble_that_is_over_when_a_snooze_ends_is_not_told(
    world: World, mailbox: Mailbox
) -> None:
    job = world.job()
    snooze_job(job, at(9, days=2), "ann", at(9))
    world.scan(at(12, 31))
    world.site().deliver(at(12, days=1), shop="1")
    for days in (1, 2):
        world.scan(at(12, 1, days=days))
    assert mailbox.take() == []
    assert list_silences(at(12, 2, days=2)) == []


def test_a_verdict_at_the_end_of_a_snooze_is_told_and_nothing_beside_it(
    world: World, mailbox: Mailbox
) -> None:
    job = world.job(alert_when="first_of_run")
    world.scan(at(12, 31))
    snooze_job(job, at(12, days=1), "ann", at(13))
    mailbox.take()
    # Of a run that was told already: it is the snooze's end that tells it again.
    world.scan(at(12, 31, days=1))
    assert mailbox.subjects() == ["1 problem: acme: shop still MISSING since 12:30"]
    world.scan(at(12, 31, days=2))
    assert mailbox.take() == []


def test_known_trouble_that_becomes_another_is_told_though_its_run_was(
    world: World, mailbox: Mailbox
) -> None:
    job = world.job(alert_when="first_of_run")
    world.scan(at(12, 31))
    acknowledge_job(job, "ann", at(13))
    mailbox.take()
    failed = section(b"x", "shop.sql.gz", BACKUP__status=False)
    world.site().report(at(12, days=1), {"shop": failed})
    world.scan(at(12, 1, days=1))
    assert mailbox.subjects() == ["1 problem: acme: shop FAILED since 12:00"]


def test_a_silence_that_somebody_ends_tells_what_lasts(world: World, mailbox: Mailbox) -> None:
    job = world.job(schedule="0 12 * * 1")
    snooze_job(job, at(12, days=9), "ann", at(9))
    world.scan(at(12, 31))
    assert mailbox.take() == []
    end_silence(world.settings, job, "ann", at(13))
    world.scan(at(13, 1))
    assert mailbox.subjects() == ["1 problem: acme: shop still MISSING since 12:30"]


def test_a_snooze_takes_back_trouble_from_those_who_have_not_heard_and_no_recovery(
    world: World, mailbox: Mailbox
) -> None:
    job = world.job(notification_recipients="ann@x.org")
    mailbox.refused = {"ann@x.org"}
    world.scan(at(12, 31))
    mailbox.take()
    # One has heard of it, the other has not; and the good news has not gone out either.
    nobody = world.with_settings(mail_server=None)
    world.site().deliver(at(12, 40), shop="1")
    nobody.scan(at(12, 45))
    snooze_job(job, at(12, days=9), "ann", at(12, 50))
    mailbox.refused = set()
    world.scan(at(13, 31))
    assert [address for address, _ in mailbox.arrived] == [OPS]
    assert mailbox.subjects() == ["Recovered: acme: shop"]


def test_a_snooze_keeps_what_one_has_heard_and_takes_back_what_another_has_not(
    world: World, mailbox: Mailbox
) -> None:
    job = world.job(notification_recipients="ann@x.org")
    mailbox.refused = {"ann@x.org"}
    world.scan(at(12, 31))
    mailbox.take()
    snooze_job(job, at(12, days=9), "ann", at(12, 35))
    assert sorted(states()) == ["sent", "withdrawn"]
    mailbox.refused = set()
    world.site().deliver(at(12, 40), shop="1")
    world.scan(at(13, 31))
    assert [address for address, _ in mailbox.arrived] == [OPS]
    assert mailbox.subjects() == ["Recovered: acme: shop"]


def test_a_snooze_that_a_trial_of_the_future_outlives_lasts_until_its_time(
    world: World, mailbox: Mailbox
) -> None:
    job = world.job()
    snooze_job(job, at(9, days=10), "ann", at(9))
    world.scan(at(9, 1, days=11))
    mailbox.take()
    world.scan(at(9, 15))
    assert [row.until for row in list_silences(at(9, 15))] == [at(9, days=10)]
    mailbox.take()
    for days in range(10):
        world.scan(at(12, 31, days=days))
    assert mailbox.take() == []
    # Nor does what was told in the trial keep its true end from being told.
    world.scan(at(9, days=10))
    assert mailbox.subjects() == ["1 problem: acme: shop still MISSING since 12 Mar"]
    assert list_silences(at(9, days=10)) == []


def test_what_a_trial_of_the_future_has_not_told_of_a_snooze_is_taken_back(
    world: World, mailbox: Mailbox
) -> None:
    job = world.job(schedule="0 12 * * 1")
    snooze_job(job, at(9, days=2), "ann", at(9))
    world.scan(at(12, 31))
    quiet = world.with_settings(mail_server=None)
    quiet.scan(at(9, days=2))
    assert states() == ["waiting"]
    quiet.scan(at(13))
    assert states() == []
    world.scan(at(9, days=2))
    assert mailbox.subjects() == ["1 problem: acme: shop still MISSING since 3 Mar"]


def test_known_trouble_stays_known_though_a_trial_of_the_future_finds_another(
    world: World, mailbox: Mailbox
) -> None:
    job = world.job()
    failed = section(b"x", "shop.sql.gz", BACKUP__status=False)
    world.site().report(at(12), {"shop": failed})
    world.scan(at(12, 31))
    acknowledge_job(job, "ann", at(12, 40))
    world.with_settings(mail_server=None).scan(at(12, 31, days=1))
    world.scan(at(12, 45))
    assert [row.status for row in list_silences(at(12, 45))] == ["FAILED"]
    mailbox.take()
    world.site().report(at(12, days=1), {"shop": failed})
    world.scan(at(12, 45, days=1))
    assert mailbox.take() == []


def test_known_trouble_that_was_over_in_a_trial_of_the_future_is_over(
    world: World, mailbox: Mailbox
) -> None:
    job = world.job()
    failed = section(b"x", "shop.sql.gz", BACKUP__status=False)
    world.site().report(at(12), {"shop": failed})
    world.scan(at(12, 1))
    acknowledge_job(job, "ann", at(12, 5))
    # What has arrived has arrived, by whatever clock.
    world.site().deliver(at(12, 10), shop="1")
    world.scan(at(12, 29, days=1))
    world.scan(at(12, 15))
    assert list_silences(at(12, 15)) == []
    mailbox.take()
    world.site().report(at(12, days=1), {"shop": failed})
    world.scan(at(12, 45, days=1))
    assert mailbox.subjects() == ["1 problem: acme: shop FAILED since 12:00"]


def test_a_silence_that_somebody_ended_stays_ended_whatever_the_clocks(
    world: World, mailbox: Mailbox
) -> None:
    job, other = world.job(), world.job("crm")
    for number in (job, other):
        snooze_job(number, at(12, days=9), "ann", at(9))
    end_silence(world.settings, job, "ann", at(9, days=3))
    snooze_job(other, at(12, days=5), "ann", at(9, days=3))
    world.scan(at(10))
    assert [row.until for row in list_silences(at(10))] == [at(12, days=5)]
    world.scan(at(12, 31))
    assert mailbox.subjects() == ["1 problem: acme: shop MISSING since 12:30"]


def test_a_trial_of_the_future_uses_up_no_reminder(world: World, mailbox: Mailbox) -> None:
    world.job(schedule="0 12 * * 1", alert_reminders="daily")
    world.scan(at(12, 31))
    world.scan(at(12, 31, days=4))
    assert len(mailbox.take()) == 2
    for days in range(1, 6):
        world.scan(at(12, 45, days=days))
    assert len(mailbox.take()) == 5
