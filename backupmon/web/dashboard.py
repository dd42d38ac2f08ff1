"""The dashboard: what people look at every morning, and the fragments that keep it fresh."""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    Response,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from backupmon.application import current_settings
from backupmon.core.accounts import Role
from backupmon.core.standing import WORST_FIRST
from backupmon.language.filters import now
from backupmon.services.background_status import background_status
from backupmon.services.dashboard import load_board, places, verifying_now
from backupmon.services.discoveries import count_discoveries
from backupmon.web.access import needs
from backupmon.web.charts.bar import proportional_bar
from backupmon.web.filtering import choices_for, orders
from backupmon.web.freshness import freshness, is_fresh
from backupmon.web.htmx import is_htmx
from backupmon.web.scans import ask_for_scan
from backupmon.web.sections import sections_of
from backupmon.web.selecting import args_of, held_from, selection_from, ticked_from

bp = Blueprint("dashboard", __name__)


@bp.get("/")
@needs(Role.VIEWER)
def index() -> ResponseReturnValue:
    """The page; for a form that HTMX sends, its changing part."""
    if is_htmx():
        response = _fragment()
        wanted: dict[str, Any] = args_of(selection_from(request.args))
        response.headers["HX-Replace-Url"] = url_for("dashboard.index", **wanted)
        return response
    told = _told()
    if not told["board"].counts.total:
        return render_template(
            "pages/dashboard/empty.html", discoveries=count_discoveries(), **told
        )
    sites = places()
    choices = choices_for(told["selection"], sites)
    ticked = ticked_from(request.args)
    return render_template(
        "pages/dashboard/index.html",
        **{"sites": sites, "choices": choices, "orders": orders(), "ticked": ticked, **told},
    )


@bp.get("/board")
@needs(Role.VIEWER)
def board() -> ResponseReturnValue:
    """The changing part, for those who ask again and again; 204 when nothing is new."""
    return ("", 204) if is_fresh() else _fragment()


@bp.get("/progress")
@needs(Role.VIEWER)
def progress() -> ResponseReturnValue:
    """How far the files are that are being verified."""
    verifying = verifying_now(current_settings())
    return render_template("fragments/dashboard/_progress.html", verifying=verifying)


@bp.post("/scan")
@needs(Role.OPERATOR)
def scan() -> ResponseReturnValue:
    """Look now for what all agents have delivered."""
    ask_for_scan()
    return redirect(url_for("dashboard.index"))


def _fragment() -> Response:
    return make_response(render_template("fragments/dashboard/_board.html", **_told()))


def _told() -> dict[str, Any]:
    """What the templates are told."""
    # Whether the background answers is noted by asking.
    background = background_status(current_settings())
    # Before what is told: what changes meanwhile must make the next poll new.
    seen = freshness()
    selection = selection_from(request.args)
    held = held_from(request.args)
    board = load_board(current_settings(), selection, now(), held.job_ids if held else None)
    parts = [
        (s.value, board.counts.by_standing[s]) for s in WORST_FIRST if s in board.counts.by_standing
    ]
    return {
        "background": background,
        "board": board,
        "bar": list(zip(parts, proportional_bar([count for _, count in parts]), strict=True)),
        "worst": parts[0][0] if parts else None,
        "selection": selection,
        "sections": sections_of(board.rows, selection.sort, held.urgent if held else None),
        "seen": seen,
        "verifying": verifying_now(current_settings()),
    }
