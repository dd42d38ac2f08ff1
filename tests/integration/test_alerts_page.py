"""The page of alerts: what waits and why, what was sent, each mail as it reads, and silences."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import event, select, update

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.models import Alert, AlertMessage, AuditEvent, ServerCondition
from backupmon.services.silences import acknowledge_job, snooze_job
from tests.integration.conftest import World, at
from tests.integration.mailbox import Mailbox, free_port, running, text_of
from tests.integration.site import section
from tests.integration.test_delivery import OPS, messages, states, with_mail
from tests.integration.web import SCRIPT, Browser, ClientAs


@pytest.fixture
def settings(sqlite_settings: Settings, mailbox: Mailbox) -> Settings:
    return with_mail(sqlite_settings, mailbox.port)


@pytest.fixture
def operator(world: World, client_as: ClientAs) -> Browser:
    return client_as("operator")


def page(browser: Browser, path: str = "/alerts", code: int = 200) -> str:
    """The words of a page, as they are read."""
    answer = browser.get(path)
    assert answer.status_code == code, answer.text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def last_acts(count: int) -> list[tuple[str, str]]:
    db.session.rollback()
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(count)
    return [(event.actor, event.action) for event in db.session.scalars(query)]


def test_it_tells_what_fails_and_why_and_what_was_sent(
    world: World, mailbox: Mailbox, client_as: ClientAs, operator: Browser
) -> None:
    assert "Nothing has been told yet" in page(operator)
    mailbox.refused = {"gone@x.org"}
    job = world.job(notification_recipients="gone@x.org")
    world.scan(at(12, 31))
    told = page(operator)
    assert "gone@x.org acme/shop" in told
    assert "550 5.1.1 no such person here" in told
    assert re.search(r"1, next in [0-9]+", told)
    assert "It took the last alert" in told
    answer = operator.get("/alerts").text
    assert f'href="/jobs/{job}"' in answer
    assert f'href="/entries/{world.entry(job).id}"' in answer
    assert 'action="/alerts/retry"' in answer
    seen = client_as("viewer").get("/alerts").text
    assert "550 5.1.1 no such person here" in seen
    assert "<button>Try" not in seen
    assert 'action="/alerts/test"' not in seen


def test_it_is_filtered_by_the_address_and_goes_from_page_to_page(
    world: World, mailbox: Mailbox, operator: Browser
) -> None:
    mailbox.refused = {"gone@x.org"}
    for number in range(30):
        world.job(f"db{number}", agent=f"Site{number % 2}", notification_recipients="gone@x.org")
    world.scan(at(12, 31))

    def found(query: str) -> int:
        body = operator.get(f"/alerts?{query}").text
        assert body.count("<html") == 1
        return body.partition('class="alerts all"')[2].count("<tr>") - 1

    assert found("") == 50
    assert found("page=2") == found("page=99") == 10
    assert found("page=0") == found("page=x") == 50
    assert found("state=failing") == found("state=waiting") == 30
    assert found("state=sent&recipient=OPS") == 30
    assert found("agent=site1") == 30
    assert found("agent=site1&recipient=gone&kind=problem") == 15
    for nothing in ("kind=recovery", "recipient=%25", "agent=x", "recipient=%00", "state=expired"):
        assert found(nothing) == -1
        assert "No alert fits" in operator.get(f"/alerts?{nothing}").text
    assert found("state=odd&kind=odder") == 50
    following = re.search(r'href="([^"]+)" rel="next"', operator.get("/alerts?kind=problem").text)
    assert following
    assert "kind=problem" in following[1]
    assert found(html.unescape(following[1]).partition("?")[2].partition("#")[0]) == 10


def test_many_alerts_take_no_more_queries(world: World, operator: Browser) -> None:
    def asked() -> int:
        count = 0

        def note(*_: object) -> None:
            nonlocal count
            count += 1

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            operator.get("/alerts")
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return count

    dead = world.with_settings(mail_port=free_port())
    world.job("first", notification_recipients="a@x.org")
    dead.scan(at(12, 31))
    few = asked()
    for number in range(20):
        world.job(f"db{number}", agent=f"a{number}", notification_recipients=f"p{number}@x.org")
    dead.scan(at(12, 31, days=1))
    assert asked() == few


def test_the_state_of_the_mail_server_stands_on_top(
    world: World, mailbox: Mailbox, operator: Browser
) -> None:
    world.job()
    assert "Nothing has been sent by the mail server 127.0.0.1" in page(operator)
    world.with_settings(mail_port=free_port()).scan(at(12, 31))
    told = page(operator)
    assert "The mail server takes no mail since" in told
    assert "Connection refused" in told
    # The outage is told once, and not with each mail.
    assert told.count("Connection refused") == 1
    world.scan(at(12, 46))
    assert "is well since" in page(operator)
    world.app.extensions["backupmon"] = world.with_settings(mail_server=None).settings
    assert "No mail server is set: alerts wait" in page(operator)


def test_a_mail_is_looked_at_before_it_goes_and_after(
    world: World, mailbox: Mailbox, client_as: ClientAs
) -> None:
    viewer = client_as("viewer")
    world.job(SCRIPT, notification_recipients="Ann@x.org")
    failed = section(b"x", "x.gz", TRANSFER__status=False, TRANSFER__error_message=SCRIPT)
    world.site().report(at(12), {SCRIPT: failed})
    nobody = world.with_settings(mail_server=None)
    nobody.scan(at(12, 31))
    link = "/alerts/mail?to=Ann@x.org"
    assert link in viewer.get("/alerts").text.replace("%40", "@")
    told = page(viewer, link)
    assert "This is what Ann@x.org would get now." in told
    answer = viewer.get(link)
    assert "frame-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert SCRIPT not in answer.text
    assert re.search(r'<iframe class="mail" sandbox src="/alerts/mail/html\?to=Ann', answer.text)
    framed = viewer.get("/alerts/mail/html?to=ann@x.org")
    assert SCRIPT not in framed.text
    assert "&lt;script&gt;" in framed.text
    policy = framed.headers["Content-Security-Policy"]
    assert policy.endswith("; sandbox")
    assert "script-src" not in policy
    assert framed.headers["X-Frame-Options"] == "SAMEORIGIN"

    world.scan(at(12, 46))
    mail = next(mail for address, mail in mailbox.arrived if address == "Ann@x.org")
    number = next(m.id for m in messages() if m.recipient == "Ann@x.org")
    told = page(viewer, f"/alerts/messages/{number}")
    assert "Sent to Ann@x.org" in told
    assert str(mail["Subject"]) in told
    assert str(mail["Message-ID"]) in told
    assert " ".join(text_of(mail).split())[:200] in told
    for gone in (link, "/alerts/mail?to=", "/alerts/mail?to=%00", "/alerts/messages/999"):
        page(viewer, gone, 404)


def test_what_was_tried_in_vain_is_asked_to_be_tried_again(
    world: World, mailbox: Mailbox, operator: Browser
) -> None:
    mailbox.refused = {"gone@x.org"}
    world.job(notification_recipients="gone@x.org")
    world.scan(at(12, 31))
    (number,) = [m.id for m in messages() if m.state == "open"]
    for path in ("/alerts/retry", f"/alerts/messages/{number}/retry"):
        db.session.execute(update(AlertMessage).values(next_try_at=at(13)))
        db.session.commit()
        # There is no queue in this test: it is due all the same.
        assert operator.send(path).location == "/alerts"
        told = page(operator)
        assert "Nobody can send now" in told
        assert "goes out with the next scan" in told
        assert {m.next_try_at for m in messages() if m.id == number} == {None}
        assert last_acts(1) == [("user:operator", "alerts.retry")]
    mailbox.refused = set()
    world.scan(at(12, 32))
    assert set(states()) == {"sent"}


def test_a_mail_on_trial_is_sent_or_told_beside_its_field(
    world: World, mailbox: Mailbox, operator: Browser
) -> None:
    assert operator.send("/alerts/test", address="ann@x.org").location == "/alerts"
    assert "took a mail to ann@x.org" in page(operator)
    assert [address for address, _ in mailbox.arrived] == ["ann@x.org"]
    assert last_acts(1) == [("user:operator", "alerts.test")]
    mailbox.refused = {"gone@x.org"}
    mailbox.take()
    for address, problem in (
        ("", "is no mail address"),
        (SCRIPT, "is no mail address"),
        ("ann@x.org\nBcc: eve@x.org", "is no mail address"),
        ("gone@x.org", "550 5.1.1 no such person here"),
    ):
        answer = operator.send("/alerts/test", address=address)
        assert answer.status_code == 422
        assert problem in answer.text
        assert SCRIPT not in answer.text
    assert mailbox.take() == []


def test_what_was_never_answered_for_is_said_to_be_in_doubt(
    world: World, mailbox: Mailbox, operator: Browser
) -> None:
    world.job()
    for hour in range(12, 17):
        mailbox.hangs_up = True
        world.scan(at(hour, 31))
    assert len(mailbox.take()) == 5
    (message,) = messages()
    path = f"/alerts/messages/{message.id}"
    assert "(it may not have arrived)" in page(operator)
    assert "It may not have arrived: the server never said whether" in page(operator, path)
    assert message.last_error in page(operator, path)
    operator.send("/account/wishes", language="fr", timezone="UTC")
    assert "(elle n’est peut-être pas arrivée)" in page(operator)
    assert "Il n’est peut-être pas arrivé : le serveur" in page(operator, path)


def test_no_page_tells_what_a_server_repeats_of_the_password(
    world: World, client_as: ClientAs
) -> None:
    operator = client_as("operator")
    box = Mailbox(free_port(), sender_answer="535 5.7.8 hush-hush is not your word")
    with running(box, login=("ann", "hush-hush")):
        login = {"mail_username": "ann", "mail_password": SecretStr("hush-hush")}
        with_login = world.with_settings(mail_port=box.port, **login)
        world.app.extensions["backupmon"] = with_login.settings
        world.job()
        with_login.scan(at(12, 31))
        trial = operator.send("/alerts/test", address="ann@x.org").text
        told = world.app.test_cli_runner().invoke(args=["alerts", "list"]).output
    (number,) = [m.id for m in messages()]
    pages = (operator.get(p).text for p in ("/", "/alerts", f"/alerts/messages/{number}"))
    for one in (trial, told, *pages):
        assert "hush" not in one
    assert "535 5.7.8 *** is not your word" in trial


def test_silences_are_listed_and_ended_from_there(
    world: World, mailbox: Mailbox, client_as: ClientAs, operator: Browser
) -> None:
    jobs = [world.job("shop"), world.job("crm")]
    world.scan(at(12, 31))
    real = datetime.now(UTC)
    snooze_job(jobs[0], real + timedelta(days=2), "user:ann", real, f"moving house {SCRIPT}")
    acknowledge_job(jobs[1], "user:bob", real, "")
    mailbox.take()
    told = page(operator)
    assert "user:ann" in told
    assert f"moving house {SCRIPT}" not in operator.get("/alerts").text
    assert "moving house" in told
    assert "it is over, or another Missing" in told
    assert "/unsilence" not in client_as("viewer").get("/alerts").text
    assert operator.send(f"/jobs/{jobs[0]}/unsilence", next="/alerts").location == "/alerts"
    assert "user:ann" not in page(operator)
    assert last_acts(1) == [("user:operator", "alerts.unsilence")]
    # What lasts is told again, once.
    waiting = [alert for alert in db.session.scalars(select(Alert)) if alert.state == "waiting"]
    assert [(a.kind, a.job_id, a.recipient) for a in waiting] == [("reminder", jobs[0], OPS)]
    away = operator.send(f"/jobs/{jobs[1]}/unsilence", next="https://eve.org/")
    assert away.location == "/"


def test_a_job_is_snoozed_and_acknowledged_on_its_page(world: World, operator: Browser) -> None:
    job = world.job()
    path = f"/jobs/{job}"
    assert "Acknowledge" not in page(operator, path)
    refused = operator.send(f"{path}/acknowledge", acknowledge_note="typed")
    assert refused.status_code == 422
    assert "Nothing is wrong with it" in html.unescape(refused.text)
    assert 'value="typed"' in refused.text
    for day, problem in (("", "is no date"), ("soon", "is no date"), ("2001-01-01", "in the past")):
        answer = operator.send(f"{path}/snooze", snooze_until=day, snooze_note="typed")
        assert (answer.status_code, problem in answer.text) == (422, True)
        assert 'value="typed"' in answer.text
    until = (datetime.now(UTC) + timedelta(days=9)).date().isoformat()
    sent = operator.send(f"{path}/snooze", snooze_until=until, snooze_note="moving <house>")
    assert sent.location == path
    told = page(operator, path)
    assert "Nothing is told of its trouble until" in told
    assert "moving <house>" in told
    assert last_acts(1) == [("user:operator", "alerts.snooze")]
    assert operator.send(f"{path}/unsilence").location == path
    assert "moving" not in page(operator, path)
    world.scan(at(12, 31))
    operator.send(f"{path}/acknowledge", acknowledge_note="the line is mended on Friday")
    assert "Its trouble is known" in page(operator, path)
    assert "the line is mended on Friday" in page(operator, path)
    assert last_acts(1) == [("user:operator", "alerts.acknowledge")]


def test_a_job_that_is_gone_and_trouble_of_the_server_have_their_lines_too(
    world: World, operator: Browser
) -> None:
    job = world.job("gone")
    (world.settings.validated_root / ".backupmon").unlink()
    world.scan(at(12, 31))
    operator.send(f"/jobs/{job}/delete")
    told = page(operator)
    assert "acme/gone" in told
    assert "A storage folder bears no mark" in told
    assert f'href="/jobs/{job}"' not in operator.get("/alerts").text
    assert db.session.scalars(select(ServerCondition)).first() is not None
