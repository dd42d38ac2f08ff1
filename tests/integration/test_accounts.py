"""Accounts on each kind of database, where several people change them at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from backupmon.config import Settings
from backupmon.core.accounts import AccountRefusedError, Scope
from backupmon.core.errors import BackupmonError, NotFoundError
from backupmon.extensions import db
from backupmon.models import AuditEvent, LoginTry, User
from backupmon.services import accounts
from backupmon.services.account_changes import LastAdminError
from backupmon.services.log_in import TooManyTriesError, log_in
from backupmon.services.setup import setup_link, use_setup
from backupmon.services.tokens import create_token, verify_token
from tests.integration.web import PASSWORD, make_user

NOW = datetime(2031, 3, 3, 12, tzinfo=UTC)


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


def at_once(app: Flask, acts: list[Callable[[], object]]) -> list[type[BackupmonError] | None]:
    """Do all of it at the same time; tells which error each met, sorted by name."""

    def do(act: Callable[[], object]) -> type[BackupmonError] | None:
        with app.app_context():
            try:
                act()
            except BackupmonError as error:
                return type(error)
            return None

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(do, acts), key=str)


def test_two_admins_who_disable_each_other_leave_one(app: Flask) -> None:
    ids = [make_user(name, "admin").id for name in ("ada", "bob")]
    acts = [lambda i=i: accounts.disable_user(i, "test", NOW) for i in ids]
    assert at_once(app, acts) == [LastAdminError, None]
    db.session.rollback()
    assert sum(user.is_active for user in accounts.list_users()) == 1


def test_of_several_who_use_the_link_one_is_the_admin(app: Flask, settings: Settings) -> None:
    link = setup_link(settings)
    assert link is not None
    secret = link.rpartition("/")[2]
    acts = [lambda n=n: use_setup(secret, n, PASSWORD, NOW) for n in ("a", "b", "c")]
    assert at_once(app, acts) == [NotFoundError, NotFoundError, None]
    assert db.session.scalar(select(func.count()).select_from(User)) == 1


def test_a_name_is_given_once(app: Flask) -> None:
    acts = [lambda: create_token("Grafana", Scope.READ, "test", NOW)] * 3
    assert at_once(app, acts) == [AccountRefusedError, AccountRefusedError, None]


def test_guesses_at_once_are_ten(app: Flask) -> None:
    acts = [lambda: log_in("ada", "wrong", "192.0.2.7", NOW)] * 13
    met = at_once(app, acts)
    assert met.count(TooManyTriesError) == 3
    with pytest.raises(TooManyTriesError):
        log_in("bob", "wrong", "192.0.2.7", NOW)
    assert log_in("bob", "wrong", "192.0.2.7", NOW + timedelta(minutes=1)) is None
    assert db.session.scalar(select(func.count()).select_from(LoginTry)) == 2


@pytest.mark.usefixtures("app")
def test_a_user_who_is_deleted_leaves_the_audit_log() -> None:
    make_user("boss", "admin")
    user = accounts.delete_user(make_user("ada").id, "test", NOW)
    event = db.session.scalars(select(AuditEvent)).one()
    assert (event.subject_id, event.before["name"], event.after) == (user.id, "ada", None)
    assert make_user("bob").id != user.id


@pytest.mark.usefixtures("app")
def test_a_token_opens_also_where_its_use_cannot_be_noted() -> None:
    _token, secret = create_token("grafana", Scope.READ, "test", NOW)
    if db.engine.dialect.name == "sqlite":
        db.session.execute(text("PRAGMA query_only = ON"))
    else:
        db.session.execute(text("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"))
    db.session.commit()
    found = verify_token(secret, NOW)
    assert found is not None
    assert (found.name, found.last_used_at) == ("grafana", None)


@pytest.mark.usefixtures("app")
def test_the_use_of_a_token_is_noted_once_a_minute() -> None:
    _token, secret = create_token("grafana", Scope.READ, "test", NOW)
    noted = []
    for seconds in (0, 59, 60, 61):
        token = verify_token(secret, NOW + timedelta(seconds=seconds))
        assert token is not None
        assert token.last_used_at is not None
        noted.append((token.last_used_at - NOW).total_seconds())
    assert noted == [0, 0, 60, 60]


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("secret", ["", "bm_", "bm_x", "bm_" + "0" * 64, "bm_\ud800", "é" * 9999])
def test_no_other_token_is_one(secret: str) -> None:
    create_token("grafana", Scope.READ, "test", NOW)
    assert verify_token(secret, NOW) is None
