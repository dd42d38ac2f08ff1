"""The link that makes the first admin: printed where only the server's owner reads, used once."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from sqlalchemy import delete, exists, select

from backupmon.config import Settings
from backupmon.core.accounts import Role
from backupmon.core.errors import NotFoundError
from backupmon.extensions import db
from backupmon.models import SetupLink, User
from backupmon.services.account_changes import begin_change
from backupmon.services.accounts import create_user
from backupmon.services.passwords import hash_secret, is_secret


def has_users() -> bool:
    """Whether anybody can have been let in."""
    return bool(db.session.scalar(select(exists().where(User.id.is_not(None)))))


def setup_link(settings: Settings, address: str = "http://127.0.0.1:8000") -> str | None:
    """A new link, in place of any before it; None when there is a user.

    Parameters
    ----------
    address:
        Where the pages are, unless BASE_URL says it.
    """
    begin_change()
    if has_users():
        db.session.rollback()
        return None
    secret = secrets.token_urlsafe(32)
    db.session.execute(delete(SetupLink))
    db.session.add(SetupLink(secret_hash=hash_secret(secret), created_at=datetime.now(UTC)))
    db.session.commit()
    return f"{(settings.base_url or address).rstrip('/')}/setup/{secret}"


def check_setup(secret: str) -> None:
    """Make sure that the link may be used.

    Raises
    ------
    NotFoundError
        When it is none, or no longer one.
    """
    found = db.session.scalars(select(SetupLink.secret_hash)).all()
    fits = [is_secret(secret, stored) for stored in found]
    if not any(fits) or has_users():
        db.session.rollback()
        raise NotFoundError(
            "this link has been used, or a newer one has taken its place",
            "start flask up again to get one while there is no user",
        )


def use_setup(secret: str, name: str, password: str, now: datetime) -> User:
    """Make the first admin; of two who try at once, one is told that the link has been used.

    Raises
    ------
    AccountRefusedError
        When name or password cannot be like that; the link stays good.
    NotFoundError
        When the link is none, or no longer one.
    """
    return create_user(
        name, Role.ADMIN, password, "setup link", now, allowed=lambda: check_setup(secret)
    )
