"""Users: made, changed, deleted. Every change is in the audit log, never with a password."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, select

from backupmon.core.accounts import (
    SHORTEST_PASSWORD,
    Role,
    name_faults,
    name_key,
    password_faults,
)
from backupmon.core.job_spec import FieldFault
from backupmon.core.words import to_translate
from backupmon.extensions import db
from backupmon.models import SetupLink, User
from backupmon.services.account_changes import (
    begin_change,
    find_user_by_id,
    keep_an_admin,
    record,
    refuse,
)
from backupmon.services.passwords import hash_password

#: What the audit log says of a user.
_TOLD = ("name", "role", "is_active")


def create_user(
    name: str,
    role: Role,
    password: str,
    actor: str,
    now: datetime,
    shortest: int = SHORTEST_PASSWORD,
    allowed: Callable[[], None] = lambda: None,
) -> User:
    """Add a user.

    Parameters
    ----------
    shortest:
        How many characters the password has at the least.
    allowed:
        Called within the transaction, to say by an error that it must not be.

    Raises
    ------
    AccountRefusedError
        When name or password cannot be like that, or somebody has the name.
    """
    name = name.strip()
    refuse(name_faults(name) + password_faults(password, name, shortest))
    # Before the transaction: it takes long, and others wait for that.
    hashed = hash_password(password)
    begin_change()
    allowed()
    if db.session.scalar(select(exists().where(User.name_key == name_key(name)))):
        refuse([FieldFault("name", to_translate("is somebody's already"))])
    user = User(
        name=name,
        name_key=name_key(name),
        role=role.value,
        password_hash=hashed,
        is_active=True,
        session_counter=0,
        created_at=now,
        updated_at=now,
        password_changed_at=now,
    )
    db.session.add(user)
    # Whoever has a user needs no link that makes one.
    db.session.execute(delete(SetupLink))
    db.session.flush()
    record("user.create", user, None, _told(user), actor, now)
    return user


def list_users() -> list[User]:
    """All users, by name."""
    return list(db.session.scalars(select(User).order_by(User.name_key)))


def change_role(user_id: int, role: Role, actor: str, now: datetime) -> User:
    """Let a user do more or less from the next request on.

    Raises
    ------
    LastAdminError
        When nobody would be left to let others in.
    """
    begin_change()
    user = find_user_by_id(user_id)
    if role is not Role.ADMIN:
        keep_an_admin(user)
    if user.rank is not role:
        before, user.role = {"role": user.role}, role.value
        _changed("user.role", user, before, {"role": user.role}, actor, now)
    return user


def disable_user(user_id: int, actor: str, now: datetime) -> User:
    """Sign a user out everywhere, and let them in no more.

    Raises
    ------
    LastAdminError
        When nobody would be left to let others in.
    """
    begin_change()
    user = find_user_by_id(user_id)
    keep_an_admin(user)
    if user.is_active:
        user.is_active = False
        user.session_counter += 1
        _changed("user.disable", user, {"is_active": True}, {"is_active": False}, actor, now)
    return user


def enable_user(user_id: int, actor: str, now: datetime) -> User:
    """Let a user in again."""
    begin_change()
    user = find_user_by_id(user_id)
    if not user.is_active:
        user.is_active = True
        _changed("user.enable", user, {"is_active": False}, {"is_active": True}, actor, now)
    return user


def delete_user(user_id: int, actor: str, now: datetime) -> User:
    """Forget a user; the audit log does not.

    Raises
    ------
    LastAdminError
        When nobody would be left to let others in.
    """
    begin_change()
    user = find_user_by_id(user_id)
    keep_an_admin(user)
    db.session.delete(user)
    db.session.flush()
    record("user.delete", user, _told(user), None, actor, now)
    return user


def set_password(
    user_id: int, password: str, actor: str, now: datetime, shortest: int = SHORTEST_PASSWORD
) -> User:
    """Give a user a new password; all their sessions end.

    Raises
    ------
    AccountRefusedError
        When it cannot be one.
    """
    refuse(password_faults(password, find_user_by_id(user_id).name, shortest))
    hashed = hash_password(password)
    begin_change()
    user = find_user_by_id(user_id)
    user.password_hash, user.password_changed_at = hashed, now
    user.session_counter += 1
    _changed("user.password", user, None, None, actor, now)
    return user


def sign_out_everywhere(user_id: int, actor: str, now: datetime) -> User:
    """End all sessions of a user."""
    begin_change()
    user = find_user_by_id(user_id)
    user.session_counter += 1
    _changed("user.sign_out", user, None, None, actor, now)
    return user


def set_wishes(user_id: int, language: str | None, timezone: str | None, now: datetime) -> User:
    """Keep the language and the time zone that a user wants to read in; None is the server's."""
    begin_change()
    user = find_user_by_id(user_id)
    user.language, user.timezone, user.updated_at = language, timezone, now
    db.session.commit()
    return user


def _changed(
    action: str,
    user: User,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    actor: str,
    now: datetime,
) -> None:
    user.updated_at = now
    name = {"name": user.name}
    record(action, user, name | (before or {}), name | (after or {}), actor, now)


def _told(user: User) -> dict[str, Any]:
    return {name: getattr(user, name) for name in _TOLD}
