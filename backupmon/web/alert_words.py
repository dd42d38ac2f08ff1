"""Kinds and states of alerts in the reader's words."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from backupmon.core.alert_policy import AlertKind
from backupmon.models import AlertState
from backupmon.services.alert_list import FAILING

KIND_WORDS = {
    AlertKind.PROBLEM.value: _l("problem"),
    AlertKind.WARNING.value: _l("warning"),
    AlertKind.RECOVERY.value: _l("recovery"),
    AlertKind.CORRECTION.value: _l("correction"),
    AlertKind.REMINDER.value: _l("reminder"),
    AlertKind.SERVER.value: _l("server trouble"),
    AlertKind.SERVER_OVER.value: _l("server well again"),
    AlertKind.DIGEST.value: _l("digest"),
}
STATE_WORDS = {
    AlertState.WAITING.value: _l("waits"),
    FAILING: _l("fails"),
    AlertState.SENT.value: _l("sent"),
    AlertState.EXPIRED.value: _l("expired"),
    AlertState.WITHDRAWN.value: _l("taken back"),
}
