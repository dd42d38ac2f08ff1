"""What arrives by mail: each thing once, whatever happens on the way."""

from __future__ import annotations

import ssl
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.models import Alert, AlertMessage
from backupmon.services.delivery import deliver_alerts
from backupmon.services.previews import preview_message
from tests.integration.conftest import NOON, World, at
from tests.integration.mailbox import Mailbox, free_port, running, text_of
from tests.integration.scan_process import run_to_end, start_scan
from tests.integration.site import dump_of, section

OPS = "ops@x.org"


@pytest.fixture
def settings(settings_on_each: Settings, mailbox: Mailbox) -> Settings:
    """Somebody to tell of everything, and a server that takes it."""
    return with_mail(settings_on_each, mailbox.port)


def with_mail(settings: Settings, port: int) -> Settings:
    wanted = {
        "mail_server": "127.0.0.1",
        "mail_port": port,
        "mail_default_sender": "Backups <backups@x.org>",
        "alert_recipients": OPS,
        "base_url": "https://backups.x.org",
    }
    return settings.model_copy(update=wanted)


def states() -> list[str]:
    db.session.rollback()
    db.session.expire_all()
    return [alert.state for alert in db.session.scalars(select(Alert).order_by(Alert.id))]


def messages() -> list[AlertMessage]:
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(select(AlertMessage).order_by(AlertMessage.id)))


def silent_site(world: World, databases: int, agent: str = "acme") -> list[str]:
    names = [f"{agent}db{number}" for number in range(databases)]
    for name in names:
        world.job(name, agent=agent)
    return names


def test_a_site_falls_silent_and_comes_back(world: World, mailbox: Mailbox) -> None:
    names = silent_site(world, 20)
    world.scan(at(12, 31))
    (first,) = mailbox.take()
    names_shown = "acmedb0, acmedb1, acmedb2, 17 more"
    assert first["Subject"] == f"20 problems: acme: {names_shown} MISSING since 12:30"
    assert first["To"] == OPS
    assert all(name in text_of(first) and name in text_of(first, "html") for name in names)

    for minutes in (45, 59):
        world.scan(at(12, minutes))
    world.scan(at(20))
    assert mailbox.take() == []

    world.scan(at(12, 31, days=1))
    (second,) = mailbox.take()

    world.site().deliver(at(12, days=2), **dict.fromkeys(names, "well"))
    world.scan(at(12, 1, days=2))
    (recovery,) = mailbox.take()
    assert recovery["Subject"].startswith("Recovered: acme: acmedb0, acmedb1")
    assert recovery["In-Reply-To"] == second["Message-ID"]
    assert recovery["References"].split() == [first["Message-ID"], second["Message-ID"]]


def test_a_server_that_is_down_for_six_scans_gets_one_mail_when_it_is_back(
    world: World, mailbox: Mailbox
) -> None:
    dead = World(world.app, with_mail(world.settings, free_port()))
    silent_site(world, 3)
    for scan in range(6):
        result = dead.scan(at(12, 31) + scan * timedelta(minutes=15))
        assert [c["code"] for c in result.conditions] == []
        assert dead.conditions() == {"mail.down": "mail"}
    assert set(states()) == {"waiting"}
    world.scan(at(15))
    assert len(mailbox.take()) == 1
    assert set(states()) == {"sent"}
    assert world.conditions() == {}
    world.scan(at(16))
    assert mailbox.take() == []


def tries(settings: Settings, world: World, hours: int) -> list[int]:
    """The minutes between tries, where somebody delivers every five."""
    silent_site(world, 1)
    world.scan(at(12, 31), settings=settings)
    tried, before = [0], messages()[0].attempts
    for minutes in range(5, hours * 60, 5):
        deliver_alerts(settings, at(12, 31) + timedelta(minutes=minutes))
        attempts = messages()[0].attempts
        if attempts > before:
            tried.append(minutes)
        before = attempts
    return [b - a for a, b in pairwise(tried)]


def test_a_refused_recipient_is_tried_at_most_an_hour_apart(world: World, mailbox: Mailbox) -> None:
    mailbox.refused = {OPS}
    assert tries(world.settings, world, 5) == [5, 10, 20, 40, 60, 60, 60]


def test_a_dead_server_is_tried_with_every_scan(world: World) -> None:
    gaps = tries(with_mail(world.settings, free_port()), world, 2)
    assert gaps == [5, *[10] * 11]
    assert world.settings.scanner_interval_minutes == 15


