"""Settings, the user that the server runs as, and who may read its secrets."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from backupmon.config import PREFIX, secret_files, unknown_settings
from backupmon.core.cron import check_timezone
from backupmon.core.errors import ScheduleError
from backupmon.core.phrases import phrase
from backupmon.core.words import to_translate
from backupmon.services.doctor.asking import sqlite_file
from backupmon.services.doctor.checks import Check, bad, good, warning
from backupmon.services.doctor.patient import Patient

_SETTINGS, _ZONE = to_translate("settings"), to_translate("time zone")
_USER, _SECRETS = to_translate("user"), to_translate("secrets")
_SECRET_KEY = "secret_key"  # noqa: S105 - the name of a file


def settings_are_known(patient: Patient) -> Iterator[Check]:
    """Variables that are no setting, and settings that nobody means."""
    odd = False
    for sentence in unknown_settings():
        odd = True
        yield warning(_SETTINGS, sentence, phrase("correct its name, or remove it"))
    if patient.settings.settle_seconds == 0:
        odd = True
        yield warning(
            _SETTINGS,
            phrase(
                "%(setting)s is 0: a file that is still being sent is judged as it is",
                setting=f"{PREFIX}SETTLE_SECONDS",
            ),
            phrase("set it to 60, or leave it unset"),
        )
    if not odd:
        yield good(_SETTINGS, phrase("every setting is known and can be used"))


def timezone_is_known(patient: Patient) -> Iterator[Check]:
    """The zone of jobs that name none."""
    zone = patient.settings.default_timezone
    try:
        check_timezone(zone)
    except ScheduleError as error:
        yield bad(_ZONE, f"{PREFIX}DEFAULT_TIMEZONE: {error.message}", error.hint)
        return
    yield good(_ZONE, phrase("jobs that name none are due by the clock of %(zone)s", zone=zone))


def user_is_right(patient: Patient) -> Iterator[Check]:
    """Who the server runs as."""
    us, owner = os.geteuid(), _owner_of(patient.settings.data_dir)
    if owner not in (None, us):
        yield warning(
            _USER,
            phrase(
                "this is how it looks to %(us)s, and DATA_DIR belongs to %(owner)s",
                us=_name_of(us),
                owner=_name_of(owner),
            ),
            phrase(
                "run it as the server does: sudo -u %(owner)s flask doctor", owner=_name_of(owner)
            ),
        )
    elif us == 0:
        yield warning(
            _USER,
            phrase("runs as root, who could damage more than backups"),
            phrase(
                "run the server as a user of its own, who owns DATA_DIR and the roots and may "
                "read, write and enter the agents' folders"
            ),
        )
    else:
        yield good(_USER, phrase("runs as %(user)s", user=_name_of(us)))


def _owner_of(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def _name_of(user: int | None) -> str:
    try:
        return pwd.getpwuid(user or 0).pw_name
    except KeyError:
        return f"#{user}"


def secrets_are_kept(patient: Patient) -> Iterator[Check]:
    """Whether every user of the machine may read keys, passwords or the database."""
    open_to_all = False
    for path in _secrets(patient):
        found = _open_to_others(path)
        if found & stat.S_IWOTH:
            open_to_all = True
            told = phrase("every user may change %(path)s", path=str(path))
            yield bad(_SECRETS, told, f"chmod o-rwx {path}")
        elif found & stat.S_IROTH and not path.is_dir():
            open_to_all = True
            told = phrase("every user may read %(path)s", path=str(path))
            yield warning(_SECRETS, told, f"chmod o-rwx {path}")
    if not open_to_all:
        yield good(_SECRETS, phrase("keys, passwords and the database are closed to other users"))


def _secrets(patient: Patient) -> Iterable[Path]:
    data_dir, database = patient.settings.data_dir, sqlite_file(patient.settings)
    named = [data_dir / _SECRET_KEY, *secret_files(), *([database] if database else [])]
    return [data_dir, *dict.fromkeys(path.absolute() for path in named)]


def _open_to_others(path: Path) -> int:
    """What others may do with it; nothing where a folder above does not let them pass."""
    try:
        path = path.resolve()
        if not all(above.stat().st_mode & stat.S_IXOTH for above in path.parents):
            return 0
        return path.stat().st_mode & stat.S_IRWXO
    except OSError:
        return 0
