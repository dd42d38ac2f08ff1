"""What a person may set of a job, checked as a whole so that every fault is told at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from typing import TypeVar

from backupmon.core import job_fields
from backupmon.core.alert_policy import AlertWhen, Reminders
from backupmon.core.errors import BackupmonError, TemplateError
from backupmon.core.paths import (
    DEFAULT_DEPOSIT,
    DEFAULT_FINAL,
    DEFAULT_LOG,
    TemplateKind,
    render,
)
from backupmon.core.phrases import sentence
from backupmon.core.text import one_line
from backupmon.core.words import to_translate

T = TypeVar("T")


class ContentPolicy(StrEnum):
    """What a backup's content must do from one success to the next."""

    MUST_CHANGE = "must_change"
    MUST_NOT_CHANGE = "must_not_change"
    MAY_CHANGE = "may_change"


class PromotionMode(StrEnum):
    """Whether the staged file is moved to its final path, or copied."""

    MOVE = "move"
    COPY = "copy"


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field, and what to do about it."""

    field: str
    problem: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class JobDefaults:
    """What a job gets where nothing is said; the settings give it."""

    timezone: str = "UTC"
    grace_minutes: int = 30
    early_minutes: int = 30


@dataclass(frozen=True, slots=True)
class JobSpec:
    """All that a person may set of a job, checked; `paused_until` is in UTC."""

    year: int | None
    company_name: str
    city: str
    neighborhood: str | None
    database_name: str
    agent_id_responsible: str
    schedule: str
    timezone: str
    grace_minutes: int
    early_minutes: int
    content_policy: ContentPolicy
    agent_deposit_path_template: str
    agent_log_deposit_path_template: str
    final_storage_path_template: str
    promotion_mode: PromotionMode
    notification_recipients: str | None
    alert_when: AlertWhen
    alert_reminders: Reminders
    is_active: bool
    paused_until: datetime | None

    def path_values(
        self, staged_file_name: str | None = None, year: int | None = None
    ) -> dict[str, str | int | None]:
        """What fills the placeholders of the templates; the job's own year goes before `year`."""
        return {
            "agent_id": self.agent_id_responsible,
            "city": self.city,
            "company_name": self.company_name,
            "database_name": self.database_name,
            "neighborhood": self.neighborhood,
            "staged_file_name": staged_file_name,
            "year": year if self.year is None else self.year,
        }


REQUIRED = ("company_name", "city", "database_name", "agent_id_responsible", "schedule")
EDITABLE: tuple[str, ...] = tuple(field.name for field in fields(JobSpec))


def agent_key(agent_id: str) -> str:
    """How agent ids are compared: without regard to case or to the form of accents."""
    folded = unicodedata.normalize("NFC", agent_id).casefold()
    return unicodedata.normalize("NFC", folded)


def check_job(
    values: Mapping[str, object], defaults: JobDefaults | None = None
) -> tuple[JobSpec | None, tuple[FieldFault, ...]]:
    """Read a job from strings (CSV, forms) or JSON values.

    An optional field that is absent, None or blank gets its default.

    Returns
    -------
    The job and no faults, or None and every fault, in the order of `EDITABLE`.
    """
    reading = _Reading(values)
    spec = _read(reading, defaults or JobDefaults())
    if not reading.faults:
        _check_final_path(reading, spec)
    faults = sorted(reading.faults, key=_place)
    return (None if faults else spec), tuple(faults)


class _Reading:
    """The values of one job, and the faults found in them so far."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values
        self.faults = [_unknown(name) for name in values if name not in EDITABLE]

    def field(self, name: str, read: Callable[[object], T], default: T) -> T:
        """The field as `read` understands it; where it does not, a fault and the default."""
        value = self._values.get(name)
        try:
            if job_fields.is_blank(value):
                return default
            return read(value)
        except BackupmonError as error:
            self.faults.append(FieldFault(name, error.message, error.hint))
            return default

    def required(self, name: str, read: Callable[[object], str]) -> str:
        """As `field`, of one that has no default."""
        if job_fields.is_blank(self._values.get(name)):
            self.faults.append(
                FieldFault(name, to_translate("is required"), to_translate("give it a value"))
            )
            return ""
        return self.field(name, read, "")


def _read(reading: _Reading, defaults: JobDefaults) -> JobSpec:
    optional, required = reading.field, reading.required
    year: int | None = None
    text: str | None = None
    moment: datetime | None = None
    return JobSpec(
        year=optional("year", job_fields.year, year),
        company_name=required("company_name", job_fields.name),
        city=required("city", job_fields.name),
        neighborhood=optional("neighborhood", job_fields.name, text),
        database_name=required("database_name", job_fields.name),
        agent_id_responsible=required("agent_id_responsible", job_fields.agent_id),
        schedule=required("schedule", job_fields.cron),
        timezone=optional("timezone", job_fields.timezone, defaults.timezone),
        grace_minutes=optional("grace_minutes", job_fields.minutes, defaults.grace_minutes),
        early_minutes=optional("early_minutes", job_fields.minutes, defaults.early_minutes),
        content_policy=optional(
            "content_policy", _one_of(ContentPolicy), ContentPolicy.MUST_CHANGE
        ),
        agent_deposit_path_template=optional(
            "agent_deposit_path_template", _template(TemplateKind.DEPOSIT), DEFAULT_DEPOSIT
        ),
        agent_log_deposit_path_template=optional(
            "agent_log_deposit_path_template", _template(TemplateKind.LOG), DEFAULT_LOG
        ),
        final_storage_path_template=optional(
            "final_storage_path_template", _template(TemplateKind.FINAL), DEFAULT_FINAL
        ),
        promotion_mode=optional("promotion_mode", _one_of(PromotionMode), PromotionMode.MOVE),
        notification_recipients=optional("notification_recipients", job_fields.recipients, text),
        alert_when=optional("alert_when", _one_of(AlertWhen), AlertWhen.EVERY_CYCLE),
        alert_reminders=optional("alert_reminders", _one_of(Reminders), Reminders.NONE),
        is_active=optional("is_active", job_fields.truth, True),
        paused_until=optional("paused_until", job_fields.moment, moment),
    )


E = TypeVar("E", bound=StrEnum)


def _one_of(choices: type[E]) -> Callable[[object], E]:
    return lambda value: job_fields.choice(value, choices)


def _template(kind: TemplateKind) -> Callable[[object], str]:
    return lambda value: job_fields.template(value, kind)


def _check_final_path(reading: _Reading, spec: JobSpec) -> None:
    """A template may be right by itself and leave no path for this very job."""
    try:
        render(spec.final_storage_path_template, spec.path_values("dump.sql.gz", 2000))
    except TemplateError as error:
        reading.faults.append(FieldFault("final_storage_path_template", error.message, error.hint))


def _unknown(name: object) -> FieldFault:
    shown = one_line(str(name), 60) if name else "(no name)"
    close = get_close_matches(shown.lower(), EDITABLE, n=1)
    hint = sentence("known fields: %(words)s", words=", ".join(EDITABLE))
    if close:
        hint = sentence("did you mean %(word)s?", word=close[0])
    return FieldFault(shown, to_translate("is no field of a job"), hint)


def _place(fault: FieldFault) -> int:
    return EDITABLE.index(fault.field) if fault.field in EDITABLE else len(EDITABLE)
