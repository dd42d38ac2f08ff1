"""The jobs as files to download: those that the list shows, on all its pages."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

from flask import Blueprint, Flask, Response, current_app, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale

from backupmon.core.accounts import Role
from backupmon.language.filters import now
from backupmon.services.job_export import export_jobs
from backupmon.services.job_writing import csv_pieces, json_pieces
from backupmon.web.access import needs
from backupmon.web.selecting import selection_from

bp = Blueprint("job_export", __name__)

#: By it spreadsheets know UTF-8; the import takes it off again.
_BOM = "\ufeff"
#: Jobs that are sent at once.
_AT_ONCE = 500


@bp.get("/jobs/export.csv")
@needs(Role.VIEWER)
def as_csv() -> ResponseReturnValue:
    """For a spreadsheet, in the reader's language: where a comma divides numbers, ``;`` cells."""
    separator = ";" if get_locale().language == "fr" else ","
    pieces = csv_pieces(export_jobs(selection_from(request.args)), separator)
    return _download(pieces, "csv", "text/csv", _BOM)


@bp.get("/jobs/export.json")
@needs(Role.VIEWER)
def as_json() -> ResponseReturnValue:
    """For a program."""
    return _download(
        json_pieces(export_jobs(selection_from(request.args))), "json", "application/json"
    )


def _download(pieces: Iterator[str], suffix: str, mimetype: str, before: str = "") -> Response:
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    response = Response(_sent(app, chain([before], pieces)), mimetype=mimetype)
    name = f"backupmon-jobs-{now():%Y-%m-%d}.{suffix}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _sent(app: Flask, pieces: Iterator[str]) -> Iterator[str]:
    """Some pieces at a time, each time with a session that ends before they are sent."""
    while True:
        with app.app_context():
            found = "".join(islice(pieces, _AT_ONCE))
        if not found:
            return
        yield found
