"""Quarantine: the files that were kept back, and each of them with all that tells why."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from backupmon.core.accounts import Role
from backupmon.core.culprit import diagnose
from backupmon.core.errors import NotFoundError
from backupmon.core.findings import Finding
from backupmon.services.quarantine import (
    PastAct,
    compare_with_good,
    find_kept,
    last_act_on,
    load_kept,
    obstacle_to,
)
from backupmon.web.access import needs
from backupmon.web.forms import Typed
from backupmon.web.htmx import is_htmx
from backupmon.web.kept_selecting import REASONS, kept_args, kept_selection_from

bp = Blueprint("quarantine", __name__, url_prefix="/quarantine")


@bp.get("")
@needs(Role.VIEWER)
def index() -> ResponseReturnValue:
    """The files that lie there; for a filter that HTMX sends, the list alone."""
    told = told_of_list()
    if not is_htmx():
        return render_template("pages/quarantine/index.html", **told)
    response = make_response(render_template("fragments/quarantine/_list.html", **told))
    wanted: dict[str, Any] = kept_args(told["selection"])
    response.headers["HX-Replace-Url"] = url_for(".index", **wanted)
    return response


@bp.get("/<int:entry_id>")
@needs(Role.VIEWER)
def show(entry_id: int) -> ResponseReturnValue:
    """One file: why it is there, and the last good copy beside it."""
    try:
        return render_template("pages/quarantine/show.html", **told_of_file(entry_id))
    except NotFoundError:
        past = last_act_on(entry_id)
        if past is None:
            raise
        return gone_page(entry_id, past)


def gone_page(entry_id: int, past: PastAct) -> Response:
    """What became of a file that somebody has accepted or deleted."""
    page = render_template("pages/quarantine/gone.html", entry_id=entry_id, past=past)
    return make_response(page, 410)


def told_of_list() -> dict[str, Any]:
    """What the templates of the list are told."""
    selection = kept_selection_from(request.values)
    return {
        "selection": selection,
        "kept": load_kept(selection),
        "reasons": REASONS,
        "kept_args": kept_args,
    }


def told_of_file(entry_id: int) -> dict[str, Any]:
    """What the templates of one file are told.

    Raises
    ------
    NotFoundError
        When nothing of that entry lies in quarantine.
    """
    row = find_kept(entry_id)
    findings = [Finding.from_dict(one) for one in row.entry.findings]
    return {
        "row": row,
        "entry": row.entry,
        "job": row.job,
        "findings": findings,
        "diagnosis": diagnose(findings),
        "comparison": compare_with_good(row),
        "obstacle": obstacle_to(row),
        "form": Typed(),
        "reasons": REASONS,
    }
