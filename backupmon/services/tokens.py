"""Keys for programs: made, listed, revoked, verified. Only their hashes are kept."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import structlog
from sqlalchemy import exists, select
from sqlalchemy.exc import SQLAlchemyError

from backupmon.core.accounts import Scope, name_faults, name_key
from backupmon.core.errors import NotFoundError
from backupmon.core.job_spec import FieldFault
from backupmon.core.text import one_line
from backupmon.core.words import to_translate
from backupmon.extensions import begin_write, db
from backupmon.models import ApiToken
from backupmon.services.account_changes import begin_change, is_number, record, refuse
from backupmon.services.passwords import hash_secret, is_secret

log = structlog.get_logger()

#: Programs that look for lost secrets know a token by this.
PREFIX = "bm_"
_SHOWN = 8
_NOTED_EVERY = timedelta(minutes=1)


def create_token(name: str, scope: Scope, actor: str, now: datetime) -> tuple[ApiToken, str]:
    """A new token, and its secret, which nobody can be told again.

    Raises
    ------
    AccountRefusedError
        When the name cannot be one, or a token in use has it.
    """
    name = name.strip()
    refuse(name_faults(name))
    # Hex digits alone: no tool breaks it, and a double click takes it whole.
    secret = PREFIX + secrets.token_hex(32)
    begin_change()
    in_use = exists().where(ApiToken.name_key == name_key(name), ApiToken.revoked_at.is_(None))
    if db.session.scalar(select(in_use)):
        refuse([FieldFault("name", to_translate("is another token's already"))])
    token = ApiToken(
        name=name,
        name_key=name_key(name),
        scope=scope.value,
        secret_hash=hash_secret(secret),
        prefix=secret[:_SHOWN],
        created_at=now,
        created_by=actor[:255],
    )
    db.session.add(token)
    db.session.flush()
    after = {"name": name, "scope": token.scope, "prefix": token.prefix}
    record("token.create", token, None, after, actor, now)
    return token, secret


def list_tokens() -> list[ApiToken]:
    """All tokens, those in use first."""
    order = (ApiToken.revoked_at.is_not(None), ApiToken.name_key, ApiToken.id)
    return list(db.session.scalars(select(ApiToken).order_by(*order)))


def find_token(name: str) -> ApiToken:
    """The token in use of that name.

    Raises
    ------
    NotFoundError
        When there is none.
    """
    query = select(ApiToken).where(
        ApiToken.name_key == name_key(name), ApiToken.revoked_at.is_(None)
    )
    token = db.session.scalar(query)
    if token is None:
        raise NotFoundError(
            f"there is no token {one_line(name)!r} in use", "flask tokens list shows all"
        )
    return token


def revoke_token(token_id: int, actor: str, now: datetime) -> ApiToken:
    """Let the program in no more, from its next request on.

    Raises
    ------
    NotFoundError
        When there is none of that number.
    """
    begin_change()
    token = db.session.get(ApiToken, token_id) if is_number(token_id) else None
    if token is None:
        db.session.rollback()
        raise NotFoundError(f"there is no token {token_id}")
    if token.revoked_at is None:
        token.revoked_at = now
        before = {"name": token.name, "scope": token.scope, "prefix": token.prefix}
        record("token.revoke", token, before, None, actor, now)
    return token


def verify_token(secret: str, now: datetime) -> ApiToken | None:
    """The token in use whose secret that is; None when there is none.

    To be called first in a request: when the use is noted, once a minute, what the session has
    not committed is rolled back.
    """
    if not secret.startswith(PREFIX) or len(secret) > 100:
        return None
    # The hash is looked up, not the secret: how far it is like another says nothing of that.
    found = ApiToken.secret_hash == hash_secret(secret)
    token = db.session.scalar(select(ApiToken).where(found, ApiToken.revoked_at.is_(None)))
    if token is None or not is_secret(secret, token.secret_hash):
        return None
    if token.last_used_at is None or now - token.last_used_at >= _NOTED_EVERY:
        _note_use(token, now)
    return token


def _note_use(token: ApiToken, now: datetime) -> None:
    """Note when the token was used, where that can be noted.

    A full disk must keep no program from reading what is wrong.
    """
    try:
        begin_write()
        db.session.refresh(token)
        token.last_used_at = now
        db.session.commit()
    except SQLAlchemyError as error:
        db.session.rollback()
        log.warning("token.use_not_noted", id=token.id, error=str(error.__cause__ or error))
        # A rollback forgets what was read.
        db.session.refresh(token)
