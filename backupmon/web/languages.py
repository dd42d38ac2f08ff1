"""The switch between languages."""

from __future__ import annotations

from flask import Blueprint, abort, g, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug import Response

from backupmon.application import current_settings
from backupmon.language import LANGUAGE_COOKIE, LANGUAGES
from backupmon.language.filters import now
from backupmon.services.accounts import set_wishes
from backupmon.web.next_page import safe_next

bp = Blueprint("languages", __name__)

_YEAR = 31_536_000


@bp.post("/language")
def choose() -> ResponseReturnValue:
    """Keep the reader's choice, in a cookie and in their account, and go back to the page."""
    language = request.form.get("language")
    if language not in LANGUAGES:
        abort(422)
    if g.reader is not None:
        set_wishes(g.reader.id, language, g.reader.timezone, now())
    response = redirect(safe_next(request.form.get("next")))
    _keep(response, language)
    return response


def _keep(response: Response, language: str) -> None:
    response.set_cookie(
        LANGUAGE_COOKIE,
        language,
        max_age=_YEAR,
        secure=current_settings().is_https,
        httponly=True,
        samesite="Lax",
    )
