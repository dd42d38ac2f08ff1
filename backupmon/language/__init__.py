"""The languages of pages and mails: whose wish decides, and where the words come from.

Words that people read are marked where they stand, with `gettext` (``_``), `ngettext` or
`lazy_gettext` of flask_babel in code, and ``_()`` in templates. What they are in French stands
in ``backupmon/translations/fr/<area>.po``.

Within a request the reader decides. Anywhere else, as for a mail, `flask_babel.force_locale`
says whose language it is; without it the setting LANGUAGE does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytz
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, refresh

from backupmon.application import current_settings
from backupmon.language.catalogs import PoFiles
from backupmon.language.filters import FILTERS

LANGUAGES = {"en": "English", "fr": "Français"}

#: The cookie that keeps the choice of a reader who is not signed in.
LANGUAGE_COOKIE = "language"

babel = Babel()


def init_languages(app: Flask) -> None:
    """Let words, dates and sizes of the application be in the reader's language and zone."""
    babel.init_app(app, locale_selector=choose_language, timezone_selector=choose_timezone)
    # Flask-Babel keeps its source of words here; its own wants files that a build step makes.
    babel.domain_instance = PoFiles()
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.filters.update(FILTERS)


def choose_language() -> str:
    """The reader's own choice, else the cookie's, else the browser's, else LANGUAGE."""
    if has_request_context():
        wishes: tuple[Callable[[], str | None], ...] = (_own_language, _cookie, _browser)
        for wish in wishes:
            found = wish()
            if found in LANGUAGES:
                return found
    return current_settings().language


@contextmanager
def force_timezone(name: str) -> Iterator[None]:
    """Within it times are told by the clocks of that zone, as in a mail to somebody there."""
    before = g.get("forced_timezone")
    g.forced_timezone = name
    _look_again()
    try:
        yield
    finally:
        g.forced_timezone = before
        _look_again()


def _look_again() -> None:
    # Flask-Babel remembers what it was told; the language that is forced stays.
    refresh()


def choose_timezone() -> str:
    """The zone that is forced, else the reader's own choice, else DEFAULT_TIMEZONE."""
    forced = g.get("forced_timezone")
    if forced:
        return forced if forced in pytz.all_timezones_set else "UTC"
    own = getattr(g.get("reader"), "timezone", None) if has_request_context() else None
    wanted = own or current_settings().default_timezone
    # A zone that only the machine's own database knows cannot be shown in.
    return wanted if wanted in pytz.all_timezones_set else "UTC"


def _own_language() -> str | None:
    return getattr(g.get("reader"), "language", None)


def _cookie() -> str | None:
    return request.cookies.get(LANGUAGE_COOKIE)


def _browser() -> str | None:
    return request.accept_languages.best_match(list(LANGUAGES))