def test_what_is_over_and_has_waited_for_more_than_three_days_is_never_sent(
    world: World, mailbox: Mailbox
) -> None:
    world.job()
    nobody = World(world.app, world.settings.model_copy(update={"mail_server": None}))
    nobody.scan(at(12, 31))
    world.site().deliver(at(12, days=1), shop="rows")
    nobody.scan(at(12, 5, days=1))
    deliver_alerts(world.settings, at(12, 32, days=5))
    assert set(states()) == {"expired"}
    assert mailbox.take() == []


@pytest.mark.parametrize(
    ("delivered", "subjects"),
    [(False, ["1 problem: acme: shop MISSING since 12:30"]), (True, ["Recovered: acme: shop"])],
)
def test_a_trial_days_ahead_loses_no_alert(
    world: World, mailbox: Mailbox, delivered: bool, subjects: list[str]
) -> None:
    world.job()
    nobody = World(world.app, world.settings.model_copy(update={"mail_server": None}))
    nobody.scan(at(12, 31))
    nobody.scan(at(12, 31, days=1))
    deliver_alerts(nobody.settings, at(12, 32, days=9))
    assert states() == ["expired", "waiting"]
    if delivered:
        world.site().deliver(at(12, 20, days=1), shop="rows")
    world.scan(at(12, 46, days=1))
    (mail,) = mailbox.take()
    assert [mail["Subject"]] == subjects
    assert "Before that: MISSING, due 3 Mar 2031, 12:00" in text_of(mail).replace("\xa0", " ")


def test_a_refused_recipient_fails_alone(world: World, mailbox: Mailbox) -> None:
    mailbox.refused = {"gone@x.org"}
    world.job(notification_recipients="gone@x.org, ann@x.org")
    world.scan(at(12, 31))
    assert {address for address, _ in mailbox.arrived} == {"ann@x.org", OPS}
    (failed,) = [m for m in messages() if m.state == "open"]
    assert failed.recipient == "gone@x.org"
    assert failed.last_error == "550 5.1.1 no such person here"
    assert world.conditions() == {}
    mailbox.take()
    mailbox.refused = set()
    world.scan(at(13, 1))
    assert [address for address, _ in mailbox.arrived] == ["gone@x.org"]


def test_further_problems_of_an_agent_are_gathered_for_an_hour(
    world: World, mailbox: Mailbox
) -> None:
    world.job("shop")
    world.job("crm", schedule="15 12 * * *")
    world.job("other", agent="bolt", schedule="20 12 * * *")
    world.scan(at(12, 31))
    assert mailbox.subjects() == ["1 problem: acme: shop MISSING since 12:30"]
    world.scan(at(12, 46))
    assert mailbox.subjects() == []
    # News of another agent go out at once, and take along what was gathered.
    world.scan(at(12, 51))
    (subject,) = mailbox.subjects()
    assert "acme: crm MISSING" in subject
    assert "bolt: other MISSING" in subject


def test_what_is_gathered_goes_out_after_an_hour(world: World, mailbox: Mailbox) -> None:
    world.job("shop")
    world.job("crm", schedule="15 12 * * *")
    for hour, minute in ((12, 31), (12, 46), (13, 30)):
        world.scan(at(hour, minute))
    assert len(mailbox.take()) == 1
    world.scan(at(13, 31))
    assert mailbox.subjects() == ["1 problem: acme: crm MISSING since 12:45"]


def test_a_job_that_is_paused_before_the_mail_goes_out_is_not_told_of(
    world: World, mailbox: Mailbox
) -> None:
    job = world.job()
    nobody = World(world.app, world.settings.model_copy(update={"mail_server": None}))
    nobody.scan(at(12, 31))
    world.get(job).is_active = False
    db.session.commit()
    deliver_alerts(world.settings, at(12, 32))
    assert mailbox.take() == []
    assert states() == ["waiting"]
    world.get(job).is_active = True
    db.session.commit()
    deliver_alerts(world.settings, at(13))
    assert mailbox.subjects() == ["1 problem: acme: shop MISSING since 12:30"]


def test_a_server_that_hangs_up_before_it_answers_gets_the_same_mail_again(
    world: World, mailbox: Mailbox
) -> None:
    world.job()
    mailbox.hangs_up = True
    world.scan(at(12, 31))
    (first,) = mailbox.take()
    assert states() == ["waiting"]
    world.scan(at(12, 46))
    (second,) = mailbox.take()
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]
    assert states() == ["sent"]


