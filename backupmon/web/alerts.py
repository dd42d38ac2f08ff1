"""The alerts: what waits, what fails and why, what was sent; each mail as it reads."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request
from flask import url_for as url
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from backupmon.application import current_settings
from backupmon.core.accounts import Role
from backupmon.core.errors import RefusedError
from backupmon.core.job_spec import FieldFault
from backupmon.language.filters import now
from backupmon.queue import QueueDownError
from backupmon.services.alert_list import Wanted, find_alerts, list_waiting_mails, mail_standing
from backupmon.services.alerts import send_trial, try_again
from backupmon.services.channels import channel_names
from backupmon.services.mail_server import MailRefusedError, MailServerError
from backupmon.services.previews import Preview, preview_message, preview_waiting
from backupmon.services.silences import list_silences
from backupmon.web.access import actor, needs
from backupmon.web.alert_words import KIND_WORDS, STATE_WORDS
from backupmon.web.forms import Typed, typed
from backupmon.web.protection import CONTENT_SECURITY_POLICY
from backupmon.web.selecting import page_from

bp = Blueprint("alerts", __name__, url_prefix="/alerts")

_FILTERS = ("state", "kind", "recipient", "agent")
#: A page that shows a mail in a frame, and the mail: it may be styled, and do nothing at all.
_WITH_FRAME = f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"
_IN_FRAME = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)


@bp.get("")
@needs(Role.VIEWER)
def index() -> ResponseReturnValue:
    """All of it."""
    return _page(200, Typed())


@bp.get("/mail")
@needs(Role.VIEWER)
def waiting() -> ResponseReturnValue:
    """The mail that ``?to=`` would get now."""
    return _preview(preview_waiting(current_settings(), _recipient(), now()))


@bp.get("/mail/html")
@needs(Role.VIEWER)
def waiting_html() -> ResponseReturnValue:
    """Its HTML, for a frame."""
    return _html(preview_waiting(current_settings(), _recipient(), now()))


@bp.get("/messages/<int:message_id>")
@needs(Role.VIEWER)
def message(message_id: int) -> ResponseReturnValue:
    """One mail."""
    return _preview(preview_message(current_settings(), message_id, now()))


@bp.get("/messages/<int:message_id>/html")
@needs(Role.VIEWER)
def message_html(message_id: int) -> ResponseReturnValue:
    """Its HTML, for a frame."""
    return _html(preview_message(current_settings(), message_id, now()))


@bp.post("/retry")
@needs(Role.OPERATOR)
def retry() -> ResponseReturnValue:
    """Try at once all that waits for its next try."""
    return _try_again()


@bp.post("/messages/<int:message_id>/retry")
@needs(Role.OPERATOR)
def retry_one(message_id: int) -> ResponseReturnValue:
    """Try one at once."""
    return _try_again(message_id)


@bp.post("/test")
@needs(Role.OPERATOR)
def test() -> ResponseReturnValue:
    """Send a mail on trial."""
    form = typed(("address",))
    try:
        sent_to = send_trial(current_settings(), form.value("address"), actor(), now())
    except (RefusedError, MailServerError, MailRefusedError) as error:
        form.faults.append(FieldFault("address", error.message, error.hint))
        return _page(422, form)
    flash(_("The mail server took a mail to %(address)s.", address=sent_to), "good")
    return redirect(url(".index"))


def _try_again(message_id: int | None = None) -> ResponseReturnValue:
    try:
        found = try_again(current_settings(), actor(), now(), message_id)
    except QueueDownError as error:
        told = _("Nobody can send now: %(reason)s.", reason=error.message)
        follows = _("What waits goes out with the next scan.")
        flash(f"{told} {follows}", "error")
    else:
        flash(
            ngettext(
                "One mail is tried now. Reload this page to see what came of it.",
                "%(num)d mails are tried now. Reload this page to see what came of it.",
                found,
            )
            if found
            else _("Nothing waits for another try."),
            "good",
        )
    return redirect(url(".index"))


def _page(code: int, trial: Typed) -> tuple[str, int]:
    settings = current_settings()
    # No database takes a NUL, and none of these can have one.
    given = {name: request.args.get(name, "").replace("\0", "\ufffd") for name in _FILTERS}
    form = Typed({name: value.strip() for name, value in given.items()})
    state, kind = form.value("state"), form.value("kind")
    wanted = Wanted(
        state if state in STATE_WORDS else "",
        kind if kind in KIND_WORDS else "",
        form.value("recipient"),
        form.value("agent"),
    )
    page = render_template(
        "pages/alerts/index.html",
        standing=mail_standing(settings),
        mails=list_waiting_mails(),
        silences=list_silences(now()),
        found=find_alerts(wanted, page_from(request.args.get("page", ""))),
        form=form,
        kept={name: value for name, value in form.values.items() if value},
        states=[("", _("all")), *STATE_WORDS.items()],
        kinds=[("", _("all")), *KIND_WORDS.items()],
        kind_words=KIND_WORDS,
        channels=channel_names(),
        state_words=STATE_WORDS,
        trial=trial,
    )
    return page, code


def _recipient() -> str:
    return request.args.get("to", "").replace("\0", "")


def _preview(found: Preview) -> Response:
    source = (
        url(".message_html", message_id=found.message.id)
        if found.message is not None and (found.message.is_digest or found.message.state != "open")
        else url(".waiting_html", to=found.recipient)
    )
    page = render_template("pages/alerts/mail.html", found=found, source=source)
    return make_response(page, {"Content-Security-Policy": _WITH_FRAME})


def _html(found: Preview) -> Response:
    headers = {"Content-Security-Policy": _IN_FRAME, "X-Frame-Options": "SAMEORIGIN"}
    return make_response(found.html, headers)
