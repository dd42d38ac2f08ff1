"""Who may use the pages, for admins."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from backupmon.core.accounts import AccountRefusedError, Role
from backupmon.core.job_spec import FieldFault
from backupmon.core.words import to_translate
from backupmon.language.filters import now
from backupmon.models import User
from backupmon.services import accounts
from backupmon.services.account_changes import LastAdminError
from backupmon.web.access import actor, require
from backupmon.web.forms import Typed, typed
from backupmon.web.roles import ROLE_WORDS

bp = Blueprint("admin_users", __name__, url_prefix="/admin/users")

_LAST_ADMIN = to_translate("That is the last active admin. Make another user an admin first.")
_NO_ROLE = to_translate("is none of those that there are")


@bp.before_request
def _only_admins() -> ResponseReturnValue | None:
    return require(Role.ADMIN)


@bp.get("")
def index() -> ResponseReturnValue:
    """List them, with the form for one more."""
    return _page(200, Typed({"role": Role.VIEWER.value}))


@bp.post("")
def create() -> ResponseReturnValue:
    """Add one."""
    form = typed(["name", "role"])
    role = _role(form)
    if role is None:
        return _page(422, form)
    try:
        user = accounts.create_user(
            form.value("name"), role, request.form.get("password", ""), actor(), now()
        )
    except AccountRefusedError as error:
        form.faults += error.faults
        return _page(422, form)
    flash(_("%(name)s is added.", name=user.name), "good")
    return redirect(url_for(".index"))


@bp.post("/<int:user_id>/role")
def change_role(user_id: int) -> ResponseReturnValue:
    """Let one do more or less."""
    form = typed(["role"])
    role = _role(form)
    if role is None:
        return _page(422, form, user_id)
    return _change(user_id, lambda: accounts.change_role(user_id, role, actor(), now()))


@bp.post("/<int:user_id>/password")
def set_password(user_id: int) -> ResponseReturnValue:
    """Give one a new password."""
    password = request.form.get("password", "")
    return _change(user_id, lambda: accounts.set_password(user_id, password, actor(), now()))


@bp.post("/<int:user_id>/disable")
def disable(user_id: int) -> ResponseReturnValue:
    """Let one in no more."""
    return _change(user_id, lambda: accounts.disable_user(user_id, actor(), now()))


@bp.post("/<int:user_id>/enable")
def enable(user_id: int) -> ResponseReturnValue:
    """Let one in again."""
    return _change(user_id, lambda: accounts.enable_user(user_id, actor(), now()))


@bp.post("/<int:user_id>/delete")
def delete(user_id: int) -> ResponseReturnValue:
    """Forget one."""
    return _change(user_id, lambda: accounts.delete_user(user_id, actor(), now()))


def _change(user_id: int, change: Callable[[], User]) -> ResponseReturnValue:
    try:
        user = change()
    except LastAdminError:
        return _page(422, Typed({}, [FieldFault("", _LAST_ADMIN)]), user_id)
    except AccountRefusedError as error:
        return _page(422, Typed({}, error.faults), user_id)
    flash(_("%(name)s is changed.", name=user.name), "good")
    return redirect(url_for(".index"))


def _role(form: Typed) -> Role | None:
    try:
        return Role(form.value("role"))
    except ValueError:
        form.faults.append(FieldFault("role", _NO_ROLE))
        return None


def _page(code: int, form: Typed, user_id: int | None = None) -> tuple[str, int]:
    """The list; `form` is that of the user `user_id`, or for a new one."""

    def form_of(user: User) -> Typed:
        own = form if user.id == user_id else Typed()
        return Typed({"role": user.role, **own.values}, own.faults)

    page = render_template(
        "pages/admin/users.html",
        users=accounts.list_users(),
        roles=[(role.value, words) for role, words in ROLE_WORDS.items()],
        new=form if user_id is None else Typed({"role": Role.VIEWER.value}),
        form_of=form_of,
        changed_id=user_id,
    )
    return page, code
