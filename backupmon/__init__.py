"""backupmon: a server that watches over other people's database backups."""

from __future__ import annotations

from flask import Flask

from backupmon.application import Application
from backupmon.cli import register_commands
from backupmon.config import PROJECT_ROOT, Settings, load_settings
from backupmon.extensions import db, migrate
from backupmon.language import init_languages
from backupmon.logs import configure_logging
from backupmon.version import VERSION

__version__ = VERSION


def create_app(settings: Settings | None = None) -> Application:
    """Wire the application; decides nothing.

    Parameters
    ----------
    settings:
        The settings to use; read from the environment and ``.env`` when None.

    Raises
    ------
    SettingsError
        When a setting cannot be used.
    """
    settings = settings or load_settings()
    configure_logging(settings)
    app = Application(
        __name__,
        wiring=_wire_pages,
        template_folder=str(PROJECT_ROOT / "templates"),
        static_folder=str(PROJECT_ROOT / "static"),
        instance_path=str(settings.data_dir),
    )
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_pre_ping": True}
    app.extensions["backupmon"] = settings
    app.trust_proxies(settings.trusted_proxies)
    db.init_app(app)
    migrate.init_app(app, db, directory=str(PROJECT_ROOT / "migrations"), render_as_batch=True)
    init_languages(app)
    register_commands(app)
    return app


def _wire_pages(app: Flask) -> None:
    # Imported late: commands do without (see `Application`).
    from backupmon.api import BLUEPRINTS, register_api
    from backupmon.web import register_web
    from backupmon.web.protection import csrf

    register_web(app)
    register_api(app)
    for blueprint in BLUEPRINTS:
        csrf.exempt(blueprint)
