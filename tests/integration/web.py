"""Browsers of all kinds of readers, for those who test pages: the fixture `client_as`."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from backupmon.core.accounts import Role, name_key
from backupmon.extensions import db
from backupmon.models import User
from backupmon.services.passwords import hash_password

PASSWORD = "four words by chance"
SCRIPT = "<script>alert(1)</script>"
ROLES = tuple(role.value for role in Role)


def token_of(response: TestResponse) -> str:
    """The token of the session, from a form of the page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', response.text)
    assert found, response.text
    return found[1]


class Browser(FlaskClient):
    """A client whose forms bear the token of its session, as those of a page do."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Ask as from outside: nothing of the test's own context is seen within."""
        with self.application.app_context():
            return super().open(*args, **kwargs)

    def send(self, path: str, /, **fields: Any) -> TestResponse:
        """Send a form; names of fields that are Python's words may end with ``_``."""
        data = {name.removesuffix("_"): value for name, value in fields.items()}
        return self.post(path, data={"csrf_token": self.token(), **data})

    def token(self) -> str:
        """The token of the session as it is now."""
        return token_of(self.get("/no-such-page"))

    def log_in(self, name: str, password: str = PASSWORD, **fields: Any) -> TestResponse:
        """Log in by the door."""
        return self.send("/login", username=name, password=password, **fields)


ClientAs = Callable[..., Browser]


@cache
def _hash() -> str:
    return hash_password(PASSWORD)


def make_user(name: str, role: str = "viewer") -> User:
    """The user of that name, whose password is `PASSWORD`; made unless it is there."""
    db.session.rollback()
    found = db.session.scalar(select(User).where(User.name == name))
    if found is not None:
        return found
    # Without the service, which hashes slowly each time.
    times = dict.fromkeys(("created_at", "updated_at", "password_changed_at"), datetime.now(UTC))
    user = User(
        name=name,
        name_key=name_key(name),
        role=role,
        password_hash=_hash(),
        is_active=True,
        session_counter=0,
        **times,
    )
    db.session.add(user)
    db.session.commit()
    return user


def browser(app: Flask) -> Browser:
    """A browser of a stranger."""
    app.test_client_class = Browser
    client = app.test_client()
    assert isinstance(client, Browser)
    return client


@pytest.fixture
def client_as(app: Flask) -> ClientAs:
    """``client_as("operator")``: a browser in which a user of that role is signed in.

    ``client_as("stranger")`` is signed in nowhere. The user bears the role's name, unless another
    is given: ``client_as("viewer", "bob")``.
    """

    def make(role: str, name: str | None = None) -> Browser:
        client = browser(app)
        if role != "stranger":
            user = make_user(name or role, role)
            with client.session_transaction() as session:
                session["_user_id"] = f"{user.id}.{user.session_counter}.{secrets.token_hex(16)}"
                session["_fresh"] = True
        return client

    return make
