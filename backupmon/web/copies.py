"""Copies that jobs left behind, and what an operator does with them."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from backupmon.application import current_settings
from backupmon.core.accounts import Role
from backupmon.core.errors import BackupmonError, NotFoundError
from backupmon.core.text import one_line
from backupmon.language.filters import sentence
from backupmon.language.phrases import say_server
from backupmon.language.wording import say_size
from backupmon.services.left_copies import delete_left_copy, load_left_copies
from backupmon.services.locking import ScanRunningError
from backupmon.services.quarantine import Operator
from backupmon.web.access import actor, needs
from backupmon.web.selecting import page_from

bp = Blueprint("copies", __name__, url_prefix="/system/copies")

#: Characters of a reason.
_MOST_SAID = 1000


@bp.get("")
@needs(Role.VIEWER)
def index() -> ResponseReturnValue:
    """All of them."""
    return _page()


@bp.post("/<int:entry_id>/delete")
@needs(Role.OPERATOR)
def delete(entry_id: int) -> ResponseReturnValue:
    """Delete one for ever."""
    operator = Operator(actor(), one_line(request.form.get("reason", ""), _MOST_SAID))
    try:
        row = delete_left_copy(current_settings(), entry_id, operator)
    except NotFoundError:
        flash(_("That copy is no longer there: somebody else was faster."), "warning")
        return redirect(url_for(".index"))
    except ScanRunningError:
        told = _("A scan runs at this moment, so nothing was changed. Try again when it has ended.")
        return _page(str(told), 409)
    except BackupmonError as error:
        told = _("Nothing was changed: %(reason)s", reason=say_server(error.message))
        return _page(f"{sentence(told)} {sentence(say_server(error.hint))}", 409)
    flash(_("%(file)s is deleted, %(size)s.", file=row.path, size=say_size(row.size)), "good")
    return redirect(url_for(".index"))


def _page(notice: str = "", code: int = 200) -> tuple[str, int]:
    copies = load_left_copies(page_from(request.args.get("page", "")))
    return render_template("pages/system/copies.html", copies=copies, notice=notice), code
