"""The form by which somebody chooses their digest, for admins and for one's own account."""

from __future__ import annotations

from zoneinfo import available_timezones

from flask_babel import lazy_gettext as _l

from backupmon.core.digest_policy import Rhythm
from backupmon.core.errors import BackupmonError
from backupmon.core.job_spec import FieldFault
from backupmon.core.words import to_translate
from backupmon.language import LANGUAGES
from backupmon.services.alert_recipients import Wishes, clock_of, read_minute
from backupmon.web.forms import Typed

FIELDS = ("language", "digest", "time", "timezone")
RHYTHMS = (
    (Rhythm.USUAL.value, _l("As is usual here")),
    (Rhythm.DAILY.value, _l("Every day")),
    (Rhythm.WEEKLY.value, _l("On Mondays")),
    (Rhythm.NONE.value, _l("Never")),
)
_NO_CHOICE = to_translate("is none of those that there are")
_NO_ZONE = to_translate("is no time zone that is known here")


def typed_wishes(wishes: Wishes) -> Typed:
    """The form as it stands for what was chosen."""
    return Typed(
        {
            "language": wishes.language or "",
            "digest": wishes.rhythm.value,
            "time": clock_of(wishes.minute),
            "timezone": wishes.timezone or "",
        }
    )


def read_wishes(form: Typed) -> Wishes | None:
    """What was chosen; None, with faults in `form`, where that cannot be."""
    language, zone = form.value("language"), form.value("timezone").strip()
    if language and language not in LANGUAGES:
        form.faults.append(FieldFault("language", _NO_CHOICE))
    if zone and zone not in available_timezones():
        form.faults.append(FieldFault("timezone", _NO_ZONE))
    rhythm = next((one for one in Rhythm if one.value == form.value("digest")), None)
    if rhythm is None:
        form.faults.append(FieldFault("digest", _NO_CHOICE))
    minute = _minute(form)
    if form.faults or rhythm is None:
        return None
    return Wishes(language or None, rhythm, minute, zone or None)


def _minute(form: Typed) -> int | None:
    if not form.value("time").strip():
        return None
    try:
        return read_minute(form.value("time"))
    except BackupmonError as error:
        form.faults.append(FieldFault("time", error.message, error.hint))
        return None
