"""Somebody who reads the pages: a user, and the cookie of their session."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import current_app

from backupmon.core.accounts import Role
from backupmon.services.accounts import create_user
from backupmon.web.sessions import reader_of
from bench.server import Server


def session_cookie(server: Server) -> str:
    """The cookie header of an operator who is signed in."""
    with server.session():
        now = datetime.now(UTC)
        user = create_user("bench", Role.OPERATOR, "a password of the bench", "bench", now)
        client = current_app.test_client()
        with client.session_transaction() as session:
            session["_user_id"] = reader_of(user).get_id()
            session["_fresh"] = True
        cookie = client.get_cookie(current_app.config["SESSION_COOKIE_NAME"])
        assert cookie is not None
        return f"{cookie.key}={cookie.value}"
