"""The pages: one blueprint per page area, thin views."""

from __future__ import annotations

from flask import Flask

from backupmon.web.health import bp as health


def register_web(app: Flask) -> None:
    """Add every page to the application."""
    for blueprint in (health,):
        app.register_blueprint(blueprint)
