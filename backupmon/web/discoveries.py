"""Databases that agents report and no job expects: adopt them, or hear of them no more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from backupmon.application import current_settings
from backupmon.core.accounts import Role
from backupmon.language.filters import now
from backupmon.services.discoveries import (
    Wanted,
    adopt_chosen,
    chosen_discoveries,
    guess_jobs,
    ignore_discoveries,
    load_discoveries,
    restore_discovery,
)
from backupmon.services.job_drafts import RowFaults, RowsRefusedError
from backupmon.web.access import actor, needs
from backupmon.web.forms import Typed, typed
from backupmon.web.selecting import page_from

bp = Blueprint("discoveries", __name__, url_prefix="/discoveries")

#: What may be said of all that are adopted at once; the rest is guessed for each.
COMMON = ("company_name", "city", "schedule", "timezone")
_FIELDS = ("q", "agent")
_MOST_CHARACTERS = 300


@bp.get("")
@needs(Role.VIEWER)
def index() -> ResponseReturnValue:
    """What was discovered and nobody ignores; with ``?show=ignored``, the others."""
    form = Typed({name: request.args.get(name, "")[:_MOST_CHARACTERS].strip() for name in _FIELDS})
    ignored = request.args.get("show") == "ignored"
    page = page_from(request.args.get("page", ""))
    wanted = Wanted(form.value("q"), form.value("agent"), ignored, page)
    kept = {name: value for name, value in form.values.items() if value}
    return render_template(
        "pages/discoveries/index.html",
        found=load_discoveries(wanted),
        form=form,
        wanted=wanted,
        kept={**kept, **({"show": "ignored"} if ignored else {})},
        is_filtered=bool(kept),
    )


@bp.post("/chosen")
@needs(Role.OPERATOR)
def choose() -> ResponseReturnValue:
    """Go on with those that were checked: ignore them, or have a look before they are adopted."""
    single = request.form.get("ignore", "")
    ids = _numbers([single] if single else request.form.getlist("id"))
    if not ids:
        flash(_("Check the databases that you mean, then choose what to do with them."), "warning")
        return redirect(url_for("discoveries.index"))
    if single or request.form.get("act") == "ignore":
        return _ignore(ids)
    return redirect(url_for("discoveries.review", id=ids))


@bp.get("/adopt")
@needs(Role.OPERATOR)
def review() -> ResponseReturnValue:
    """What would be adopted, and with which fields."""
    ids = _numbers(request.args.getlist("id"))
    form = Typed({name: request.args.get(name, "")[:_MOST_CHARACTERS] for name in COMMON})
    return _reviewed(ids, form, ())


@bp.post("/adopt")
@needs(Role.OPERATOR)
def adopt() -> ResponseReturnValue:
    """Adopt them all, or none where something is wrong."""
    ids = _numbers(request.form.getlist("id"))
    form = typed(COMMON)
    if request.form.get("act") == "look":
        given: dict[str, Any] = {name: value for name, value in form.values.items() if value}
        return redirect(url_for("discoveries.review", id=ids, **given))
    try:
        done = adopt_chosen(ids, form.values, current_settings().job_defaults, now(), actor())
    except RowsRefusedError as error:
        return _reviewed(ids, form, error.rows)
    number = len(done.adopted)
    if number:
        told = ngettext(
            "One database is expected from now on.",
            "%(number)s databases are expected from now on.",
            number,
            number=number,
        )
        flash(told, "good")
    if done.gone:
        flash(_told_gone(done.gone), "warning")
    if number == 1:
        return redirect(url_for("job.show", job_id=done.adopted[0].job.id))
    return redirect(url_for("discoveries.index"))


@bp.post("/<int:discovery_id>/restore")
@needs(Role.OPERATOR)
def restore(discovery_id: int) -> ResponseReturnValue:
    """Let one that was ignored be a discovery again."""
    found = restore_discovery(discovery_id, now(), actor())
    told = _("%(name)s is a discovery again.", name=f"{found.agent_id}/{found.database_name}")
    flash(told, "good")
    return redirect(url_for("discoveries.index"))


def _ignore(ids: list[int]) -> ResponseReturnValue:
    number = ignore_discoveries(ids, now(), actor())
    told = ngettext(
        "One database is ignored from now on.",
        "%(number)s databases are ignored from now on.",
        number,
        number=number,
    )
    flash(" ".join((told, _("Ask for the ignored ones to have them back."))), "good")
    return redirect(url_for("discoveries.index"))


def _reviewed(ids: list[int], form: Typed, refused: Iterable[RowFaults]) -> ResponseReturnValue:
    """The list to confirm; where nothing of it is left, why."""
    discoveries = chosen_discoveries(ids)
    if not discoveries:
        flash(_told_gone(len(ids)) if ids else _("Nothing was chosen."), "warning")
        return redirect(url_for("discoveries.index"))
    faults = {row.place: row.faults for row in refused}
    told: dict[str, Any] = {
        "guessed": guess_jobs(discoveries, form.values, current_settings().job_defaults),
        "gone": _told_gone(len(ids) - len(discoveries)) if len(discoveries) < len(ids) else "",
        "form": form,
        "faults": faults,
    }
    return render_template("pages/discoveries/review.html", **told), 422 if faults else 200


def _told_gone(number: int) -> str:
    return str(
        ngettext(
            "One of them is no discovery any more: somebody else has adopted it meanwhile.",
            "%(number)s of them are no discoveries any more: somebody else has adopted them "
            "meanwhile.",
            number,
            number=number,
        )
    )


def _numbers(words: Iterable[str]) -> list[int]:
    """Each once; what is no number is that of nothing."""
    found = (int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 11)
    return list(dict.fromkeys(found))
