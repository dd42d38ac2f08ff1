"""The switch between light and dark; without a choice the system's wish decides."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from backupmon.application import current_settings
from backupmon.web.next_page import safe_next

THEME_COOKIE = "theme"
_THEMES = {"": _l("As the system"), "light": _l("Light"), "dark": _l("Dark")}
_YEAR = 31_536_000

bp = Blueprint("themes", __name__)


@bp.post("/theme")
def choose() -> ResponseReturnValue:
    """Keep the reader's choice in a cookie, and go back to the page."""
    chosen = request.form.get("theme")
    if chosen not in _THEMES:
        abort(422)
    response = redirect(safe_next(request.form.get("next")))
    response.set_cookie(
        THEME_COOKIE,
        chosen,
        max_age=_YEAR,
        secure=current_settings().is_https,
        httponly=True,
        samesite="Lax",
    )
    return response


def theme() -> str:
    """What the reader has chosen; empty for the system's wish."""
    found = request.cookies.get(THEME_COOKIE, "")
    return found if found in _THEMES else ""


def themes() -> list[tuple[str, str]]:
    """What there is to choose from, and how it is called."""
    return [(value, str(name)) for value, name in _THEMES.items()]
