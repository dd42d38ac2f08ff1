"""Mail servers as they are in the field: slow, moody, gone in the middle. No mail is sent twice."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
import trustme
from pydantic import SecretStr
from sqlalchemy import select, update

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.models import ServerCondition
from backupmon.services.alert_list import mail_standing
from backupmon.services.deadlines import Deadline
from backupmon.services.delivery import deliver_alerts
from backupmon.services.mail_parts import Mail
from backupmon.services.mail_server import (
    MailLostError,
    MailServerError,
    MailTextRefusedError,
    mail_server,
)
from backupmon.services.mails import compose_trial
from tests.integration.conftest import World, at
from tests.integration.doctoring import doctor, other_app
from tests.integration.mailbox import Mailbox, free_port, running, stuttering
from tests.integration.test_delivery import OPS, certified, messages, states, with_mail

PEOPLE = [f"p{number}@x.org" for number in range(4)]


@pytest.fixture
def settings(sqlite_settings: Settings, mailbox: Mailbox) -> Settings:
    return with_mail(sqlite_settings, mailbox.port)


@pytest.fixture
def job(world: World) -> int:
    return world.job(notification_recipients=", ".join(PEOPLE))


def recipients(box: Mailbox) -> list[str]:
    return sorted(address for address, _ in box.arrived)


def outage() -> ServerCondition:
    db.session.rollback()
    db.session.expire_all()
    query = select(ServerCondition).where(ServerCondition.code == "mail.down")
    (found,) = db.session.scalars(query)
    return found


@pytest.mark.usefixtures("job")
def test_a_server_that_refuses_our_sender_is_to_blame_and_not_who_is_told(
    world: World, mailbox: Mailbox
) -> None:
    mailbox.sender_answer = "553 5.7.1 sender address rejected: not owned by user"
    for minutes in (31, 46):
        world.scan(at(12, minutes))
        assert "553 5.7.1 sender address rejected" in outage().message
        assert "BACKUPMON_MAIL_DEFAULT_SENDER" in outage().hint
    # It is one outage, which began once.
    assert outage().ended_at is None
    assert {message.state for message in messages()} == {"open"}
    with other_app(world.settings) as app:
        told = doctor(app)
    assert "sender address rejected" in told.words("mail server")
    assert "mail server" in told.bad
    mailbox.sender_answer = ""
    world.scan(at(13, 1))
    assert recipients(mailbox) == [OPS, *PEOPLE]
    assert world.conditions() == {}


@pytest.mark.usefixtures("job")
@pytest.mark.parametrize("where", ["mail", "recipient", "data"])
def test_a_connection_lost_before_the_text_is_made_anew_and_nothing_is_sent_twice(
    world: World, mailbox: Mailbox, where: str
) -> None:
    setattr(mailbox, f"goes_at_{where}", 1)
    world.scan(at(12, 31))
    assert recipients(mailbox) == [OPS, *PEOPLE]
    assert mailbox.connections == 2
    assert set(states()) == {"sent"}
    assert world.conditions() == {}


@pytest.mark.usefixtures("job")
def test_a_server_that_always_goes_before_the_text_is_down_and_nothing_is_in_doubt(
    world: World, mailbox: Mailbox
) -> None:
    mailbox.goes_at_recipient = 2
    world.scan(at(12, 31))
    assert world.conditions() == {"mail.down": "mail"}
    assert {message.state for message in messages()} == {"open"}
    world.scan(at(12, 46))
    assert recipients(mailbox) == [OPS, *PEOPLE]
    assert world.conditions() == {}


@pytest.mark.usefixtures("job")
def test_a_server_that_takes_two_mails_in_a_connection_gets_several_connections(
    world: World, mailbox: Mailbox
) -> None:
    mailbox.most_in_a_connection = 2
    world.scan(at(12, 31))
    assert recipients(mailbox) == [OPS, *PEOPLE]
    assert mailbox.connections == 3


@pytest.mark.usefixtures("job")
def test_one_mail_that_it_dies_of_holds_up_no_other(world: World, mailbox: Mailbox) -> None:
    mailbox.hangs_up = True
    world.scan(at(12, 31))
    assert recipients(mailbox) == [OPS, *PEOPLE]
    assert sorted(states()) == ["sent"] * 4 + ["waiting"]
    assert world.conditions() == {}
    first = str(mailbox.take()[0]["Message-ID"])
    # What it might have taken is the very same mail once more, and comes after all others.
    world.scan(at(12, 31, days=1))
    assert [str(mail["Message-ID"]) == first for mail in mailbox.take()] == [False] * 5 + [True]


def arrivals(world: World, mailbox: Mailbox, hours: int) -> list[int]:
    """The minutes when a mail comes in, where somebody delivers every five and gets no answer."""
    found: list[int] = []
    for minutes in range(0, hours * 60, 5):
        mailbox.hangs_up = True
        deliver_alerts(world.settings, at(12, 31) + timedelta(minutes=minutes))
        found += [minutes] * len(mailbox.arrived)
        mailbox.take()
        # As by the clock, which the server's standing goes by.
        long_ago = datetime.now(UTC) - timedelta(minutes=6)
        db.session.execute(update(ServerCondition).values(last_seen_at=long_ago))
        db.session.commit()
    return found


def test_a_mail_that_is_never_answered_for_is_sent_five_times_and_further_and_further_apart(
    world: World, mailbox: Mailbox, capfd: pytest.CaptureFixture[str]
) -> None:
    world.job()
    world.with_settings(mail_server=None).scan(at(12, 31))
    assert arrivals(world, mailbox, 9) == [0, 5, 15, 35, 75]
    (message,) = messages()
    assert (message.state, message.attempts, message.doubts) == ("sent", 5, 5)
    assert "takes no mail" in message.last_error
    assert message.subject == "1 problem: acme: shop MISSING since 12:30"
    assert states() == ["sent"]
    assert capfd.readouterr().err.count("event=alert.in_doubt") == 1
    told = world.app.test_cli_runner().invoke(args=["alerts", "list"]).output
    assert "sent (it may not have arrived)" in told
    # A server that nothing waits for, and that answers, is well.
    assert world.conditions() == {}
    assert mail_standing(world.settings).last_sent_at is None


def test_tries_before_a_mail_was_in_doubt_do_not_count(world: World, mailbox: Mailbox) -> None:
    world.job()
    dead = world.with_settings(mail_port=free_port())
    for hour in range(12):
        dead.scan(at(hour, 31, days=1))
    mailbox.hangs_up = True
    world.scan(at(12, 20, days=1))
    assert [(m.state, m.doubts) for m in messages()] == [("handed_over", 1)]
    world.scan(at(12, 25, days=1))
    assert states() == ["sent"]
    assert [mail["Message-ID"] for mail in mailbox.take()] == [messages()[0].header_id] * 2


def test_what_may_have_arrived_holds_up_no_news(world: World, mailbox: Mailbox) -> None:
    world.job()
    mailbox.hangs_up = True
    world.scan(at(12, 31))
    assert world.conditions() == {"mail.down": "mail"}
    world.job("late", agent="bolt", schedule="1 12 * * *")
    world.scan(at(12, 32))
    assert recipients(mailbox) == [OPS, OPS]
    assert sorted(states()) == ["sent", "waiting"]


def test_an_answer_that_cannot_be_read_leaves_a_mail_in_doubt(
    world: World, mailbox: Mailbox
) -> None:
    world.job()
    mailbox.data_answers = ["thank you"]
    world.scan(at(12, 31))
    assert mailbox.arrived == []
    assert [(m.state, m.attempts) for m in messages()] == [("handed_over", 1)]
    world.scan(at(12, 46))
    assert recipients(mailbox) == [OPS]


@pytest.mark.usefixtures("job")
def test_a_mail_that_is_refused_as_too_large_is_no_fault_of_the_server(
    world: World, mailbox: Mailbox
) -> None:
    mailbox.data_answers = ["552 5.3.4 message size exceeds fixed limit"]
    world.scan(at(12, 31))
    assert len(mailbox.arrived) == 4
    assert world.conditions() == {}
    assert [m.last_error for m in messages() if m.state == "open"] == [
        "552 5.3.4 message size exceeds fixed limit"
    ]


@pytest.mark.usefixtures("job")
def test_a_slow_server_gets_what_fits_into_a_delivery_and_the_rest_with_the_next(
    world: World, mailbox: Mailbox
) -> None:
    nobody = world.with_settings(mail_server=None)
    nobody.scan(at(12, 31))
    mailbox.takes = 0.1
    result = deliver_alerts(world.settings, at(12, 32), longest=timedelta(seconds=0.15))
    assert 1 <= result.sent < 5
    mailbox.takes = 0
    rest = deliver_alerts(world.settings, at(12, 33))
    assert result.sent + rest.sent == 5
    assert recipients(mailbox) == [OPS, *PEOPLE]


def test_a_mail_that_cannot_be_written_is_refused_and_the_next_is_sent(
    world: World, mailbox: Mailbox
) -> None:
    good, bad = (Mail(subject=word, sender=OPS, recipients=[OPS]) for word in ("a", "\ud800"))
    with world.app.app_context(), mail_server(world.settings) as server:
        with pytest.raises(MailTextRefusedError, match="it cannot be written"):
            server.deliver(bad)
        server.deliver(good)
    assert mailbox.subjects() == ["a"]


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_server_that_never_ends_its_first_answer_is_hung_up_on(
    world: World, *, encrypted: bool
) -> None:
    # The head of what a server says to begin encryption, which is to be long.
    begins = b"\x16\x03\x03\x40\x00" if encrypted else b"220-"
    with stuttering(0.02, begins) as port:
        settings = with_mail(world.settings, port).model_copy(update={"mail_use_ssl": encrypted})
        began = monotonic()
        with (
            pytest.raises(MailServerError, match=r"takes no mail: it came to no end within 0\.2"),
            mail_server(settings, timeout=5, longest=0.2),
        ):
            pass
        assert monotonic() - began < 4


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        pytest.param(4, MailServerError, id="when a mail is announced"),
        pytest.param(6, MailServerError, id="before its text"),
        pytest.param(7, MailLostError, id="after its text, when it may have taken it"),
    ],
)
def test_a_server_that_was_hung_up_on_is_not_called_again(
    world: World, answers: int, error: type[MailServerError]
) -> None:
    with stuttering(0.02, b"250-", answers) as port:
        settings = with_mail(world.settings, port)
        mail = compose_trial(settings, OPS)
        began = monotonic()
        with mail_server(settings, timeout=5, longest=0.5) as server:
            with pytest.raises(MailServerError, match="came to no end") as first:
                server.deliver(mail)
            with pytest.raises(MailServerError, match="came to no end") as second:
                server.deliver(mail)
        assert monotonic() - began < 4
    assert [found.type for found in (first, second)] == [error, MailServerError]


def test_no_connection_is_begun_once_the_time_is_up() -> None:
    deadline = Deadline(0)
    with deadline, stuttering(0.02) as port, pytest.raises(TimeoutError):
        deadline.connect("127.0.0.1", port, 5)


@pytest.mark.usefixtures("job")
def test_an_outage_ends_though_all_that_waited_for_it_has_expired(
    world: World, mailbox: Mailbox
) -> None:
    dead = World(world.app, with_mail(world.settings, free_port()))
    dead.scan(at(12, 31))
    world.site().deliver(at(12, days=1), shop="rows")
    dead.scan(at(12, 5, days=1))
    deliver_alerts(dead.settings, at(12, 55, days=7))
    assert set(states()) == {"expired"}
    assert world.conditions() == {"mail.down": "mail"}
    deliver_alerts(world.settings, at(13, 10, days=7))
    assert world.conditions() == {}
    assert mailbox.arrived == []


def test_an_outage_of_which_nothing_waits_is_looked_after(world: World, mailbox: Mailbox) -> None:
    world.job()
    dead = World(world.app, with_mail(world.settings, free_port()))
    dead.scan(at(12, 31))
    # As where another process got everything through just before.
    query = "UPDATE alert_messages SET state = 'sent'", "UPDATE alerts SET state = 'sent'"
    for statement in query:
        db.session.execute(db.text(statement))
    db.session.commit()
    deliver_alerts(world.settings, at(12, 46))
    assert world.conditions() == {"mail.down": "mail"}, "looked at just now"
    long_ago = datetime.now(UTC) - timedelta(minutes=6)
    db.session.execute(update(ServerCondition).values(last_seen_at=long_ago))
    db.session.commit()
    deliver_alerts(world.settings, at(13, 1))
    assert world.conditions() == {}
    assert mailbox.arrived == []


def test_a_server_that_is_set_no_more_is_not_down(world: World) -> None:
    world.job()
    World(world.app, with_mail(world.settings, free_port())).scan(at(12, 31))
    assert world.conditions() == {"mail.down": "mail"}
    world.with_settings(mail_server=None).scan(at(12, 46))
    assert world.conditions() == {}


def test_the_next_scan_after_an_outage_sends_everything(world: World, mailbox: Mailbox) -> None:
    dead = World(world.app, with_mail(world.settings, free_port()))
    for number in range(3):
        world.job(f"db{number}", agent=f"a{number}", notification_recipients=PEOPLE[number])
    for scan in range(24):
        dead.scan(at(12, 31) + scan * timedelta(minutes=15))
        if scan == 20:
            # Somebody new does not hurry the next try, and is not forgotten.
            late = at(17, 15) + timedelta(minutes=16)
            world.job("late", agent="a9", notification_recipients="p9@x.org", schedule="1 17 * * *")
            assert late
    world.scan(at(12, 31) + 24 * timedelta(minutes=15))
    assert recipients(mailbox) == [OPS, *PEOPLE[:3], "p9@x.org"]
    assert {m.state for m in messages()} == {"sent"}


@pytest.mark.usefixtures("job")
@pytest.mark.parametrize("words", ["hush-hush", "AGFubgBodXNoLWh1c2g=", "aHVzaC1odXNo"])
def test_what_a_server_repeats_of_the_log_in_is_told_to_nobody(world: World, words: str) -> None:
    box = Mailbox(free_port(), sender_answer=f"535 5.7.8 ann may not send: {words}")
    login = {"mail_username": "ann", "mail_password": SecretStr("hush-hush")}
    with running(box, login=("ann", "hush-hush")):
        world.with_settings(mail_port=box.port, **login).scan(at(12, 31))
    told = [outage().message, *(message.last_error for message in messages())]
    assert all("535 5.7.8 ann may not send: ***" in one for one in told)


@pytest.mark.usefixtures("job")
@pytest.mark.parametrize("believed", [True, False])
def test_a_connection_encrypted_from_the_start_needs_a_certificate_that_is_believed(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, believed: bool
) -> None:
    authority = trustme.CA()
    if believed:
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    certificate: ssl.SSLContext = certified(authority, "localhost")
    box = Mailbox(free_port())
    with running(box, login=("ann", "hush-hush"), encrypted=certificate):
        world.with_settings(
            mail_server="localhost",
            mail_port=box.port,
            mail_use_ssl=True,
            mail_username="ann",
            mail_password=SecretStr("hush-hush"),
        ).scan(at(12, 31))
    assert recipients(box) == ([OPS, *PEOPLE] if believed else [])
    assert set(states()) == {"sent" if believed else "waiting"}
    assert world.conditions() == ({} if believed else {"mail.down": "mail"})
    assert believed or "certificate verify failed" in outage().message
