"""``/api/scan``: asking for a scan."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from backupmon.api.access import needs_scope
from backupmon.api.problems import ProblemError
from backupmon.application import current_settings
from backupmon.core.accounts import Scope
from backupmon.services.background import request_scan

bp = Blueprint("api_scans", __name__, url_prefix="/api/scan")


@bp.post("")
@needs_scope(Scope.WRITE)
def ask_for_scan() -> ResponseReturnValue:
    """Put a scan on the queue; asked for during one, one more follows."""
    agent = request.args.get("agent")
    if agent is not None and not 0 < len(agent) <= 255:
        raise ProblemError(400, "agent cannot be used", "an agent's id is wanted")
    request_scan(current_settings(), agent=agent)
    return {"status": "accepted"}, 202
