"""Who is told by mail and by channels, and how, for admins."""

from __future__ import annotations

from zoneinfo import available_timezones

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from backupmon.application import current_settings
from backupmon.core.accounts import Role
from backupmon.core.channels import masked
from backupmon.core.errors import BackupmonError, RefusedError
from backupmon.core.job_spec import FieldFault
from backupmon.core.words import to_translate
from backupmon.language import LANGUAGES
from backupmon.language.filters import now
from backupmon.services.alert_recipients import (
    know_recipient,
    list_recipients,
    recipient_by_id,
    set_wishes,
    wishes_of,
)
from backupmon.services.announcing import ChannelError, is_installed
from backupmon.services.channels import add_channel, find_channel, remove_channel, try_channel
from backupmon.web.access import actor, require
from backupmon.web.digest_form import FIELDS, RHYTHMS, read_wishes, typed_wishes
from backupmon.web.forms import Typed, page_again, typed

bp = Blueprint("admin_recipients", __name__, url_prefix="/admin/recipients")

_NO_ADDRESS = to_translate("is no mail address")
_SUCH_AS = to_translate("such as ann@example.org")
_EMPTY = to_translate("is empty")
_LIST, _PAGE = "pages/admin/recipients.html", "pages/admin/recipient.html"


@bp.before_request
def _only_admins() -> ResponseReturnValue | None:
    return require(Role.ADMIN)


@bp.get("")
def index() -> ResponseReturnValue:
    """List them, with the form for one more."""
    return render_template(_LIST, **_all(Typed()))


@bp.post("")
def know() -> ResponseReturnValue:
    """Go to somebody's page; who is not known yet gets one."""
    form = typed(["address"])
    try:
        row = know_recipient(form.value("address").strip(), now())
    except RefusedError:
        form.faults.append(FieldFault("address", _NO_ADDRESS, _SUCH_AS))
        return page_again(_LIST, **_all(form))
    return redirect(url_for(".show", recipient_id=row.id))


@bp.get("/<int:recipient_id>")
def show(recipient_id: int) -> ResponseReturnValue:
    """Somebody's wishes and channels."""
    return render_template(_PAGE, **_one(recipient_id))


@bp.post("/<int:recipient_id>/wishes")
def change(recipient_id: int) -> ResponseReturnValue:
    """Keep how somebody is told."""
    recipient = recipient_by_id(current_settings(), recipient_id)
    form = typed(FIELDS)
    wishes = read_wishes(form)
    if wishes is None:
        return page_again(_PAGE, **_one(recipient_id, wishes=form))
    set_wishes(recipient.address, wishes, actor(), now())
    flash(_("Saved."), "good")
    return redirect(url_for(".show", recipient_id=recipient_id))


@bp.post("/<int:recipient_id>/channels")
def add(recipient_id: int) -> ResponseReturnValue:
    """Tell somebody by one way more."""
    settings = current_settings()
    recipient = recipient_by_id(settings, recipient_id)
    form = typed(["name"])
    url = request.form.get("url", "")
    if not form.value("name").strip():
        form.faults.append(FieldFault("name", _EMPTY))
        return page_again(_PAGE, **_one(recipient_id, channel=form))
    try:
        add_channel(settings, recipient.address, form.value("name"), url, actor(), now())
    except BackupmonError as error:
        form.faults.append(FieldFault("url", error.message, error.hint))
        return page_again(_PAGE, **_one(recipient_id, channel=form))
    flash(_("The channel is added. Send a message on trial to see whether it arrives."), "good")
    return redirect(url_for(".show", recipient_id=recipient_id))


@bp.post("/channels/<int:channel_id>/test")
def test(channel_id: int) -> ResponseReturnValue:
    """Send a message on trial."""
    recipient_id = find_channel(channel_id).recipient_id
    try:
        try_channel(current_settings(), channel_id)
    except ChannelError as error:
        fault = Typed({}, [FieldFault(str(channel_id), error.message, error.hint)])
        return page_again(_PAGE, **_one(recipient_id, trial=fault))
    flash(_("The message on trial was taken."), "good")
    return redirect(url_for(".show", recipient_id=recipient_id))


@bp.post("/channels/<int:channel_id>/remove")
def remove(channel_id: int) -> ResponseReturnValue:
    """Tell somebody by that way no more."""
    recipient_id = find_channel(channel_id).recipient_id
    row = remove_channel(channel_id, actor(), now())
    flash(_("%(name)s is removed.", name=row.name), "good")
    return redirect(url_for(".show", recipient_id=recipient_id))


def _all(form: Typed) -> dict[str, object]:
    settings = current_settings()
    return {
        "recipients": list_recipients(settings),
        "form": form,
        "usual_language": settings.language,
    }


def _one(
    recipient_id: int,
    wishes: Typed | None = None,
    channel: Typed | None = None,
    trial: Typed | None = None,
) -> dict[str, object]:
    recipient = recipient_by_id(current_settings(), recipient_id)
    return {
        "recipient": recipient,
        "wishes": wishes or typed_wishes(wishes_of(recipient.address)),
        "channel": channel or Typed(),
        "trial": trial or Typed(),
        "rhythms": RHYTHMS,
        "languages_to_choose": list(LANGUAGES.items()),
        "timezones": sorted(available_timezones()),
        "masked": masked,
        "can_add": is_installed(),
    }
