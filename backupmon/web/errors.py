"""Errors as pages in the app's own look, as a small fragment for HTMX, as JSON for the API."""

from __future__ import annotations

import json

from flask import Flask, Response, g, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from backupmon.core.errors import NotFoundError, RefusedError
from backupmon.web.htmx import is_htmx

#: What happened, and what to do about it, by status.
_WORDS = {
    400: (_l("This request cannot be used"), _l("Go back, reload the page, and try once more.")),
    403: (_l("This is not for you to do"), _l("Ask an administrator for the role it needs.")),
    404: (_l("There is nothing here"), _l("It may have been deleted, or its address mistyped.")),
    405: (_l("That cannot be done here"), _l("Go back, and use the buttons of the page.")),
    409: (_l("Not now"), _l("Something else has to end first. Try again in a moment.")),
    413: (_l("That is too large"), _l("Send less at once; a file may have 10 MB.")),
    422: (_l("That cannot be done"), _l("Go back, and change what is named above.")),
    429: (_l("Too many tries"), _l("Wait a minute, then try again.")),
    500: (
        _l("Something went wrong on the server"),
        _l("Nothing was lost. Quote the error's id to your administrator: it is in the log."),
    ),
}
_STALE = (
    _l("This page has been open for too long"),
    _l("Go back, reload it, and send the form once more."),
)


def register_errors(app: Flask) -> None:
    """Answer every error in the app's own words."""
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(CSRFError, stale_form)
    app.register_error_handler(NotFoundError, not_found)
    app.register_error_handler(RefusedError, refused)


def http_error(error: HTTPException) -> ResponseReturnValue:
    """An error of the web itself; an answer that is one already stays."""
    code = error.code
    if code is None or code < 400:
        return error
    return error_response(code, headers=_headers_of(error))


def stale_form(error: CSRFError) -> ResponseReturnValue:
    """A form without the token of its session, most often because that has ended."""
    title, hint = _STALE
    return error_response(400, title=str(title), hint=str(hint))


def not_found(error: NotFoundError) -> ResponseReturnValue:
    """A thing that was asked for is not there."""
    return error_response(404, detail=error.message)


def refused(error: RefusedError) -> ResponseReturnValue:
    """The rules do not allow it, and no form was there to say so."""
    return error_response(422, detail=error.message, hint=error.hint)


def error_response(
    code: int,
    *,
    title: str = "",
    detail: str = "",
    hint: str = "",
    headers: dict[str, str] | None = None,
) -> Response:
    """The answer to what could not be done.

    Parameters
    ----------
    code:
        The HTTP status.
    title, hint:
        What happened and what to do; the usual words for `code` unless given.
    detail:
        More about this very case.
    headers:
        Such as ``Retry-After``.
    """
    usual_title, usual_hint = _WORDS.get(code, _WORDS[400 if code < 500 else 500])
    told = {
        "code": code,
        "title": title or str(usual_title),
        "detail": detail,
        "hint": hint or str(usual_hint),
        "error_id": g.get("error_id"),
    }
    if request.path.startswith("/api/"):
        response = _problem(told)
    else:
        place = "fragments/errors/_error.html" if is_htmx() else "pages/errors/error.html"
        response = make_response(render_template(place, **told))
    response.status_code = code
    response.headers.update(headers or {})
    return response


def _problem(told: dict[str, object]) -> Response:
    """RFC 9457."""
    body = {"type": "about:blank", "status": told["code"], "title": told["title"]}
    body |= {key: told[key] for key in ("detail", "hint", "error_id") if told[key]}
    text = json.dumps(body, ensure_ascii=False)
    return Response(text, mimetype="application/problem+json")


def _headers_of(error: HTTPException) -> dict[str, str]:
    """What the error says beside its page, such as Allow and Retry-After."""
    return {k: v for k, v in error.get_headers() if k.lower() != "content-type"}
