"""Who changed what, for admins."""

from __future__ import annotations

import re

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from backupmon.core.accounts import Role
from backupmon.services.audit import Wanted, list_acts, list_kinds
from backupmon.web.access import require
from backupmon.web.forms import Typed

bp = Blueprint("admin_audit", __name__, url_prefix="/admin/audit")

NUMBER = re.compile(r"[0-9]{1,10}")


@bp.before_request
def _only_admins() -> ResponseReturnValue | None:
    return require(Role.ADMIN)


@bp.get("")
def index() -> ResponseReturnValue:
    """The newest changes that fit, or those older than ``?before=``."""
    before = request.args.get("before", type=int)
    form = Typed({name: request.args.get(name, "").strip() for name in ("who", "kind", "number")})
    acts, older = list_acts(before, wanted=_wanted(form))
    return render_template(
        "pages/admin/audit.html",
        acts=acts,
        older=older,
        before=before,
        form=form,
        kept={name: value for name, value in form.values.items() if value},
        kinds=[("", _("all")), *((kind, kind) for kind in list_kinds())],
    )


def _wanted(form: Typed) -> Wanted:
    number = form.value("number")
    # What is no number is that of nothing.
    found = (int(number) if NUMBER.fullmatch(number) else 0) if number else None
    return Wanted(form.value("who"), form.value("kind"), found)
