"""The door: log in, log out, and make the first admin with the link that the server printed."""

from __future__ import annotations

from math import ceil

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from backupmon.core.accounts import AccountRefusedError
from backupmon.core.job_spec import FieldFault
from backupmon.core.words import to_translate
from backupmon.language.filters import now
from backupmon.services.log_in import TooManyTriesError, log_in
from backupmon.services.setup import check_setup, has_users, use_setup
from backupmon.web.forms import Typed, page_again, typed
from backupmon.web.next_page import safe_next
from backupmon.web.sessions import sign_in, sign_out

bp = Blueprint("door", __name__)

_WRONG = to_translate("Name and password do not fit together, or the account is disabled.")
_TOO_MANY = to_translate("There were too many tries. Wait a minute, then try again.")
_DIFFER = to_translate("is not the same as above")


@bp.get("/login")
def login() -> ResponseReturnValue:
    """Ask who it is."""
    if g.reader is not None:
        return redirect(safe_next(request.args.get("next")))
    return _door(200, Typed(), request.args.get("next"))


@bp.post("/login")
def enter() -> ResponseReturnValue:
    """Let in whoever says who they are and what only they know."""
    form = typed(["username"])
    back = request.form.get("next") or request.args.get("next")
    password = request.form.get("password", "")
    try:
        user = log_in(form.value("username"), password, request.remote_addr, now())
    except TooManyTriesError as error:
        form.faults.append(FieldFault("", _TOO_MANY))
        response = _door(429, form, back)
        response.headers["Retry-After"] = str(max(1, ceil(error.wait.total_seconds())))
        return response
    if user is None:
        form.faults.append(FieldFault("", _WRONG))
        return _door(422, form, back)
    sign_in(user)
    return redirect(safe_next(back))


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    """End the session of this browser."""
    sign_out()
    return redirect(url_for(".login"))


@bp.get("/setup/<secret>")
def setup(secret: str) -> ResponseReturnValue:
    """Ask for the name and the password of the first admin."""
    check_setup(secret)
    return render_template("pages/door/setup.html", form=Typed())


@bp.post("/setup/<secret>")
def set_up(secret: str) -> ResponseReturnValue:
    """Make the first admin, and sign them in."""
    check_setup(secret)
    form = typed(["username"])
    password = request.form.get("password", "")
    form.faults += repeated_faults(password)
    if not form.faults:
        try:
            sign_in(use_setup(secret, form.value("username"), password, now()))
            return redirect(safe_next(None))
        except AccountRefusedError as error:
            form = Typed(form.values, error.faults).renamed(name="username")
    return page_again("pages/door/setup.html", form=form)


def repeated_faults(password: str) -> list[FieldFault]:
    """A fault where the form has a second field for the password, and it differs."""
    again = request.form.get("password_again", password)
    return [] if again == password else [FieldFault("password_again", _DIFFER)]


def _door(code: int, form: Typed, back: str | None) -> Response:
    page = render_template(
        "pages/door/login.html", form=form, back=safe_next(back), is_new=not has_users()
    )
    return make_response(page, code)
