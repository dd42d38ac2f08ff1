"""The JSON API: the same objects as the commands print, for programs with a token."""

from __future__ import annotations

from flask import Blueprint, Flask

from backupmon.api import jobs, metrics, openapi, problems, report_format, scans

#: They go by tokens, never by cookies, so that forged forms are none of their worries.
BLUEPRINTS: tuple[Blueprint, ...] = (
    *(jobs.bp, scans.bp, openapi.bp, report_format.bp, metrics.bp),
)

for _blueprint in BLUEPRINTS:
    problems.register_problems(_blueprint)


def register_api(app: Flask) -> None:
    """Add the API to the application."""
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