def test_killed_between_send_and_mark_it_is_told_twice_at_most_and_never_lost(
    world: World, mailbox: Mailbox
) -> None:
    silent_site(world, 2)
    code = run_to_end(
        world.settings, ["--as-of", at(12, 31).isoformat()], {"delivery.sent": "kill"}
    )
    assert code == -9
    (first,) = mailbox.take()
    assert run_to_end(world.settings, ["--as-of", at(12, 46).isoformat()]) == 0
    (second,) = mailbox.take()
    assert first["Message-ID"] == second["Message-ID"]
    assert run_to_end(world.settings, ["--as-of", at(13, 1).isoformat()]) == 0
    assert mailbox.take() == []


def test_names_of_enemies_change_neither_headers_nor_html(world: World, mailbox: Mailbox) -> None:
    job = world.job()
    site = world.site()
    words = "<script>alert(1)</script>\r\nBcc: eve@x.org\r\n\r\n\x1b[31mred\u202e"
    section_ = section(b"x", "shop.sql.gz", TRANSFER__status=False, TRANSFER__error_message=words)
    row = world.get(job)
    row.company_name = "Acme\r\nBcc: eve@x.org <b>"
    db.session.commit()
    site.report(NOON, {"shop": section_})
    world.scan(at(12, 1))
    (mail,) = mailbox.take()
    assert mail["Bcc"] is None
    assert "<script>" not in text_of(mail, "html")
    assert "<b>" not in text_of(mail, "html")
    assert "&lt;script&gt;" in text_of(mail, "html")
    assert "\x1b" not in text_of(mail)


def test_a_mail_tells_what_happened_and_what_to_do(world: World, mailbox: Mailbox) -> None:
    job = world.job()
    site = world.site()
    site.deliver(NOON, shop="first")
    world.scan(at(12, 1))
    site.put("shop.sql.gz", dump_of("second")[:-5])
    site.report(at(12, days=1), {"shop": section(dump_of("second"), "shop.sql.gz")})
    world.scan(at(12, 40, days=1))
    (mail,) = mailbox.take()
    assert "shop BROKEN IN TRANSFER since 12:00" in mail["Subject"]
    said = text_of(mail)
    assert "Look first at: the line" in said
    assert "the transfer was cut" in said
    assert "Next step: " in said
    assert "The server measured: " in said
    assert "Last good copy: 3 Mar 2031, 12:00 (24" in said
    assert f"https://backups.x.org/jobs/{job}" in said
    assert mail["Auto-Submitted"] == "auto-generated"


def test_a_recovery_answers_its_own_trouble_and_none_before(world: World, mailbox: Mailbox) -> None:
    world.job()
    ids = []
    for day in (0, 2):
        world.scan(at(12, 31, days=day))
        ids += [mail["Message-ID"] for mail in mailbox.take()]
        world.site().deliver(at(12, days=day + 1), shop=f"day {day}")
        world.scan(at(12, 5, days=day + 1))
        (mail,) = mailbox.take()
        assert (mail["In-Reply-To"], mail["References"]) == (ids[-1], ids[-1])


def test_the_subject_names_databases_of_the_same_fate_at_once(
    world: World, mailbox: Mailbox
) -> None:
    for name in ("shop", "crm"):
        world.job(name)
    sections = {
        "shop": section(b"x", "shop.gz", TRANSFER__status=False),
        "crm": section(b"x", "crm.gz", BACKUP__status=False),
    }
    world.site().report(at(11, 50), sections)
    world.scan(at(12, 31))
    assert mailbox.subjects() == ["2 problems: acme: shop, crm FAILED since 11:50"]


def test_what_an_agent_says_twice_is_told_once(world: World, mailbox: Mailbox) -> None:
    said = {"TRANSFER__status": False, "TRANSFER__error_message": "rsync: gone"}
    failed = section(b"x", "shop.sql.gz", logs_summary="rsync: gone", **said)
    world.job()
    world.site().report(NOON, {"shop": failed})
    world.scan(at(12, 31))
    (mail,) = mailbox.take()
    assert text_of(mail).count("rsync: gone") == 1


@pytest.mark.parametrize(
    "name",
    [
        "=?utf-8?q?=0ABcc:_x=40evil.org?=",
        "=?utf-8?q?=0AContent-Type:_text/html=0A=0A<h1>Pay_here</h1>?=",
        "=?utf-8?q?all=20is=20well?=",
        "a=?utf-8?b?CkJjYzogeEB5Cg==?= b",
        "é" * 120,
    ],
)
def test_a_name_is_told_letter_for_letter_and_adds_nothing_to_a_mail(
    world: World, mailbox: Mailbox, name: str
) -> None:
    world.job("shop")
    world.scan(at(12, 31))
    world.job(name, agent="bank")
    world.scan(at(12, 32))
    usual, mail = mailbox.take()
    assert mail["Subject"] == f"1 problem: bank: {name} MISSING since 12:30"
    assert mail.keys() == usual.keys()
    assert mail.get_content_type() == "multipart/alternative"
    assert text_of(mail).startswith("1 problem\r\n")


