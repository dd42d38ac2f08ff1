"""What an operator does to hear less of a job, or to hear of it again."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from backupmon.application import current_settings
from backupmon.core.accounts import Role
from backupmon.core.errors import RefusedError
from backupmon.core.job_spec import FieldFault
from backupmon.core.words import to_translate
from backupmon.language.filters import now
from backupmon.services.silences import acknowledge_job, end_silence, snooze_job
from backupmon.web.access import actor, needs
from backupmon.web.days import NO_DATE, beginning_of
from backupmon.web.forms import Typed, page_again, typed
from backupmon.web.job_page import told_of
from backupmon.web.next_page import safe_next

bp = Blueprint("job_silences", __name__, url_prefix="/jobs/<int:job_id>")

_PAST = to_translate("is in the past")
_NOTHING_WRONG = to_translate("Nothing is wrong with it: snooze it to hear nothing for a while.")
_SNOOZED = _l("Nothing is told of its trouble until then.")


@bp.post("/snooze")
@needs(Role.OPERATOR)
def snooze(job_id: int) -> ResponseReturnValue:
    """Tell nothing of its trouble until a date."""
    form = typed(("snooze_until", "snooze_note"))
    try:
        until = beginning_of(form.value("snooze_until").strip())
    except ValueError:
        return _again(job_id, form, FieldFault("snooze_until", NO_DATE))
    try:
        snooze_job(job_id, until, actor(), now(), form.value("snooze_note").strip())
    except RefusedError:
        return _again(job_id, form, FieldFault("snooze_until", _PAST))
    flash(str(_SNOOZED), "good")
    return redirect(url_for("job.show", job_id=job_id))


@bp.post("/acknowledge")
@needs(Role.OPERATOR)
def acknowledge(job_id: int) -> ResponseReturnValue:
    """Tell no more of the trouble it has."""
    form = typed(("acknowledge_note",))
    try:
        acknowledge_job(job_id, actor(), now(), form.value("acknowledge_note").strip())
    except RefusedError:
        return _again(job_id, form, FieldFault("acknowledge_note", _NOTHING_WRONG))
    flash(_("Its trouble is known: nothing more is told, until it is over or another."), "good")
    return redirect(url_for("job.show", job_id=job_id))


@bp.post("/unsilence")
@needs(Role.OPERATOR)
def unsilence(job_id: int) -> ResponseReturnValue:
    """Tell of its trouble again, at once if it lasts."""
    if end_silence(current_settings(), job_id, actor(), now()):
        flash(_("It is told of again; if its trouble lasts, with the next mail."), "good")
    back = request.form.get("next")
    return redirect(safe_next(back) if back else url_for("job.show", job_id=job_id))


def _again(job_id: int, form: Typed, fault: FieldFault) -> ResponseReturnValue:
    form.faults.append(fault)
    return page_again("pages/jobs/show.html", **told_of(job_id), silencing=form)
