"""Looking now: a scan is asked for, and what it finds shows by itself."""

from __future__ import annotations

from flask import flash
from flask_babel import gettext as _

from backupmon.application import current_settings
from backupmon.language.phrases import say_server
from backupmon.queue import QueueDownError
from backupmon.services.background import request_scan


def ask_for_scan(agent: str | None = None) -> None:
    """Ask the background for a scan, of one agent or of all, and tell the reader."""
    try:
        request_scan(current_settings(), agent=agent)
    except QueueDownError as error:
        flash(_("Nobody can look now: %(reason)s.", reason=say_server(error.message)), "error")
    else:
        flash(_("The server looks now. What it finds shows here by itself."), "good")
