"""What an operator does with a job from its page: look now, pause, resume, delete."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from backupmon.core.accounts import Role
from backupmon.core.job_spec import FieldFault
from backupmon.language.filters import now
from backupmon.services.history import find_job
from backupmon.services.jobs import JobRefusedError, delete_job, pause_job, resume_job
from backupmon.web.access import actor, needs
from backupmon.web.days import NO_DATE, beginning_if_given
from backupmon.web.forms import page_again, typed
from backupmon.web.job_page import told_of
from backupmon.web.scans import ask_for_scan

bp = Blueprint("job_actions", __name__, url_prefix="/jobs/<int:job_id>")


@bp.post("/pause")
@needs(Role.OPERATOR)
def pause(job_id: int) -> ResponseReturnValue:
    """Expect nothing of it until a date, or until somebody resumes it."""
    try:
        until = beginning_if_given(request.form.get("paused_until", ""))
        job = pause_job(job_id, until, now(), actor())
    except ValueError:
        return _again(job_id, [FieldFault("paused_until", NO_DATE)])
    except JobRefusedError as error:
        return _again(job_id, list(error.faults))
    told = _("%(job)s is paused. What arrives is judged and stored all the same.", job=job.title)
    flash(told, "good")
    return redirect(url_for("job.show", job_id=job_id))


@bp.post("/resume")
@needs(Role.OPERATOR)
def resume(job_id: int) -> ResponseReturnValue:
    """Expect its backups again."""
    job = resume_job(job_id, now(), actor())
    flash(_("%(job)s is expected again, from its next due time on.", job=job.title), "good")
    return redirect(url_for("job.show", job_id=job_id))


@bp.post("/delete")
@needs(Role.OPERATOR)
def delete(job_id: int) -> ResponseReturnValue:
    """Hide it; its history and its files stay."""
    job = delete_job(job_id, now(), actor())
    told = _(
        "%(job)s is deleted. Adding the same agent and database brings it back with its history.",
        job=job.title,
    )
    flash(told, "good")
    return redirect(url_for("dashboard.index"))


@bp.post("/scan")
@needs(Role.OPERATOR)
def scan(job_id: int) -> ResponseReturnValue:
    """Look now for what its agent has delivered."""
    ask_for_scan(find_job(job_id).agent_id_responsible)
    return redirect(url_for("job.show", job_id=job_id))


def _again(job_id: int, faults: list[FieldFault]) -> ResponseReturnValue:
    """The page with its form, and what is wrong with it."""
    form = typed(("paused_until",), faults)
    return page_again("pages/jobs/show.html", **told_of(job_id), pausing=form)
