"""What an operator does with quarantined files: accept a changed one, delete one or several."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from backupmon.application import current_settings
from backupmon.core.accounts import Role
from backupmon.core.errors import BackupmonError, NotFoundError
from backupmon.core.text import one_line
from backupmon.language.filters import sentence
from backupmon.language.phrases import say_server
from backupmon.language.wording import say_number, say_size
from backupmon.models import StoredBackup, StoredState
from backupmon.services.locking import ScanRunningError
from backupmon.services.quarantine import (
    NotAcceptableError,
    Operator,
    accept_quarantined,
    delete_quarantined,
    delete_several,
    last_act_on,
    load_chosen,
    select_ids,
)
from backupmon.web.access import actor, require
from backupmon.web.forms import typed
from backupmon.web.kept_selecting import kept_selection_from, row_id
from backupmon.web.quarantine import told_of_file, told_of_list

bp = Blueprint("quarantine_actions", __name__, url_prefix="/quarantine")

#: Files that are deleted at once; and characters of a reason.
_MOST_AT_ONCE = 1000
_MOST_SAID = 1000


@bp.before_request
def _only_operators() -> ResponseReturnValue | None:
    return require(Role.OPERATOR)


@bp.post("/<int:entry_id>/accept")
def accept(entry_id: int) -> ResponseReturnValue:
    """Let a changed file be the last good copy of its job."""

    def act() -> str:
        row = accept_quarantined(current_settings(), entry_id, _operator())
        if row.state == StoredState.MOVING.value:
            told = _("%(job)s: accepted. The next scan puts the file in its place.", job=_job(row))
        else:
            told = _("%(job)s: accepted. It is the last good copy now.", job=_job(row))
        return str(told)

    return _act(entry_id, act)


@bp.post("/<int:entry_id>/delete")
def delete(entry_id: int) -> ResponseReturnValue:
    """Delete a file for ever."""

    def act() -> str:
        row = delete_quarantined(current_settings(), entry_id, _operator())
        told = _("%(file)s is deleted, %(size)s.", file=row.file_name, size=say_size(row.size))
        return str(told)

    return _act(entry_id, act)


@bp.post("/delete")
def delete_chosen() -> ResponseReturnValue:
    """Delete several: what would be lost is told first, then it is done."""
    wanted = _chosen_ids()
    if not wanted:
        notice = _("Nothing is chosen. Tick the files to delete first.")
        return render_template("pages/quarantine/index.html", notice=notice, **told_of_list()), 422
    if "sure" not in request.form:
        return _ask(wanted)
    try:
        done = delete_several(current_settings(), wanted, _operator())
    except ScanRunningError:
        return _ask(wanted, _scan_runs(), 409)
    told = ngettext(
        "%(number)s file is deleted, %(size)s.",
        "%(number)s files are deleted, %(size)s.",
        done.files,
        number=say_number(done.files),
        size=say_size(done.size),
    )
    flash(told, "good")
    if done.gone:
        gone = ngettext(
            "%(number)s lay there no longer.",
            "%(number)s lay there no longer.",
            done.gone,
            number=say_number(done.gone),
        )
        flash(gone, "warning")
    if done.fault is not None:
        flash(_("The others are not: %(reason)s", reason=say_server(done.fault.message)), "error")
    return redirect(url_for("quarantine.index"))


def _act(entry_id: int, act: Callable[[], str]) -> ResponseReturnValue:
    """Do it, and tell what came of it: also when somebody else was faster, or a scan runs."""
    try:
        flash(act(), "good")
    except NotFoundError:
        if last_act_on(entry_id) is None:
            raise
        # Its page tells who was faster.
        return redirect(url_for("quarantine.show", entry_id=entry_id))
    except ScanRunningError:
        return _again(entry_id, _scan_runs(), 409)
    except NotAcceptableError as error:
        told = f"{sentence(say_server(error.message))} {sentence(say_server(error.hint))}"
        return _again(entry_id, told, 422)
    except BackupmonError as error:
        told = _("Nothing was changed: %(reason)s", reason=say_server(error.message))
        return _again(entry_id, f"{sentence(told)} {sentence(say_server(error.hint))}", 409)
    return redirect(url_for("quarantine.index"))


def _again(entry_id: int, notice: str, code: int) -> ResponseReturnValue:
    """The page of the file, with why it was not done."""
    told = told_of_file(entry_id) | {"form": typed(["reason"]), "notice": notice}
    return render_template("pages/quarantine/show.html", **told), code


def _ask(wanted: list[int], notice: str = "", code: int = 200) -> ResponseReturnValue:
    """What would be lost."""
    files, without_copy = load_chosen(wanted)
    page = render_template(
        "pages/quarantine/delete.html",
        files=files,
        without_copy=without_copy,
        form=typed(["reason"]),
        notice=notice,
        most=_MOST_AT_ONCE,
        is_cut=len(wanted) >= _MOST_AT_ONCE,
    )
    return page, code


def _chosen_ids() -> list[int]:
    """The entries that were ticked or asked about, or all that the filter finds."""
    if "all" in request.form:
        return select_ids(kept_selection_from(request.form), _MOST_AT_ONCE)
    words = [*request.form.getlist("entry"), *request.form.get("entries", "").split(",")]
    found = [row_id(word.strip()) for word in words[:_MOST_AT_ONCE]]
    return list(dict.fromkeys(one for one in found if one is not None))


def _scan_runs() -> str:
    told = _("A scan runs at this moment, so nothing was changed. Try again when it has ended.")
    return str(told)


def _operator() -> Operator:
    return Operator(actor(), one_line(request.form.get("reason", ""), _MOST_SAID))


def _job(row: StoredBackup) -> str:
    title: str = row.job.title
    return title
