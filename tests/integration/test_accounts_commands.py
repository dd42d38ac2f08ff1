"""``flask users`` and ``flask tokens``, as an administrator types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from backupmon.extensions import db
from backupmon.models import AuditEvent
from backupmon.services.log_in import log_in
from backupmon.services.tokens import verify_token

Run = Callable[..., Result]
NOW = datetime(2031, 3, 3, 12, tzinfo=UTC)
PASSWORD = "four words by chance"


@pytest.fixture
def run(app: Flask) -> Run:
    """Run a command, and see that it ends as expected."""

    def run_words(*words: str, code: int = 0, answer: str = "") -> Result:
        result = app.test_cli_runner().invoke(args=list(words), input=answer)
        assert result.exit_code == code, result.output
        return result

    return run_words


def create(run: Run, name: str, role: str = "admin", **options: object) -> Result:
    words = ("users", "create", name, "--role", role, "--password-stdin")
    return run(*words, **{"answer": PASSWORD + "\n", **options})


def test_a_created_user_can_log_in(run: Run) -> None:
    assert "flask users create" in run("users", "list").stdout
    create(run, "Ada")
    assert log_in("ada", PASSWORD, "::1", NOW) is not None
    (user,) = json.loads(run("users", "list", "--json").stdout)
    assert (user["name"], user["role"], user["is_active"]) == ("Ada", "admin", True)
    assert not [key for key in user if "hash" in key]
    assert run("users", "list").stdout.split()[:3] == ["Ada", "admin", "active"]


def test_a_password_is_asked_for_twice(run: Run) -> None:
    words = ("users", "create", "ada", "--role", "viewer")
    run(*words, answer="one\nother\n", code=1)
    result = run(*words, answer="same\nsame\n")
    assert "same" not in result.output
    assert log_in("ada", "same", None, NOW) is not None


@pytest.mark.parametrize("name", ["", "  ", "a\tb", "x" * 65, "a\u200bb", "a\u202eb"])
def test_no_such_name_is_taken(run: Run, name: str) -> None:
    assert "error: name" in create(run, name, code=1).stderr


def test_a_name_is_taken_once_in_whichever_case(run: Run) -> None:
    create(run, "Ada")
    assert "somebody's already" in create(run, "ADA", code=1).stderr


def test_an_empty_password_and_an_unknown_role_are_refused(run: Run) -> None:
    assert "password is empty" in create(run, "ada", answer="\n", code=1).stderr
    create(run, "ada", role="root", code=2)


def test_the_last_active_admin_stays(run: Run) -> None:
    create(run, "ada")
    create(run, "bob")
    run("users", "disable", "bob")
    for words in (["disable", "ada"], ["delete", "ada", "--yes"], ["role", "ada", "operator"]):
        assert "ada is the last active admin" in run("users", *words, code=1).stderr
    run("users", "enable", "bob")
    run("users", "role", "ada", "viewer")
    run("users", "delete", "ada", "--yes")
    assert "there is no user 'ada'" in run("users", "role", "ada", "viewer", code=1).stderr


def test_a_new_password_takes_the_old_ones_place(run: Run) -> None:
    create(run, "ada")
    run("users", "password", "ada", "--password-stdin", answer="another")
    assert log_in("ada", PASSWORD, None, NOW) is None
    assert log_in("ada", "another", None, NOW) is not None


def test_the_audit_log_tells_all_but_secrets(run: Run) -> None:
    create(run, "ada")
    create(run, "bob", "viewer")
    run("users", "role", "bob", "operator")
    run("users", "disable", "bob")
    run("users", "enable", "bob")
    run("users", "password", "bob", "--password-stdin", answer=PASSWORD)
    run("users", "delete", "bob", "--yes")
    secret = run("tokens", "create", "grafana", "--scope", "read").stdout.split()[-1]
    run("tokens", "revoke", "grafana")
    events = list(db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)))
    acts = ["create", "create", "role", "disable", "enable", "password", "delete"]
    assert [event.action for event in events] == [
        *(f"user.{act}" for act in acts),
        "token.create",
        "token.revoke",
    ]
    assert events[2].before == {"name": "bob", "role": "viewer"}
    assert events[2].after == {"name": "bob", "role": "operator"}
    assert {event.actor.split(":")[0] for event in events} == {"cli"}
    told = json.dumps([[event.before, event.after] for event in events])
    assert PASSWORD not in told
    assert secret not in told
    assert "argon2" not in told


def test_a_token_is_the_last_word_and_works_until_it_is_revoked(run: Run) -> None:
    assert "flask tokens create" in run("tokens", "list").stdout
    secret = run("tokens", "create", "grafana", "--scope", "read").output.split()[-1]
    token = verify_token(secret, NOW)
    assert token is not None
    assert (token.name, token.scope) == ("grafana", "read")
    assert "another token's" in run("tokens", "create", "Grafana", "--scope", "read", code=1).stderr
    run("tokens", "revoke", "grafana")
    assert verify_token(secret, NOW) is None
    assert "no token 'grafana'" in run("tokens", "revoke", "grafana", code=1).stderr
    run("tokens", "create", "grafana", "--scope", "write")
    listed = run("tokens", "list", "--json").stdout
    assert [t["revoked_at"] is None for t in json.loads(listed)] == [True, False]
    assert secret not in listed
    assert run("tokens", "list").stdout.split()[:3] == [
        "grafana",
        "write",
        "bm_" + listed.split('"bm_')[1][:5] + "…",
    ]
