"""Who may use the API: whoever bears a token of the scope that a request needs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import g, request

from backupmon.api.problems import ProblemError
from backupmon.core.accounts import Scope
from backupmon.services.tokens import verify_token

P = ParamSpec("P")
R = TypeVar("R")

_ASK = {"WWW-Authenticate": 'Bearer realm="backupmon"'}


def needs_scope(scope: Scope) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a view be called with a token of that scope only: 401 without one, 403 with another."""

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            g.token = _token()
            if not Scope(g.token.scope).may(scope):
                raise ProblemError(
                    403,
                    f"This token may only {g.token.scope}",
                    f"a token of the scope {scope} is needed: flask tokens create NAME "
                    f"--scope {scope}",
                )
            return view(*args, **kwargs)

        return checked

    return decorate


def actor() -> str:
    """Who acts, for the audit log."""
    return f"token:{g.token.name}"


def _token() -> Any:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        raise ProblemError(401, "A token is needed", "send Authorization: Bearer TOKEN", _ASK)
    token = verify_token(secret.strip(), datetime.now(UTC))
    if token is None:
        raise ProblemError(
            401,
            "This token is not known",
            "it may have been revoked; flask tokens create makes another",
            {"WWW-Authenticate": 'Bearer realm="backupmon", error="invalid_token"'},
        )
    return token
