"""Every check, by area, and how they are run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from backupmon.config import Settings
from backupmon.core.errors import BackupmonError
from backupmon.core.words import to_translate
from backupmon.extensions import db
from backupmon.services.doctor import (
    background,
    clocks,
    configuration,
    database,
    folders,
    mail,
    scans,
    space,
)
from backupmon.services.doctor.checks import Check, CheckFunction, trouble
from backupmon.services.doctor.patient import Patient

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Area:
    """Checks that belong together."""

    name: str
    checks: tuple[CheckFunction, ...]


#: What is new in the server has its check here.
AREAS = (
    Area(
        to_translate("settings"),
        (
            configuration.settings_are_known,
            configuration.timezone_is_known,
            configuration.user_is_right,
            configuration.secrets_are_kept,
        ),
    ),
    Area(
        to_translate("database"),
        (
            database.database_answers,
            database.schema_is_ours,
            database.sqlite_is_whole,
            database.postgresql_keeps,
        ),
    ),
    Area(
        to_translate("folders"),
        (
            folders.data_dir_is_usable,
            folders.roots_are_usable,
            folders.files_move_well,
            folders.leases_are_granted,
            space.room_is_left,
        ),
    ),
    Area(
        to_translate("background"),
        (
            background.redis_answers,
            background.workers_serve,
            background.scans_are_scheduled,
            background.tasks_end_well,
        ),
    ),
    Area(to_translate("scans"), (scans.scans_go_on, scans.no_condition_is_open)),
    Area(
        to_translate("mail"), (mail.mail_server_answers, mail.somebody_is_told, mail.alerts_leave)
    ),
    Area(to_translate("clock"), (clocks.clock_is_kept, clocks.clocks_agree)),
)


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found in one area."""

    area: str
    checks: tuple[Check, ...]


def examine(settings: Settings) -> Iterator[Examined]:
    """Run every check; gives each area as soon as it is done with. Never raises."""
    patient = Patient(settings)
    for area in AREAS:
        found = [check for function in area.checks for check in run(function, patient)]
        yield Examined(area.name, tuple(found))


def run(function: CheckFunction, patient: Patient) -> list[Check]:
    """What a check gives; trouble in it is its result."""
    found: list[Check] = []
    try:
        for check in function(patient):
            found.append(check)
    except Exception as error:
        name = function.__name__.replace("_", " ")
        if not isinstance(error, BackupmonError | SQLAlchemyError | RedisError | OSError):
            log.exception("doctor.failed", check=name)
        found.append(trouble(name, error))
        with suppress(SQLAlchemyError):
            db.session.rollback()
    return found
