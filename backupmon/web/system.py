"""The server itself: what is wrong with it, who works, how full it is, what the doctor says."""

from __future__ import annotations

from typing import Any
from zlib import crc32

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from backupmon.application import current_settings
from backupmon.core.accounts import Role
from backupmon.core.findings import Level
from backupmon.language.filters import now
from backupmon.queue import QUEUES
from backupmon.services.background_status import Background, background_status
from backupmon.services.conditions import open_conditions
from backupmon.services.dashboard.summary import heartbeat_of
from backupmon.services.doctor.alone import ExaminedAlreadyError, examine_alone
from backupmon.services.system import (
    load_ended_conditions,
    load_runs,
    measure_storage,
    versions,
)
from backupmon.web.access import needs
from backupmon.web.freshness import freshness
from backupmon.web.htmx import is_htmx
from backupmon.web.scans import ask_for_scan
from backupmon.web.selecting import page_from

bp = Blueprint("system", __name__, url_prefix="/system")

#: Scans on the overview.
_LATEST = 8


@bp.get("")
@needs(Role.VIEWER)
def index() -> ResponseReturnValue:
    """The page."""
    return _page()


@bp.get("/state")
@needs(Role.VIEWER)
def state() -> ResponseReturnValue:
    """Its changing part, for those who ask again and again; 204 when nothing is new."""
    background = background_status(current_settings())
    if request.args.get("seen") == _seen(background):
        return "", 204
    return render_template("fragments/system/_state.html", **_told(background))


@bp.get("/scans")
@needs(Role.VIEWER)
def scans() -> ResponseReturnValue:
    """Every scan, the newest first."""
    runs = load_runs(page_from(request.args.get("page", "")))
    return render_template("pages/system/scans.html", runs=runs)


@bp.get("/conditions")
@needs(Role.VIEWER)
def conditions() -> ResponseReturnValue:
    """What was wrong with the server, and is over."""
    ended = load_ended_conditions(page_from(request.args.get("page", "")))
    return render_template("pages/system/conditions.html", ended=ended)


@bp.post("/scan")
@needs(Role.OPERATOR)
def scan() -> ResponseReturnValue:
    """Look now for what all agents have delivered."""
    ask_for_scan()
    return redirect(url_for(".index"))


@bp.post("/doctor")
@needs(Role.OPERATOR)
def doctor() -> ResponseReturnValue:
    """Examine the server, and show what was found.

    No redirect: to be kept until the next request it would have to be written somewhere, and
    that may be what does not work.
    """
    try:
        found = examine_alone(current_settings())
    except ExaminedAlreadyError as error:
        return _doctor({"busy": error}, 409)
    checks = [check for area in found for check in area.checks]
    counts = {level.value: sum(check.level is level for check in checks) for level in Level}
    return _doctor({"examined": found, "counts": counts}, 200)


def _doctor(told: dict[str, Any], code: int) -> ResponseReturnValue:
    if is_htmx():
        # Any other code would have HTMX put it where errors go.
        return render_template("fragments/system/_doctor.html", **told)
    page, _code = _page(**told)
    return page, code


def _page(**told: Any) -> tuple[str, int]:
    settings = current_settings()
    values = {
        **_told(background_status(settings)),
        "storage": measure_storage(settings),
        "versions": versions(settings),
        **told,
    }
    return render_template("pages/system/index.html", **values), 200


def _told(background: Background) -> dict[str, Any]:
    """What the templates of the changing part are told."""
    # Before all else: what changes meanwhile must make the next poll new.
    seen = _seen(background)
    return {
        "seen": seen,
        "background": background,
        "queues": QUEUES,
        "heartbeat": heartbeat_of(current_settings(), now()),
        "conditions": open_conditions(now()),
        "runs": load_runs(most=_LATEST),
    }


def _seen(background: Background) -> str:
    """What a page has seen: what the database counts, and how the background is but for time."""
    told = repr(
        (
            background.error,
            [(worker.name, worker.state, worker.queues) for worker in background.workers],
            sorted(background.waiting.items()),
            sorted(background.failed.items()),
            background.schedulers,
            background.next_scan_at,
        )
    )
    return f"{freshness()}.{crc32(told.encode(errors='replace')):x}"
