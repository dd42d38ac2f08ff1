"""Who is at the door: name and password held against what is known, ten times a minute at most."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Row, delete, select, update

from backupmon.core.accounts import address_key, name_faults, name_key
from backupmon.core.errors import BackupmonError
from backupmon.core.throttle import WINDOW, wait_before_try
from backupmon.extensions import begin_write, db
from backupmon.models import LoginTry, User
from backupmon.services.passwords import hash_password, is_outdated, is_password

log = structlog.get_logger()

#: Any number but those of other locks will do ("logi" in ASCII).
_ALONE = 0x6C6F6769
#: What is typed as a name is cut here before it is hashed.
_LONGEST_TYPED = 1000


class TooManyTriesError(BackupmonError):
    """Another try would be one too many; `wait` says for how long."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__("there were too many tries to log in", "wait a minute, then try again")
        self.wait = wait


def log_in(name: str, password: str, address: str | None, now: datetime) -> User | None:
    """The user with that name and password; None where there is no such active user.

    Name and password wrong, unknown or disabled: all take the same time.

    Raises
    ------
    TooManyTriesError
        When ten tries of the last minute, by this address or with this name, did not succeed.
    """
    tries = _begin_try(name, address, now)
    found = _hash_of(name)
    # No transaction is kept open while the hash is made, which takes long.
    db.session.rollback()
    if not is_password(password, found.password_hash if found else None) or found is None:
        log.warning("log_in.failed", address=address)
        return None
    return _succeed(found.id, password, found.password_hash, tries, now)


def check_own_password(user: User, password: str, address: str | None, now: datetime) -> bool:
    """Whether `password` is that of `user`, who is signed in: as throttled as the door is.

    Raises
    ------
    TooManyTriesError
        As `log_in` does.
    """
    stored = user.password_hash
    tries = _begin_try(user.name, address, now)
    fits = is_password(password, stored)
    if fits:
        _forget(tries)
        db.session.commit()
    return fits


def _hash_of(name: str) -> Row[int, str] | None:
    """The number and the hash of the active user of that name."""
    # What nobody can be called is not looked for: some databases choke on it.
    if name_faults(name.strip()):
        return None
    query = select(User.id, User.password_hash)
    found = db.session.execute(query.where(User.name_key == name_key(name), User.is_active))
    return found.first()


def _begin_try(name: str, address: str | None, now: datetime) -> list[int]:
    """Count a try before it is made, so that tries at once are counted too; gives its rows."""
    keys = [_key("address", address_key(address)), _key("name", name_key(name[:_LONGEST_TYPED]))]
    begin_write(alone=_ALONE)
    db.session.execute(delete(LoginTry).where(LoginTry.at <= now - WINDOW))
    query = select(LoginTry.key, LoginTry.at).where(LoginTry.key.in_(keys))
    before = db.session.execute(query).all()
    waits = [wait_before_try((row.at for row in before if row.key == key), now) for key in keys]
    longest = max((wait for wait in waits if wait is not None), default=None)
    if longest is not None:
        db.session.rollback()
        log.warning("log_in.throttled", address=address)
        raise TooManyTriesError(longest)
    rows = [LoginTry(key=key, at=now) for key in keys]
    db.session.add_all(rows)
    db.session.flush()
    ids = [row.id for row in rows]
    db.session.commit()
    return ids


def _succeed(
    user_id: int, password: str, stored: str, tries: list[int], now: datetime
) -> User | None:
    renewed = hash_password(password) if is_outdated(stored) else None
    begin_write()
    # What has succeeded was no guess: a person may sign in as often as they like.
    _forget(tries)
    # Unless the user was disabled, or got another password, in the meantime.
    same = (User.id == user_id, User.is_active, User.password_hash == stored)
    values = {"last_login_at": now} | ({"password_hash": renewed} if renewed else {})
    db.session.execute(update(User).where(*same).values(**values))
    user = db.session.scalar(
        select(User).where(
            User.id == user_id, User.is_active, User.password_hash == (renewed or stored)
        )
    )
    db.session.commit()
    if user is not None:
        log.info("log_in", user=user.name)
    return user


def _forget(tries: list[int]) -> None:
    db.session.execute(delete(LoginTry).where(LoginTry.id.in_(tries)))


def _key(kind: str, value: str) -> str:
    # A hash: people type passwords where the name should be.
    return hashlib.sha256(f"{kind}:{value}".encode("utf-8", "replace")).hexdigest()
