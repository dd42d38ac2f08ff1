"""The pages: one blueprint per page area, thin views."""

from __future__ import annotations

from flask import Flask, g
from flask_babel import get_locale
from werkzeug.routing import IntegerConverter, Map

from backupmon.language import LANGUAGES
from backupmon.language.filters import now
from backupmon.web.account import bp as account
from backupmon.web.admin_audit import bp as admin_audit
from backupmon.web.admin_recipients import bp as admin_recipients
from backupmon.web.admin_tokens import bp as admin_tokens
from backupmon.web.admin_users import bp as admin_users
from backupmon.web.alerts import bp as alerts
from backupmon.web.assets import SCRIPT, STYLE
from backupmon.web.assets import bp as assets
from backupmon.web.copies import bp as copies
from backupmon.web.dashboard import bp as dashboard
from backupmon.web.discoveries import bp as discoveries
from backupmon.web.door import bp as door
from backupmon.web.errors import register_errors
from backupmon.web.health import bp as health
from backupmon.web.job_actions import bp as job_actions
from backupmon.web.job_bulk import bp as job_bulk
from backupmon.web.job_export import bp as job_export
from backupmon.web.job_forms import bp as job_forms
from backupmon.web.job_import import bp as job_import
from backupmon.web.job_page import bp as job
from backupmon.web.job_silences import bp as job_silences
from backupmon.web.languages import bp as languages
from backupmon.web.navigation import places
from backupmon.web.next_page import this_page
from backupmon.web.protection import protect
from backupmon.web.quarantine import bp as quarantine
from backupmon.web.quarantine_actions import bp as quarantine_actions
from backupmon.web.reports import bp as reports
from backupmon.web.sessions import init_sessions
from backupmon.web.system import bp as system
from backupmon.web.telling import GLOBALS
from backupmon.web.themes import bp as themes_bp
from backupmon.web.themes import theme, themes

BLUEPRINTS = (
    *(assets, dashboard, health, job, job_actions, job_forms, job_silences, languages, themes_bp),
    *(job_bulk, job_export, job_import),
    *(alerts, quarantine, quarantine_actions, system, copies),
    *(door, account, admin_users, admin_recipients, admin_tokens, admin_audit),
    *(discoveries, reports),
)


class RowNumber(IntegerConverter):
    """A number in an address. Larger ones than a row can have lead to nothing, as a 404."""

    def __init__(
        self,
        routes: Map,
        fixed_digits: int = 0,
        min: int | None = None,
        max: int | None = 2**31 - 1,
        signed: bool = False,
    ) -> None:
        super().__init__(routes, fixed_digits, min, max, signed)


def register_web(app: Flask) -> None:
    """Add every page to the application."""
    # First, so that errors too are told in the reader's language.
    init_sessions(app)
    protect(app, app.extensions["backupmon"])
    register_errors(app)
    app.url_map.converters["int"] = RowNumber
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.jinja_env.globals.update(GLOBALS)
    app.context_processor(_for_every_template)


def _for_every_template() -> dict[str, object]:
    return {
        "languages": LANGUAGES,
        "get_locale": get_locale,
        "now": now,
        "script": SCRIPT,
        "style": STYLE,
        "theme": theme,
        "themes": themes,
        "places": places,
        "reader": g.get("reader"),
        "this_page": this_page,
    }