VIRUS = "X5O-STANDARD-ANTIVIRUS-TEST-FILE"


def fail(world: World, agent: str, day: int, said: str = VIRUS) -> None:
    told = section(b"", f"{agent}db0.sql.gz", BACKUP__status=False, TRANSFER__error_message=said)
    world.site(agent).report(at(12, days=day), {f"{agent}db0": told})


def test_what_one_site_says_gags_no_other(world: World, mailbox: Mailbox) -> None:
    mailbox.virus = VIRUS
    for agent in ("acme", "bank", "evil"):
        silent_site(world, 1, agent)
    for day in range(3):
        fail(world, "evil", day)
        world.scan(at(12, 31, days=day))
        told = sorted(mailbox.subjects())
        assert told == [
            f"1 problem: {agent}: {agent}db0 MISSING since 12:30" for agent in ("acme", "bank")
        ]
        (refused,) = [message for message in messages() if message.state == "open"]
        preview = preview_message(world.settings, refused.id, at(12, 40, days=day))
        assert "Left out" in preview.text
        assert VIRUS not in preview.text
        world.scan(at(12, 46, days=day))
        (mail,) = mailbox.take()
        assert str(mail["Subject"]).startswith("1 problem: evil: evildb0 FAILED since 12:00")
        assert "Left out: words for which the mail server refused a mail" in text_of(mail)
        assert "Likely cause: The agent could not dump the database." in text_of(mail)
        assert "Last good copy: none yet" in text_of(mail)
    assert set(states()) == {"sent"}


def test_what_comes_meanwhile_of_others_does_not_wait_for_a_refused_text(
    world: World, mailbox: Mailbox
) -> None:
    mailbox.virus = "evil"
    silent_site(world, 1, "evil")
    world.scan(at(12, 31))
    assert mailbox.take() == []
    silent_site(world, 1, "bank")
    for minutes in (32, 46):
        world.scan(at(12, minutes))
    assert mailbox.subjects() == ["1 problem: bank: bankdb0 MISSING since 12:30"]
    fail(world, "evil", 1)
    world.site("bank").deliver(at(12, days=1), bankdb0="well")
    world.scan(at(12, 31, days=1))
    assert mailbox.subjects() == ["Recovered: bank: bankdb0"]
    # All of it has one message, which is tried by itself.
    (refused,) = [m for m in messages() if m.state == "open"]
    assert (refused.agent_key, refused.attempts) == ("evil", 3)
    mailbox.virus = ""
    world.scan(at(14, days=1))
    assert mailbox.subjects() == ["1 problem: evil: evildb0 FAILED since 12:00"]
    assert set(states()) == {"sent"}


def test_a_full_mailbox_says_nothing_of_the_text(world: World, mailbox: Mailbox) -> None:
    mailbox.data_answers = ["552 5.2.2 mailbox full"]
    for agent in ("acme", "bank"):
        silent_site(world, 1, agent)
    world.scan(at(12, 31))
    (message,) = messages()
    assert (message.state, message.agent_key, message.is_plain) == ("open", None, False)
    world.scan(at(12, 46))
    assert mailbox.subjects() == [
        "2 problems: acme: acmedb0 MISSING since 12:30; bank: bankdb0 MISSING since 12:30"
    ]


def test_mails_are_in_the_language_of_the_setting(world: World, mailbox: Mailbox) -> None:
    world.job()
    french = World(world.app, world.settings.model_copy(update={"language": "fr"}))
    french.scan(at(12, 31))
    (mail,) = mailbox.take()
    assert mail["Subject"] == "1 problème : acme : shop MANQUANTE depuis 12:30"
    assert "Cause probable\xa0: L’agent n’a pas donné signe de vie" in text_of(mail)


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    return trustme.CA()


def certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def secret(world: World, port: int) -> World:
    update = {
        "mail_port": port,
        "mail_server": "localhost",
        "mail_use_tls": True,
        "mail_username": "ann",
        "mail_password": SecretStr("hush-hush"),
    }
    return World(world.app, world.settings.model_copy(update=update))


