"""Those who may use the pages and the API. No password and no token is kept, only hashes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from backupmon.core.accounts import Role
from backupmon.extensions import Model
from backupmon.models.columns import UtcDateTime, row_dict


class User(Model):
    """A person."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    #: `name` as names are compared (`core.accounts.name_key`). Its form may be longer.
    name_key: Mapped[str] = mapped_column(String(256), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(255))
    is_active: Mapped[bool] = mapped_column(default=True)
    #: Part of every cookie of the user: one more, and all of them are worth nothing.
    session_counter: Mapped[int] = mapped_column(default=0)
    #: The person's own wishes; None where there is none.
    language: Mapped[str | None] = mapped_column(String(8))
    timezone: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    password_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    # The audit log speaks of numbers: none is given twice.
    __table_args__ = ({"sqlite_autoincrement": True},)

    PUBLIC = (
        "id",
        "name",
        "role",
        "is_active",
        "language",
        "timezone",
        "created_at",
        "updated_at",
        "password_changed_at",
        "last_login_at",
    )

    @property
    def rank(self) -> Role:
        """The role, as the rules know it."""
        return Role(self.role)

    def as_dict(self) -> dict[str, Any]:
        """The user as commands bear it: no secrets, times in ISO 8601."""
        return row_dict(self, self.PUBLIC)


class ApiToken(Model):
    """A key for a program. A revoked one is kept, to be shown."""

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    name_key: Mapped[str] = mapped_column(String(256))
    scope: Mapped[str] = mapped_column(String(16))
    #: SHA-256 of the token, and its beginning, to recognise it by.
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    prefix: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(255))
    #: To the minute: a read should not always be a write.
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    __table_args__ = (
        Index(
            "uq_api_tokens_name_in_use",
            "name_key",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    PUBLIC = (
        "id",
        "name",
        "scope",
        "prefix",
        "created_at",
        "created_by",
        "last_used_at",
        "revoked_at",
    )

    def as_dict(self) -> dict[str, Any]:
        """The token as commands bear it: without its secret, times in ISO 8601."""
        return row_dict(self, self.PUBLIC)


class LoginTry(Model):
    """A try to log in that has not succeeded, kept for a minute: it throttles those that follow."""

    __tablename__ = "login_tries"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: A hash: what is typed as a name may be a password.
    key: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class EndedSession(Model):
    """A session that was logged out: its cookie is worth nothing, wherever a copy of it is."""

    __tablename__ = "ended_sessions"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: A hash of what is the cookie's own.
    key: Mapped[str] = mapped_column(String(64), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class SetupLink(Model):
    """A link that makes the first admin, once. There is none when there is a user."""

    __tablename__ = "setup_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
