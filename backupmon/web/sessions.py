"""Who reads the page: found once per request, from a cookie that the user's counter can end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask import Flask, g, request, session
from flask_login import LoginManager, current_user, login_user, logout_user
from sqlalchemy import select

from backupmon.core.accounts import Role
from backupmon.extensions import db
from backupmon.models import User

#: How long a browser stays signed in without a request.
_SIGNED_IN = timedelta(days=14)
#: What is the same for everybody, and asked for often, looks nobody up.
_FOR_ALL = ("static", "health.", "assets.")

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

    is_authenticated = is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """What the cookie bears: who it is, and how often their sessions were ended before."""
        return f"{self.id}.{self.session_counter}"

    def may(self, role: Role) -> bool:
        """Whether the reader may do what is for `role`."""
        return Role(self.role).may(role)


def init_sessions(app: Flask) -> None:
    """Let `g.reader` be the user who is signed in, or None."""
    manager = LoginManager(app)
    manager.user_loader(_load)
    # Addresses of phones change all day; the counter and the signature are what ends a session.
    manager.session_protection = None
    app.config["PERMANENT_SESSION_LIFETIME"] = _SIGNED_IN
    app.before_request(_find_reader)


def sign_in(user: User) -> None:
    """Begin a session of `user`; nothing that the browser brought along is kept in it."""
    session.clear()
    session.permanent = True
    g.pop("csrf_token", None)
    g.reader = reader_of(user)
    login_user(g.reader)


def sign_out() -> None:
    """End the session of this browser."""
    logout_user()
    session.clear()
    g.pop("csrf_token", None)
    g.reader = None


def reader_of(user: User) -> Reader:
    """`user` as a reader of pages."""
    return Reader(**{column.key: getattr(user, column.key) for column in _COLUMNS})


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
    number, _, counter = cookie.partition(".")
    if not (number.isdecimal() and counter.isdecimal()):
        return None
    same = (User.id == int(number), User.session_counter == int(counter), User.is_active)
    row = db.session.execute(select(*_COLUMNS).where(*same)).first()
    return None if row is None else Reader(*row)