def test_a_certificate_that_is_believed_encrypts_mail_and_log_in(
    world: World, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    world.job()
    box = Mailbox(free_port())
    with running(box, certified(authority, "localhost"), ("ann", "hush-hush")):
        secret(world, box.port).scan(at(12, 31))
    assert box.tls == [True]
    assert states() == ["sent"]


@pytest.mark.parametrize("wrong", ["unknown authority", "other name"])
def test_a_certificate_that_is_not_believed_gets_neither_mail_nor_password(
    world: World,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wrong: str,
) -> None:
    if wrong == "other name":
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    name = "elsewhere.test" if wrong == "other name" else "localhost"
    world.job()
    box = Mailbox(free_port())
    with running(box, certified(authority, name), ("ann", "hush-hush")):
        secret(world, box.port).scan(at(12, 31))
    assert box.arrived == []
    assert states() == ["waiting"]
    (message,) = messages()
    assert "certificate verify failed" in message.last_error
    assert "hush" not in message.last_error


def test_a_server_without_starttls_gets_nothing(world: World, mailbox: Mailbox) -> None:
    world.job()
    secret(world, mailbox.port).scan(at(12, 31))
    assert mailbox.arrived == []
    assert "mail.down" in world.conditions()


def test_two_that_deliver_two_hundred_alerts_send_each_once(world: World, mailbox: Mailbox) -> None:
    people = ", ".join(f"p{number}@x.org" for number in range(50))
    for number in range(4):
        world.job(f"db{number}", agent=f"a{number}", notification_recipients=people)
    quiet = world.settings.model_copy(update={"mail_server": None, "alert_recipients": None})
    World(world.app, quiet).scan(at(12, 31))
    assert states() == ["waiting"] * 200
    settings = world.settings.model_copy(update={"alert_recipients": None})
    both = [
        start_scan(settings, ["--as-of", at(12, 32).isoformat(), "--agent", agent])
        for agent in ("a0", "a1")
    ]
    for process in both:
        process.join(60)
    assert set(states()) == {"sent"}
    assert sorted(address for address, _ in mailbox.arrived) == sorted(people.split(", "))


def test_scans_end_well_whatever_becomes_of_the_mail(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.job()

    def broken(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("backupmon.services.mails.subject_of", broken)
    result = world.app.test_cli_runner().invoke(args=["scan", "--as-of", at(12, 31).isoformat()])
    assert result.exit_code == 0
    assert states() == ["waiting"]
    assert "it cannot be written" in messages()[0].last_error


def test_a_second_condition_of_the_server_does_not_wait_for_the_first(
    world: World, mailbox: Mailbox
) -> None:
    markers = [world.settings.validated_root, world.settings.quarantine_root]
    for minutes, root in zip((1, 10), markers, strict=True):
        (root / ".backupmon").unlink()
        world.scan(at(9, minutes))
        (mail,) = mailbox.take()
        assert "bears no mark" in mail["Subject"]
    world.scan(at(9, 30))
    assert mailbox.take() == []


def test_a_false_alarm_is_taken_back_in_its_thread(world: World, mailbox: Mailbox) -> None:
    job = world.job(notification_recipients="ann@x.org")
    mailbox.refused = {"ann@x.org"}
    # A trial of a time to come.
    world.scan(at(12, 31))
    (alarm,) = mailbox.take()
    mailbox.refused = set()
    world.scan(at(12, 10))
    ((told, correction),) = mailbox.arrived
    # Who was never told is told nothing.
    assert told == OPS
    assert correction["Subject"] == "Taken back: acme: shop not MISSING after all"
    assert correction["In-Reply-To"] == alarm["Message-ID"]
    assert "A false alarm is taken back" in text_of(correction)
    assert "The backup due: 3 Mar 2031, 12:00" in text_of(correction)
    mailbox.take()
    # What comes in time after all is no recovery of anything.
    world.site().deliver(at(12, 5), shop="1")
    world.scan(at(12, 20))
    assert world.statuses(job) == ["SUCCESS"]
    assert mailbox.take() == []


def test_a_false_alarm_that_may_have_arrived_is_taken_back_too(
    world: World, mailbox: Mailbox
) -> None:
    world.job()
    mailbox.hangs_up = True
    world.scan(at(12, 31))
    (alarm,) = mailbox.take()
    world.scan(at(12, 10))
    deliver_alerts(world.settings, at(12, 36))
    (correction,) = mailbox.take()
    assert correction["Subject"].startswith("Taken back: ")
    assert states() == ["withdrawn", "sent"]
    assert alarm["Message-ID"] != correction["Message-ID"]
