"""A reader's own account: password, language, time zone, sessions."""

from __future__ import annotations

from zoneinfo import available_timezones

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from backupmon.core.accounts import AccountRefusedError, Role
from backupmon.core.job_fields import split_recipients
from backupmon.core.job_spec import FieldFault
from backupmon.core.words import to_translate
from backupmon.language import LANGUAGES
from backupmon.language.filters import now
from backupmon.services.account_changes import find_user_by_id
from backupmon.services.accounts import set_password, set_wishes, sign_out_everywhere
from backupmon.services.alert_recipients import set_wishes as set_mail_wishes
from backupmon.services.alert_recipients import wishes_of
from backupmon.services.log_in import TooManyTriesError, check_own_password
from backupmon.web.access import actor, needs, reader
from backupmon.web.digest_form import FIELDS, RHYTHMS, read_wishes, typed_wishes
from backupmon.web.door import repeated_faults
from backupmon.web.errors import error_response
from backupmon.web.forms import Typed, page_again, typed
from backupmon.web.sessions import sign_in, sign_out

bp = Blueprint("account", __name__, url_prefix="/account")

_PAGE = "pages/account/account.html"
_NOT_YOURS = to_translate("is not your password")
_NO_ZONE = to_translate("is no time zone that is known here")
_NO_LANGUAGE = to_translate("is not spoken here")


@bp.get("")
@needs(Role.VIEWER)
def index() -> ResponseReturnValue:
    """Show it."""
    return render_template(_PAGE, **_all(_own_wishes(), Typed()))


@bp.post("/password")
@needs(Role.VIEWER)
def change_password() -> ResponseReturnValue:
    """Change the password, which ends all sessions but this one."""
    user = find_user_by_id(reader().id)
    current, new = request.form.get("current", ""), request.form.get("password", "")
    faults = repeated_faults(new)
    try:
        if not check_own_password(user, current, request.remote_addr, now()):
            faults.insert(0, FieldFault("current", _NOT_YOURS))
        if not faults:
            sign_in(set_password(user.id, new, actor(), now()))
            flash(_("Your password is changed; all other sessions have ended."), "good")
            return redirect(url_for(".index"))
    except TooManyTriesError as error:
        seconds = max(1, int(error.wait.total_seconds()) + 1)
        return error_response(429, headers={"Retry-After": str(seconds)})
    except AccountRefusedError as error:
        faults = error.faults
    return page_again(_PAGE, **_all(_own_wishes(), Typed({}, faults)))


@bp.post("/wishes")
@needs(Role.VIEWER)
def change_wishes() -> ResponseReturnValue:
    """Keep the language and the time zone to read in."""
    form = typed(["language", "timezone"])
    language, timezone = form.value("language"), form.value("timezone").strip()
    if language and language not in LANGUAGES:
        form.faults.append(FieldFault("language", _NO_LANGUAGE))
    if timezone and timezone not in available_timezones():
        form.faults.append(FieldFault("timezone", _NO_ZONE))
    if form.faults:
        return page_again(_PAGE, **_all(form, Typed()))
    set_wishes(reader().id, language or None, timezone or None, now())
    flash(_("Saved."), "good")
    return redirect(url_for(".index"))


@bp.post("/digest")
@needs(Role.VIEWER)
def change_digest() -> ResponseReturnValue:
    """Keep which mails the reader wants; for those whose name is the address they are known by."""
    address = _own_address()
    if address is None:
        return error_response(404)
    form = typed(FIELDS)
    wishes = read_wishes(form)
    if wishes is None:
        return page_again(_PAGE, **_all(_own_wishes(), Typed()) | {"digest": form})
    set_mail_wishes(address, wishes, actor(), now())
    flash(_("Saved."), "good")
    return redirect(url_for(".index"))


@bp.post("/sign-out-everywhere")
@needs(Role.VIEWER)
def end_sessions() -> ResponseReturnValue:
    """End all sessions of the reader, this one too."""
    sign_out_everywhere(reader().id, actor(), now())
    sign_out()
    return redirect(url_for("door.login"))


def _own_address() -> str | None:
    """The reader's mail address, where it is known: as their name."""
    name = reader().name
    return name if split_recipients(name) == ((name,), ()) else None


def _own_wishes() -> Typed:
    return Typed({"language": reader().language or "", "timezone": reader().timezone or ""})


def _all(wishes: Typed, password: Typed) -> dict[str, object]:
    address = _own_address()
    return {
        "wishes": wishes,
        "password": password,
        "timezones": sorted(available_timezones()),
        "digest": typed_wishes(wishes_of(address)) if address else None,
        "rhythms": RHYTHMS,
        "languages_to_choose": list(LANGUAGES.items()),
    }
