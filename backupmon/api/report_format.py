"""``/api/report-schema.json``: what a report must say, for those who write an agent."""

from __future__ import annotations

import json

from flask import Blueprint, Response

from backupmon.core.report_schema import report_schema

bp = Blueprint("api_report_format", __name__, url_prefix="/api")


@bp.get("/report-schema.json")
def schema() -> Response:
    """The JSON Schema, open to all: it tells nothing of this server."""
    text = json.dumps(report_schema(), indent=2, ensure_ascii=False)
    return Response(text, mimetype="application/schema+json")
