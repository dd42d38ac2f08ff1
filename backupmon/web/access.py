"""Who may see a page: ``@needs(Role.OPERATOR)`` above a view, or `require` for a blueprint."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec
from urllib.parse import urlsplit

from flask import Response, abort, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from backupmon.core.accounts import Role
from backupmon.web.htmx import is_htmx
from backupmon.web.next_page import safe_next, this_page
from backupmon.web.sessions import Reader

P = ParamSpec("P")


def needs(
    role: Role,
) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Let only readers of `role`, or of one above it, come to the view.

    A stranger is sent to log in, and comes back afterwards. Whose role is too low gets a 403.
    """

    def guard(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            refused = require(role)
            return view(*args, **kwargs) if refused is None else refused

        return guarded

    return guard


def require(role: Role) -> ResponseReturnValue | None:
    """What to answer a reader who may not do what is for `role`; None when they may."""
    reader = g.get("reader")
    if reader is None:
        return _to_log_in()
    if not reader.may(role):
        abort(403)
    return None


def reader() -> Reader:
    """The user who is signed in, in a view that needs one."""
    found = g.reader
    assert isinstance(found, Reader)
    return found


def actor() -> str:
    """Who acts, for the audit log."""
    return f"user:{reader().name}"


def _to_log_in() -> ResponseReturnValue:
    if not is_htmx():
        back = None if this_page() == "/" else this_page()
        return redirect(url_for("door.login", next=back))
    # HTMX would put the page of the door where the fragment should be.
    parts = urlsplit(request.headers.get("HX-Current-URL", ""))
    back = safe_next(parts.path + (f"?{parts.query}" if parts.query else ""))
    place = url_for("door.login", next=None if back == "/" else back)
    return Response(status=401, headers={"HX-Redirect": place})
