"""``/api/jobs``: the jobs and their histories."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from backupmon.api.access import actor, needs_scope
from backupmon.api.paging import asked_page
from backupmon.api.problems import ProblemError
from backupmon.application import current_settings
from backupmon.core.accounts import Scope
from backupmon.core.job_spec import EDITABLE
from backupmon.core.statuses import Status
from backupmon.models import ExpectedBackupJob
from backupmon.services.history import find_job
from backupmon.services.job_lists import page_of_history, page_of_jobs
from backupmon.services.jobs import add_job, delete_job, update_job

bp = Blueprint("api_jobs", __name__, url_prefix="/api/jobs")

#: The filters of the list; each must fit.
FILTERS = ("status", "company", "city", "agent", "search")


@bp.get("")
@needs_scope(Scope.READ)
def list_jobs() -> dict[str, Any]:
    """The jobs that are not deleted, paused ones too, by number."""
    page = asked_page()
    filters = {name: request.args.get(name, "") for name in FILTERS}
    _check_status(filters["status"])
    jobs, total = page_of_jobs(**filters, limit=page.limit, offset=page.offset)
    return page.answer([job.as_dict() for job in jobs], total)


@bp.get("/<int:job_id>")
@needs_scope(Scope.READ)
def show_job(job_id: int) -> dict[str, Any]:
    """One job."""
    return find_job(job_id).as_dict()


@bp.get("/<int:job_id>/history")
@needs_scope(Scope.READ)
def show_history(job_id: int) -> dict[str, Any]:
    """The entries of a job: newest cycle first, and in it what was concluded last."""
    page = asked_page()
    status = request.args.get("status", "")
    _check_status(status, Status.PENDING)
    find_job(job_id)
    entries, total = page_of_history(job_id, status, page.limit, page.offset)
    return page.answer([entry.as_dict() for entry in entries], total)


@bp.post("")
@needs_scope(Scope.WRITE)
def create_job() -> ResponseReturnValue:
    """Add a job."""
    job = add_job(_fields(), current_settings().job_defaults, datetime.now(UTC), actor())
    return job.as_dict(), 201, {"Location": url_for("api_jobs.show_job", job_id=job.id)}


@bp.put("/<int:job_id>")
@needs_scope(Scope.WRITE)
def change_job(job_id: int) -> dict[str, Any]:
    """Change the fields that are named; with ``version``, only if nobody else has meanwhile."""
    fields = _fields()
    version = fields.pop("version", None)
    if version is not None and (not isinstance(version, int) or isinstance(version, bool)):
        raise ProblemError(422, "version cannot be used", "a whole number is wanted")
    return update_job(
        job_id, fields, current_settings().job_defaults, datetime.now(UTC), actor(), version
    ).as_dict()


@bp.delete("/<int:job_id>")
@needs_scope(Scope.WRITE)
def remove_job(job_id: int) -> ResponseReturnValue:
    """Hide a job; its entries and files stay."""
    delete_job(job_id, datetime.now(UTC), actor())
    return "", 204


def _fields() -> dict[str, Any]:
    """The fields that the body names; what a job bears besides may be sent back unchanged."""
    if not request.is_json:
        raise ProblemError(415, "JSON is wanted", "send Content-Type: application/json")
    body = request.get_json()
    if not isinstance(body, dict):
        raise ProblemError(422, "An object is wanted", 'such as {"city": "Douala"}')
    shown_only = {*ExpectedBackupJob.PUBLIC, "version"} - {*EDITABLE, "version"}
    return {name: value for name, value in body.items() if name not in shown_only}


def _check_status(wanted: str, *more: Status) -> None:
    allowed = [status.value for status in Status if status is not Status.PENDING]
    allowed += [status.value for status in more]
    if wanted and wanted not in allowed:
        raise ProblemError(400, "status cannot be used", f"one of {', '.join(allowed)} is wanted")
