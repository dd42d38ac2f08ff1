"""The door: log in, log out, sessions, the set-up link, and those who should not come in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import event, func, select, update

from backupmon import create_app
from backupmon.config import Settings
from backupmon.core.accounts import Role
from backupmon.extensions import db
from backupmon.models import EndedSession, LoginTry, SetupLink, User
from backupmon.services import accounts
from backupmon.services.sessions import SIGNED_IN, end_session
from backupmon.services.setup import setup_link
from tests.integration.web import PASSWORD, SCRIPT, ClientAs, browser, make_user, token_of

WRONG = "Name and password do not fit together"
NOW = datetime(2031, 3, 3, 12, tzinfo=UTC)


# --- log in and out --------------------------------------------------------------------------


def test_a_stranger_is_sent_to_the_door_and_comes_back(client_as: ClientAs) -> None:
    make_user("ada")
    client = client_as("stranger")
    asked = client.get("/account?x=1")
    assert (asked.status_code, asked.location) == (302, "/login?next=/account?x%3D1")
    door = client.get(asked.location)
    assert 'name="next" value="/account?x=1"' in door.text
    entered = client.log_in("ADA", next="/account?x=1")
    assert (entered.status_code, entered.location) == (302, "/account?x=1")
    assert ">ada</a>" in client.get("/account").text


@pytest.mark.parametrize(
    "path", ["//evil.example", "https://evil.example", "/\\evil", "x", "/\t/e"]
)
def test_the_door_leads_nowhere_else(client_as: ClientAs, path: str) -> None:
    make_user("ada")
    client = client_as("stranger")
    assert client.log_in("ada", next=path).location == "/"
    assert client.get("/login", query_string={"next": path}).location == "/"


def test_wrong_unknown_and_disabled_are_told_alike(client_as: ClientAs) -> None:
    make_user("boss", "admin")
    make_user("ada")
    user = make_user("bob")
    accounts.disable_user(user.id, "test", NOW)
    client = client_as("stranger")
    pages = [
        client.log_in("ada", "wrong"),
        client.log_in("nobody"),
        client.log_in("bob"),
        client.log_in("ada", ""),
        client.log_in("x" * 100_000, "y" * 100_000),
    ]
    assert {page.status_code for page in pages} == {422}
    assert all(WRONG in page.text for page in pages)
    assert 'value="nobody"' in pages[1].text


def test_a_name_that_is_a_script_is_shown_and_harmless(client_as: ClientAs) -> None:
    page = client_as("stranger").log_in(SCRIPT, "x")
    assert SCRIPT not in page.text
    assert "&lt;script&gt;" in page.text
    page = client_as("viewer", SCRIPT).get("/account")
    assert SCRIPT not in page.text


def test_logging_in_begins_a_new_session(client_as: ClientAs) -> None:
    make_user("ada")
    client = client_as("stranger")
    before = token_of(client.get("/login"))
    with client.session_transaction() as session:
        session["planted"] = "x"
    client.log_in("ada")
    with client.session_transaction() as session:
        assert "planted" not in session
    assert client.post("/logout", data={"csrf_token": before}).status_code == 400


def test_logging_out_needs_the_token_and_ends_the_session(client_as: ClientAs) -> None:
    client = client_as("viewer")
    assert client.post("/logout").status_code == 400
    assert client.get("/logout").status_code == 405
    assert client.get("/account").status_code == 200
    assert client.send("/logout").location == "/login"
    assert client.get("/account").status_code == 302


def test_logging_in_needs_the_token(client_as: ClientAs) -> None:
    make_user("ada")
    answer = client_as("stranger").post("/login", data={"username": "ada", "password": PASSWORD})
    assert answer.status_code == 400


def test_htmx_is_led_to_the_door(client_as: ClientAs) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://localhost/jobs/7?page=2"}
    answer = client_as("stranger").get("/account", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/login?next=/jobs/7?page%3D2"
    assert answer.text == ""


def test_a_hash_of_other_parameters_is_renewed(app: Flask, client_as: ClientAs) -> None:
    user = make_user("ada")
    old = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
    db.session.execute(update(User).values(password_hash=old))
    db.session.commit()
    client = client_as("stranger")
    assert client.log_in("ada").status_code == 302
    db.session.refresh(user)
    assert user.password_hash != old
    assert client_as("stranger").log_in("ada").status_code == 302


# --- sessions --------------------------------------------------------------------------------


def test_a_new_password_ends_all_sessions_but_the_one_that_chose_it(client_as: ClientAs) -> None:
    here, there = client_as("viewer"), client_as("viewer")
    fields = {"current": PASSWORD, "password": "other words", "password_again": "other words"}
    assert here.send("/account/password", **fields).location == "/account"
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 302
    assert client_as("stranger").log_in("viewer", "other words").status_code == 302


def test_a_password_is_changed_by_who_knows_it(client_as: ClientAs) -> None:
    client = client_as("viewer")
    page = client.send("/account/password", current="wrong", password="other words")
    assert page.status_code == 422
    assert "is not your password" in page.text
    page = client.send("/account/password", current=PASSWORD, password="short")
    assert "is too short" in page.text
    fields = {"current": PASSWORD, "password": "other words", "password_again": "other wrods"}
    assert "is not the same as above" in client.send("/account/password", **fields).text
    assert client_as("stranger").log_in("viewer").status_code == 302


def test_signing_out_everywhere_is_everywhere(client_as: ClientAs) -> None:
    here, there = client_as("viewer"), client_as("viewer")
    assert here.send("/account/sign-out-everywhere").location == "/login"
    assert [client.get("/account").status_code for client in (here, there)] == [302, 302]


def test_a_disabled_user_is_out_at_once_and_stays_out(client_as: ClientAs) -> None:
    client_as("admin")
    client, user = client_as("viewer"), make_user("viewer")
    accounts.disable_user(user.id, "test", NOW)
    assert client.get("/account").status_code == 302
    accounts.enable_user(user.id, "test", NOW)
    assert client.get("/account").status_code == 302


@pytest.mark.parametrize("forged", ["1", "1.", ".", "x.y", "1.1", "1.0.0", "²." + "9" * 40, ""])
def test_a_cookie_with_anything_else_is_a_strangers(client_as: ClientAs, forged: str) -> None:
    client = client_as("viewer")
    with client.session_transaction() as session:
        session["_user_id"] = forged
    assert client.get("/account").status_code == 302


def test_language_and_time_zone_are_the_readers_own(client_as: ClientAs) -> None:
    client = client_as("viewer")
    client.send("/account/wishes", language="fr", timezone="Africa/Douala")
    page = client.get("/account", headers={"Accept-Language": "en"})
    assert '<html lang="fr">' in page.text
    assert 'value="Africa/Douala"' in page.text
    page = client.send("/account/wishes", language="de", timezone="Mars/Olympus")
    assert page.status_code == 422
    assert 'value="Mars/Olympus"' in page.text
    client.send("/language", language="en")
    assert '<html lang="en">' in client.get("/account").text


# --- the throttle ----------------------------------------------------------------------------


def test_ten_tries_a_minute_shared_by_all_processes(settings: Settings, app: Flask) -> None:
    make_user("ada")
    make_user("bob")
    one, other = browser(app), browser(create_app(settings))
    for client in [one, other] * 5:
        assert client.log_in("ada", "wrong").status_code == 422
    for client in (one, other):
        page = client.log_in("ada")
        assert page.status_code == 429
        assert 0 < int(page.headers["Retry-After"]) <= 60
        assert "too many tries" in page.text
    # Neither from this address with another name, nor with this name from elsewhere.
    assert one.log_in("bob").status_code == 429
    one.environ_base["REMOTE_ADDR"] = "192.0.2.7"
    assert one.log_in("ADA").status_code == 429
    assert one.log_in("bob").status_code == 302
    # A minute later all is well, however often one tried in the meantime.
    db.session.execute(update(LoginTry).values(at=NOW.replace(year=2020)))
    db.session.commit()
    assert other.log_in("ada").status_code == 302


def test_who_succeeds_may_log_in_as_often_as_they_like(client_as: ClientAs) -> None:
    make_user("ada")
    for _ in range(12):
        assert client_as("stranger").log_in("ada").status_code == 302
    assert db.session.scalar(select(func.count()).select_from(LoginTry)) == 0


def test_guesses_at_once_are_counted_too(settings: Settings, app: Flask) -> None:
    make_user("ada")

    def guess(_: int) -> int:
        return browser(app).log_in("ada", "wrong").status_code

    with ThreadPoolExecutor(6) as pool:
        codes = sorted(pool.map(guess, range(16)))
    assert codes == [422] * 10 + [429] * 6


# --- the set-up link -------------------------------------------------------------------------


def path_of(link: str | None) -> str:
    assert link is not None
    return link.removeprefix("http://localhost")


def test_the_link_makes_the_first_admin_once(settings: Settings, client_as: ClientAs) -> None:
    path = path_of(setup_link(settings, "http://localhost/"))
    client = client_as("stranger")
    assert "Nobody has an account yet" in client.get("/login").text
    assert client.get(path).status_code == 200
    page = client.send(path, username="Ada", password="short")
    assert page.status_code == 422
    assert 'value="Ada"' in page.text
    assert "is too short" in page.text
    assert client.send(path, username="Ada", password=PASSWORD).location == "/"
    assert ">Ada</a>" in client.get("/account").text
    assert make_user("Ada").rank is Role.ADMIN
    other = client_as("stranger")
    assert other.get(path).status_code == 404
    assert other.send(path, username="Eve", password=PASSWORD).status_code == 404
    assert "Nobody has an account" not in other.get("/login").text
    assert setup_link(settings) is None


def test_two_who_use_the_link_at_once_make_one_admin(settings: Settings, app: Flask) -> None:
    path = path_of(setup_link(settings, "http://localhost"))

    def use(name: str) -> int:
        return browser(app).send(path, username=name, password=PASSWORD).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, ["a", "b", "c", "d"])) == [302, 404, 404, 404]
    db.session.rollback()
    assert len(accounts.list_users()) == 1


def test_each_start_makes_the_link_anew(settings: Settings, client_as: ClientAs) -> None:
    first, second = (path_of(setup_link(settings, "http://localhost")) for _ in range(2))
    client = client_as("stranger")
    assert [client.get(path).status_code for path in (first, second)] == [404, 200]
    assert client.get("/setup/x").status_code == 404
    secret = second.removeprefix("/setup/")
    assert secret not in str(db.session.scalars(select(SetupLink.secret_hash)).all())


def test_a_user_made_otherwise_ends_the_link(settings: Settings, client_as: ClientAs) -> None:
    path = path_of(setup_link(settings, "http://localhost"))
    make_user("ada")
    assert client_as("stranger").get(path).status_code == 404


def test_the_link_bears_the_address_that_people_use(settings: Settings, app: Flask) -> None:
    named = settings.model_copy(update={"base_url": "https://backups.example.org"})
    link = setup_link(named, "http://127.0.0.1:8000/")
    assert link is not None
    assert link.startswith("https://backups.example.org/setup/")


def test_flask_up_says_how_to_come_in(settings: Settings, app: Flask) -> None:
    from backupmon.cli.up import _door

    assert "open http://localhost:1/setup/" in _door(settings, "http://localhost:1/")
    make_user("ada")
    assert _door(settings, "http://localhost:1/") == (
        "open http://localhost:1/ in a browser, and log in"
    )


# --- what it costs ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "usual"), [("/static/vendor/htmx.min.js", 0), ("/health", 0), ("/no-such-page", 2)]
)
def test_a_page_costs_who_reads_and_whether_anything_changed(
    client_as: ClientAs, path: str, usual: int
) -> None:
    client, asked = client_as("viewer"), []
    client.get("/no-such-page")  # counts what waits, once until something changes

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    with client.get(path):
        pass
    event.remove(db.engine, "before_cursor_execute", note)
    assert len(asked) == usual
    assert not [statement for statement in asked if "password_hash" in statement]


def test_logging_out_ends_the_session_for_a_copy_of_the_cookie_too(client_as: ClientAs) -> None:
    make_user("ada")
    client, thief, other = (client_as("stranger") for _ in range(3))
    client.log_in("ada")
    other.log_in("ada")
    cookie = client.get_cookie("backupmon_session")
    assert cookie is not None
    thief.set_cookie("backupmon_session", cookie.value)
    assert thief.get("/account").status_code == 200
    client.send("/logout")
    assert thief.get("/account").status_code == 302
    assert other.get("/account").status_code == 200


def test_a_poll_that_is_answered_late_does_not_bring_the_session_back(client_as: ClientAs) -> None:
    make_user("ada")
    client = client_as("stranger")
    client.log_in("ada")
    (late,) = client.get("/account").headers.getlist("Set-Cookie")
    client.send("/logout")
    client.set_cookie("backupmon_session", late.partition("=")[2].partition(";")[0])
    assert client.get("/account").status_code == 302


def test_what_was_logged_out_is_kept_for_as_long_as_its_cookie(app: Flask) -> None:
    for moment in (NOW, NOW, NOW + SIGNED_IN, NOW + SIGNED_IN + timedelta(seconds=1)):
        end_session(str(moment), moment)
    kept = list(db.session.scalars(select(EndedSession.at).order_by(EndedSession.at)))
    assert kept == [NOW + SIGNED_IN, NOW + SIGNED_IN + timedelta(seconds=1)]


# --- the database is gone --------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/account", "/no-such-page"])
def test_a_reader_is_told_that_the_database_is_gone(client_as: ClientAs, path: str) -> None:
    client = client_as("viewer")
    db.session.rollback()
    db.drop_all()
    page = client.get(path)
    assert page.status_code == 500
    assert "Something went wrong on the server" in page.text
