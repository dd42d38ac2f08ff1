"""The end of sessions before their time.

A cookie is signed, so nobody can make one up; but it can be copied, and an answer to a poll that
is still on its way brings it back to a browser that has just given it up. So a session that is
logged out is written down until its cookie is over anyway.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, select

from backupmon.extensions import begin_write, db
from backupmon.models import EndedSession
from backupmon.services.passwords import hash_secret

#: How long a browser stays signed in without a request.
SIGNED_IN = timedelta(days=14)

#: Any number but those of other locks will do ("ends" in ASCII).
_ALONE = 0x656E6473


def end_session(secret: str, now: datetime) -> None:
    """Let the session whose cookie bears `secret` be over, for a copy of the cookie too."""
    begin_write(alone=_ALONE)
    db.session.execute(delete(EndedSession).where(EndedSession.at < now - SIGNED_IN))
    if not db.session.scalar(select(has_ended(secret))):
        db.session.add(EndedSession(key=hash_secret(secret), at=now))
    db.session.commit()


def has_ended(secret: str) -> ColumnElement[bool]:
    """Whether the session was logged out, as a part of the query for its user."""
    return exists().where(EndedSession.key == hash_secret(secret))
