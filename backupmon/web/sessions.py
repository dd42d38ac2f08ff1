"""Who reads the page: found once per request, from a cookie that can be ended before its time."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from flask import Flask, g, request, session
from flask_login import LoginManager, current_user, login_user, logout_user
from sqlalchemy import select

from backupmon.core.accounts import Role
from backupmon.extensions import db
from backupmon.language.filters import now
from backupmon.models import User
from backupmon.services.sessions import SIGNED_IN, end_session, has_ended

#: What is the same for everybody, and asked for often, looks nobody up.
_FOR_ALL = ("static", "health.", "assets.")

#: What `Reader.get_id` gives.
_COOKIE = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})\.([0-9a-f]{32})")
_COLUMNS = (User.id, User.name, User.role, User.language, User.timezone, User.session_counter)


@dataclass(frozen=True, slots=True)
class Reader:
    """The user whose request this is, as of its beginning. No rollback takes it away."""

    id: int
    name: str
    role: str
    language: str | None
    timezone: str | None
    session_counter: int
    #: What this session has of its own.
    secret: str

    is_authenticated = is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """What the cookie bears: who, how often all their sessions had been ended, which one."""
        return f"{self.id}.{self.session_counter}.{self.secret}"

    def may(self, role: Role) -> bool:
        """Whether the reader may do what is for `role`."""
        return Role(self.role).may(role)


def init_sessions(app: Flask) -> None:
    """Let `g.reader` be the user who is signed in, or None."""
    manager = LoginManager(app)
    manager.user_loader(_load)
    # Addresses of phones change all day; the counter and the signature are what ends a session.
    manager.session_protection = None
    app.config["PERMANENT_SESSION_LIFETIME"] = SIGNED_IN
    app.before_request(_find_reader)


def sign_in(user: User) -> None:
    """Begin a session of `user`; nothing that the browser brought along is kept in it."""
    session.clear()
    session.permanent = True
    g.pop("csrf_token", None)
    g.reader = reader_of(user)
    login_user(g.reader)


def sign_out() -> None:
    """End the session of this browser, and of whoever has a copy of its cookie."""
    if g.reader is not None:
        end_session(g.reader.secret, now())
    logout_user()
    session.clear()
    g.pop("csrf_token", None)
    g.reader = None


def reader_of(user: User) -> Reader:
    """`user` as a reader of pages, in a session that begins."""
    values = {column.key: getattr(user, column.key) for column in _COLUMNS}
    return Reader(**values, secret=secrets.token_hex(16))


def _find_reader() -> None:
    g.reader = None
    endpoint = request.endpoint or ""
    if not endpoint.startswith(_FOR_ALL) and current_user.is_authenticated:
        g.reader = current_user._get_current_object()


def _load(cookie: str) -> Reader | None:
    # Asked again by the page that says that the database failed: that one has to be shown.
    if g.get("looked_for_reader"):
        return None
    g.looked_for_reader = True
    parts = _COOKIE.fullmatch(cookie)
    if parts is None:
        return None
    number, counter, secret = parts.groups()
    same = (User.id == int(number), User.session_counter == int(counter), User.is_active)
    row = db.session.execute(select(*_COLUMNS).where(*same, ~has_ended(secret))).first()
    return None if row is None else Reader(*row, secret)
