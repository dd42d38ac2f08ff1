"""The reports that agents sent: what was taken in, what is wrong with it, what came of it."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, render_template, request, send_file
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from backupmon.application import current_settings
from backupmon.core.accounts import Role
from backupmon.language.filters import now
from backupmon.services.reports import (
    ReportSelection,
    known_agents,
    load_report,
    load_reports,
    load_unread,
    open_archived,
    read_archived,
    unanswered_reports,
)
from backupmon.services.reports.story import find_report, section_faults
from backupmon.web.access import needs
from backupmon.web.days import beginning_of
from backupmon.web.forms import Typed
from backupmon.web.selecting import page_from

bp = Blueprint("reports", __name__, url_prefix="/reports")

_FIELDS = ("q", "agent", "state", "since", "until")
_VALID = {"valid": True, "invalid": False}
_STATES = (("", _l("All")), ("valid", _l("Valid")), ("invalid", _l("Invalid")))
_MOST_CHARACTERS = 300


@bp.get("")
@needs(Role.VIEWER)
def index() -> ResponseReturnValue:
    """The newest reports that fit; those that cannot be used stand above them."""
    form = Typed({name: request.args.get(name, "")[:_MOST_CHARACTERS].strip() for name in _FIELDS})
    selection = _selection(form, page_from(request.args.get("page", "")))
    is_front = not selection.is_filtered and selection.page == 1
    return render_template(
        "pages/reports/index.html",
        form=form,
        kept={name: value for name, value in form.values.items() if value},
        selection=selection,
        found=load_reports(selection),
        unanswered=unanswered_reports(now()) if is_front else [],
        unread=load_unread() if is_front else None,
        agents=known_agents(),
        states=_STATES,
    )


@bp.get("/<int:report_id>")
@needs(Role.VIEWER)
def show(report_id: int) -> ResponseReturnValue:
    """All that one report says, and the file itself."""
    story = load_report(report_id, now())
    return render_template(
        "pages/reports/show.html",
        story=story,
        report=story.report,
        archived=read_archived(current_settings(), story.report),
        section_faults=section_faults,
    )


@bp.get("/<int:report_id>/file")
@needs(Role.VIEWER)
def file(report_id: int) -> Response:
    """The archived file, to be kept: never to be shown by the browser."""
    report = find_report(report_id)
    response = send_file(
        open_archived(current_settings(), report),
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=report.file_name,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _selection(form: Typed, page: int) -> ReportSelection:
    return ReportSelection(
        search=form.value("q"),
        agent=form.value("agent"),
        valid=_VALID.get(form.value("state")),
        since=_day(form.value("since")),
        until=_day(form.value("until"), later=1),
        page=page,
    )


def _day(text: str, later: int = 0) -> datetime | None:
    """The day's beginning; what is no day is passed over."""
    try:
        return beginning_of(text, later) if text else None
    except ValueError:
        return None
