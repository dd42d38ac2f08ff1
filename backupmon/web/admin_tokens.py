"""Keys for programs, for admins."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from backupmon.core.accounts import AccountRefusedError, Role, Scope
from backupmon.core.job_spec import FieldFault
from backupmon.core.words import to_translate
from backupmon.language.filters import now
from backupmon.services.tokens import create_token, list_tokens, revoke_token
from backupmon.web.access import actor, require
from backupmon.web.forms import Typed, typed
from backupmon.web.roles import SCOPE_WORDS

bp = Blueprint("admin_tokens", __name__, url_prefix="/admin/tokens")

_NO_SCOPE = to_translate("is none of those that there are")


@bp.before_request
def _only_admins() -> ResponseReturnValue | None:
    return require(Role.ADMIN)


@bp.get("")
def index() -> ResponseReturnValue:
    """List them, with the form for one more."""
    return _page(200, Typed({"scope": Scope.READ.value}))


@bp.post("")
def create() -> ResponseReturnValue:
    """Make one, and show it this once."""
    form = typed(["name", "scope"])
    try:
        scope = Scope(form.value("scope"))
    except ValueError:
        form.faults.append(FieldFault("scope", _NO_SCOPE))
        return _page(422, form)
    try:
        _token, secret = create_token(form.value("name"), scope, actor(), now())
    except AccountRefusedError as error:
        form.faults += error.faults
        return _page(422, form)
    # No redirect: the secret would have to be kept somewhere on the way.
    return _page(200, Typed({"scope": Scope.READ.value}), secret)


@bp.post("/<int:token_id>/revoke")
def revoke(token_id: int) -> ResponseReturnValue:
    """Let the program in no more."""
    token = revoke_token(token_id, actor(), now())
    flash(_("%(name)s is revoked.", name=token.name), "good")
    return redirect(url_for(".index"))


def _page(code: int, form: Typed, secret: str = "") -> tuple[str, int]:
    page = render_template(
        "pages/admin/tokens.html",
        tokens=list_tokens(),
        scopes=[(scope.value, words) for scope, words in SCOPE_WORDS.items()],
        form=form,
        secret=secret,
    )
    return page, code
