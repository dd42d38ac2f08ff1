"""Pausing, resuming and deleting the jobs that are ticked in the list, after asking once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from backupmon.core.accounts import Role
from backupmon.core.job_spec import FieldFault
from backupmon.language.filters import now
from backupmon.services.job_bulk import (
    BulkAction,
    Chosen,
    MovedOnError,
    change_together,
    chosen_jobs,
)
from backupmon.services.jobs import JobRefusedError
from backupmon.web.access import actor, needs
from backupmon.web.days import NO_DATE, beginning_if_given
from backupmon.web.forms import Typed, typed
from backupmon.web.selecting import args_of, ids_of, selection_from

bp = Blueprint("job_bulk", __name__, url_prefix="/jobs/bulk/<action>")


@bp.get("")
@needs(Role.OPERATOR)
def confirm(action: str) -> ResponseReturnValue:
    """What would be done, and to which jobs."""
    wanted = _action(action)
    chosen = chosen_jobs(ids_of(request.args.getlist("job")))
    return _page(wanted, chosen, Typed()) if chosen.jobs else _nothing_chosen(request.args)


@bp.post("")
@needs(Role.OPERATOR)
def act(action: str) -> ResponseReturnValue:
    """Do it to all of them, provided that they are still as the page showed them."""
    wanted, versions = _action(action), _versions()
    if not versions:
        return _nothing_chosen(request.form)
    form = typed(("paused_until",))
    try:
        until = beginning_if_given(form.value("paused_until"))
        done = change_together(wanted, versions, until, now(), actor())
    except ValueError:
        form.faults.append(FieldFault("paused_until", NO_DATE))
    except JobRefusedError as error:
        form.faults += error.faults
    except MovedOnError as error:
        return _page(wanted, chosen_jobs(list(versions)), form, error)
    else:
        flash(_told(wanted, done), "good")
        return redirect(url_for("dashboard.index", **_place(request.form)))
    return _page(wanted, chosen_jobs(list(versions)), form)


def _action(word: str) -> BulkAction:
    return BulkAction(word) if word in set(BulkAction) else abort(404)


def _versions() -> dict[int, int]:
    """The jobs of the form, each with the version that its page showed, as ``3.7``."""
    pairs = (word.partition(".") for word in request.form.getlist("job"))
    numbers = ((ids_of([job]), ids_of([version])) for job, _dot, version in pairs)
    return {job[0]: version[0] for job, version in numbers if job and version}


def _page(
    action: BulkAction, chosen: Chosen, form: Typed, moved: MovedOnError | None = None
) -> ResponseReturnValue:
    place = _place(request.values)
    if not chosen.jobs:
        flash(_("None of these jobs is there any more: somebody else deleted them."), "warning")
        return redirect(url_for("dashboard.index", **place))
    ticked = "-".join(str(job.id) for job in chosen.jobs)
    told: dict[str, Any] = {
        "action": action.value,
        "chosen": chosen,
        "form": form,
        "moved": moved,
        "place": place,
        "cancel": url_for("dashboard.index", **place, ticked=ticked),
    }
    status = 409 if moved else 422 if form.faults else 200
    return render_template("pages/jobs/bulk.html", **told), status


def _nothing_chosen(args: Mapping[str, str]) -> ResponseReturnValue:
    flash(_("No job is ticked. Tick those that you mean, then choose what to do."), "warning")
    return redirect(url_for("dashboard.index", **_place(args)))


def _place(args: Mapping[str, str]) -> dict[str, Any]:
    """The part of the list that was looked at."""
    return dict(args_of(selection_from(args)))


def _told(action: BulkAction, done: int) -> str:
    if not done:
        return str(_("Nothing had to be changed: all of them are like that already."))
    if action is BulkAction.PAUSE:
        told = ngettext(
            "One job is paused. What arrives is judged and stored all the same.",
            "%(number)s jobs are paused. What arrives is judged and stored all the same.",
            done,
            number=done,
        )
    elif action is BulkAction.RESUME:
        told = ngettext(
            "One job is expected again, from its next due time on.",
            "%(number)s jobs are expected again, each from its next due time on.",
            done,
            number=done,
        )
    else:
        told = ngettext(
            "One job is deleted. Adding the same agent and database brings it back.",
            "%(number)s jobs are deleted. Adding the same agent and database brings one back.",
            done,
            number=done,
        )
    return str(told)
