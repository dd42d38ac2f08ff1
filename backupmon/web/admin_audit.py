"""Who changed what, for admins."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from backupmon.core.accounts import Role
from backupmon.services.audit import list_acts
from backupmon.web.access import require

bp = Blueprint("admin_audit", __name__, url_prefix="/admin/audit")


@bp.before_request
def _only_admins() -> ResponseReturnValue | None:
    return require(Role.ADMIN)


@bp.get("")
def index() -> ResponseReturnValue:
    """The newest changes, or those older than ``?before=``."""
    before = request.args.get("before", type=int)
    acts, older = list_acts(before)
    return render_template("pages/admin/audit.html", acts=acts, older=older, before=before)
