"""The page of one job: how it stands, why, what to do, and how it went before."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from backupmon.core.accounts import Role
from backupmon.core.findings import Finding
from backupmon.core.statuses import Status
from backupmon.language.filters import now
from backupmon.services.job_story import find_entry, load_history, load_story
from backupmon.services.silences import silence_in_force
from backupmon.web.access import needs
from backupmon.web.charts.line import Point, line_chart
from backupmon.web.charts.scale import byte_ticks, second_ticks
from backupmon.web.freshness import freshness, is_fresh
from backupmon.web.htmx import is_htmx
from backupmon.web.job_calendar import calendar_of
from backupmon.web.selecting import page_from

bp = Blueprint("job", __name__)

_STATUSES = frozenset(Status)


@bp.get("/jobs/<int:job_id>")
@needs(Role.VIEWER)
def show(job_id: int) -> ResponseReturnValue:
    """The page."""
    return render_template("pages/jobs/show.html", **told_of(job_id))


@bp.get("/jobs/<int:job_id>/story")
@needs(Role.VIEWER)
def story(job_id: int) -> ResponseReturnValue:
    """Its changing part, for those who ask again and again; 204 when nothing is new."""
    if is_fresh():
        return "", 204
    return render_template("fragments/jobs/_story.html", **told_of(job_id))


@bp.get("/entries/<int:entry_id>")
@needs(Role.VIEWER)
def entry(entry_id: int) -> ResponseReturnValue:
    """All that the agent said and the server measured in one entry: unfolded, or as a page."""
    found, stored = find_entry(entry_id)
    told = {
        "entry": found,
        "stored": stored,
        "findings": [Finding.from_dict(one) for one in found.findings],
    }
    template = "fragments/jobs/_entry.html" if is_htmx() else "pages/jobs/entry.html"
    return render_template(template, **told)


def told_of(job_id: int) -> dict[str, Any]:
    """What the templates are told."""
    # Before all else: what changes meanwhile must make the next poll new.
    seen = freshness()
    found = load_story(job_id, now())
    status = request.args.get("status", "").upper()
    status = status if status in _STATUSES else ""
    history = load_history(job_id, status, page_from(request.args.get("page", "")))
    measures = found.measures
    return {
        "seen": seen,
        "story": found,
        "job": found.job,
        "row": found.row,
        "history": history,
        "silence": silence_in_force(job_id, now()),
        "status": status,
        "statuses": [one.value for one in Status],
        "calendar": calendar_of(found.cycles, found.job.timezone, now()),
        "sizes": line_chart([Point(m.due, m.size) for m in measures], byte_ticks),
        "durations": line_chart([Point(m.due, m.seconds) for m in measures], second_ticks),
    }
