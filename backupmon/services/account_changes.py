"""What all changes to accounts share: one at a time, checked, and written in the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import func, select

from backupmon.core.accounts import AccountRefusedError, Role, name_key
from backupmon.core.errors import NotFoundError, RefusedError
from backupmon.core.job_spec import FieldFault
from backupmon.core.text import one_line
from backupmon.extensions import begin_write, db
from backupmon.models import User
from backupmon.services.audit import Act, record_acts

log = structlog.get_logger()

#: Any number but those of other locks will do ("user" in ASCII).
_ALONE = 0x75736572


class LastAdminError(RefusedError):
    """Nobody would be left who can let others in."""


def begin_change() -> None:
    """Begin a transaction that changes accounts; one at a time, so that checks stay true."""
    begin_write(alone=_ALONE)


def find_user(name: str) -> User:
    """The user of that name, in whichever case.

    Raises
    ------
    NotFoundError
        When there is none.
    """
    user = db.session.scalar(select(User).where(User.name_key == name_key(name)))
    if user is None:
        raise NotFoundError(
            f"there is no user {one_line(name)!r}", "flask users list shows those there are"
        )
    return user


def find_user_by_id(user_id: int) -> User:
    """The user of that number.

    Raises
    ------
    NotFoundError
        When there is none.
    """
    user = db.session.get(User, user_id) if is_number(user_id) else None
    if user is None:
        raise NotFoundError(f"there is no user {user_id}", "it may have been deleted")
    return user


def is_number(wanted: int) -> bool:
    """Whether a row can have that number; for others a database complains, and finds nothing."""
    return 0 < wanted < 2**31


def refuse(faults: list[FieldFault]) -> None:
    """End the change when something is wrong.

    Raises
    ------
    AccountRefusedError
        When there is any fault.
    """
    if faults:
        db.session.rollback()
        raise AccountRefusedError(faults)


def keep_an_admin(user: User) -> None:
    """Refuse to lose the last one who can let others in.

    Raises
    ------
    LastAdminError
        When `user` is the only active admin.
    """
    if not user.is_active or user.rank is not Role.ADMIN:
        return
    others = select(func.count()).where(
        User.role == Role.ADMIN.value, User.is_active, User.id != user.id
    )
    if not db.session.scalar(others):
        db.session.rollback()
        raise LastAdminError(
            f"{user.name} is the last active admin", "make another user an admin first"
        )


def record(
    action: str,
    subject: Any,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    actor: str,
    now: datetime,
) -> None:
    """Write the change into the audit log, and commit both.

    Parameters
    ----------
    action:
        The kind of thing, a dot, and what was done: ``user.disable``.
    subject:
        The user or token.
    """
    kind = action.partition(".")[0]
    record_acts([Act(action, kind, subject.id, before, after)], actor, now)
    db.session.commit()
    log.info(action, id=subject.id, name=subject.name, actor=actor)
