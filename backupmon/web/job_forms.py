"""The forms for jobs: add, copy, edit; with what follows from them shown as one types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from backupmon.application import current_settings
from backupmon.core.accounts import Role
from backupmon.core.errors import BackupmonError, NotFoundError
from backupmon.core.job_spec import EDITABLE, FieldFault, JobSpec, check_job
from backupmon.core.paths import render
from backupmon.core.schedule import Schedule
from backupmon.core.weekly import DAYS, from_cron, weekly
from backupmon.core.words import to_translate
from backupmon.models import ExpectedBackupJob
from backupmon.models.columns import row_dict
from backupmon.services.discoveries import find_discovery, guess_jobs
from backupmon.services.history import find_job, job_named
from backupmon.services.jobs import JobRefusedError, StaleJobError, add_job, update_job
from backupmon.web.access import actor, needs
from backupmon.web.forms import Typed, page_again

bp = Blueprint("job_forms", __name__)

#: Whether the job is active is what the buttons of its page are for.
FIELDS = tuple(name for name in EDITABLE if name not in ("is_active", "paused_until"))
#: How the schedule is said: days and a time, or a cron expression.
_SAID = ("by", "time", *DAYS)
_TIMES = 5
_STALE = to_translate(
    "Somebody else changed this job meanwhile. What you typed is kept: compare it with the job "
    "as it is now, then save again."
)


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows from the form as it stands; a part is empty while a field is wrong."""

    due: tuple[tuple[datetime, str], ...] = ()
    paths: tuple[tuple[str, str], ...] = ()


@bp.get("/jobs/new")
@needs(Role.OPERATOR)
def new() -> ResponseReturnValue:
    """An empty form; with ``?copy=ID`` that of another job, with ``?agent=…&database=…`` that of
    a discovery, as it is guessed."""
    if "database" in request.args:
        return _adopting(request.args.get("agent", ""), request.args["database"])
    copied = request.args.get("copy", type=int)
    values = _values_of(find_job(copied)) if copied is not None else _usual()
    return _page(Typed(_said(values)), None)


@bp.post("/jobs/new")
@needs(Role.OPERATOR)
def add() -> ResponseReturnValue:
    """Add the job, or show the form with what is wrong."""
    values = _sent()
    try:
        job = add_job(_fields(values), current_settings().job_defaults, datetime.now(UTC), actor())
    except JobRefusedError as error:
        return _again(values, error, None)
    flash(_("%(job)s is expected from now on.", job=job.title), "good")
    return redirect(url_for("job.show", job_id=job.id))


@bp.get("/jobs/<int:job_id>/edit")
@needs(Role.OPERATOR)
def edit(job_id: int) -> ResponseReturnValue:
    """The job's form."""
    job = find_job(job_id)
    return _page(Typed({**_said(_values_of(job)), "version": str(job.version)}), job)


@bp.post("/jobs/<int:job_id>/edit")
@needs(Role.OPERATOR)
def save(job_id: int) -> ResponseReturnValue:
    """Save what was changed; whoever is second of two is told, and loses nothing typed."""
    values, job = _sent(), find_job(job_id)
    version = request.form.get("version", "")
    base = int(version) if version.isascii() and version.isdecimal() else None
    try:
        update_job(
            job_id,
            _fields(values),
            current_settings().job_defaults,
            datetime.now(UTC),
            actor(),
            base,
        )
    except JobRefusedError as error:
        return _again({**values, "version": version}, error, job)
    except StaleJobError:
        told = FieldFault("", _STALE)
        kept = Typed({**values, "version": str(job.version)}, [told])
        return _page(kept, job)[0], 409
    flash(_("Saved."), "good")
    return redirect(url_for("job.show", job_id=job_id))


@bp.post("/jobs/preview")
@needs(Role.OPERATOR)
def preview() -> ResponseReturnValue:
    """What would follow from the form as it stands."""
    return render_template("fragments/jobs/_consequence.html", consequence=_consequence(_sent()))


def _adopting(agent: str, database: str) -> ResponseReturnValue:
    """The form of a discovery; where somebody else was faster, the job that they made."""
    try:
        found = find_discovery(agent, database)
    except NotFoundError:
        job = job_named(agent, database)
        if job is None:
            flash(_("No report names this database any more, or its job was deleted."), "warning")
            return redirect(url_for("discoveries.index"))
        flash(_("%(job)s is expected already: somebody has adopted it.", job=job.title), "warning")
        return redirect(url_for("job.show", job_id=job.id))
    (guessed,) = guess_jobs([found], {}, current_settings().job_defaults)
    values = {**_usual(), **_strings(guessed.values)}
    told = _told(Typed(_said(values)), None)
    return render_template("pages/jobs/form.html", **told, guessed=guessed)


def _page(form: Typed, job: ExpectedBackupJob | None) -> tuple[str, int]:
    return render_template("pages/jobs/form.html", **_told(form, job)), 200


def _again(
    values: dict[str, str], error: JobRefusedError, job: ExpectedBackupJob | None
) -> tuple[str, int]:
    known = {*FIELDS, ""}
    faults = [
        fault if fault.field in known else FieldFault("", f"{fault.field} {fault.problem}")
        for fault in error.faults
    ]
    told = _told(Typed(values, faults), job)
    names = (values.get("agent_id_responsible", ""), values.get("database_name", ""))
    taken = job_named(*names) if job is None else None
    return page_again("pages/jobs/form.html", **told, taken=taken)


def _told(form: Typed, job: ExpectedBackupJob | None) -> dict[str, Any]:
    return {"form": form, "job": job, "days": DAYS, "consequence": _consequence(form.values)}


# --- values ----------------------------------------------------------------------------------


def _usual() -> dict[str, str]:
    """A new form: every field that has a default bears it."""
    example = dict.fromkeys(("company_name", "city", "database_name", "agent_id_responsible"), "x")
    spec, _faults = check_job({**example, "schedule": "0 2 * * *"}, current_settings().job_defaults)
    assert spec is not None
    return {**_strings(row_dict(spec, FIELDS)), **dict.fromkeys(example, "")}


def _values_of(job: ExpectedBackupJob) -> dict[str, str]:
    return _strings(row_dict(job, FIELDS))


def _strings(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in values.items()}


def _said(values: dict[str, str]) -> dict[str, str]:
    """The fields with the schedule said as days and a time, where that says all of it."""
    plain = from_cron(values["schedule"])
    if plain is None:
        return {**values, "by": "cron", "time": "", **dict.fromkeys(DAYS, "")}
    chosen = {day: "on" if day in plain.days else "" for day in DAYS}
    return {**values, "by": "days", "time": plain.time, **chosen}


def _sent() -> dict[str, str]:
    """What was sent. A field that the form did not bear keeps its value, and so is left out."""
    fields = {name: request.form[name] for name in FIELDS if name in request.form}
    return {**fields, **{name: request.form.get(name, "") for name in _SAID}}


def _fields(values: Mapping[str, str]) -> dict[str, object]:
    """The job's fields; the schedule from days and time where that is how it is said."""
    fields: dict[str, object] = {name: values[name] for name in FIELDS if name in values}
    if values["by"] == "days":
        chosen = weekly([day for day in DAYS if values[day]], values["time"])
        fields["schedule"] = chosen.cron() if chosen else ""
    return fields


# --- consequences ----------------------------------------------------------------------------


#: What stands for a name that is not given yet, so that the rest can be shown.
_EXAMPLES = dict.fromkeys(("company_name", "city", "database_name", "agent_id_responsible"), "…")


def _consequence(values: Mapping[str, str]) -> Consequence:
    """Each part is worked out by itself: one may be right while another is not yet."""
    basis = {**_usual(), **_EXAMPLES}
    given = {name: value for name, value in _fields(values).items() if value}
    _job, faults = check_job({**basis, **given}, current_settings().job_defaults)
    wrong = {fault.field for fault in faults}
    right = {name: value for name, value in given.items() if name not in wrong}
    spec, _rest = check_job({**basis, **right}, current_settings().job_defaults)
    if spec is None:
        return Consequence()
    is_due = "schedule" in right and "timezone" not in wrong
    return Consequence(_due(spec) if is_due else (), _paths(spec))


def _due(spec: JobSpec) -> tuple[tuple[datetime, str], ...]:
    """The next due times, each with what a clock on the wall of the job's zone says."""
    zone = ZoneInfo(spec.timezone)
    schedule = Schedule(spec.schedule, spec.timezone, spec.grace_minutes, spec.early_minutes)
    moment, found = datetime.now(UTC), []
    try:
        for _number in range(_TIMES):
            moment = schedule.next_cycle(moment).due
            found.append((moment, f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"))
    except BackupmonError:
        pass
    return tuple(found)


def _paths(spec: JobSpec) -> tuple[tuple[str, str], ...]:
    values = spec.path_values("dump.sql.gz", datetime.now(UTC).year)
    templates = {
        "DEPOSIT_ROOT": spec.agent_deposit_path_template,
        "VALIDATED_ROOT": spec.final_storage_path_template,
    }
    found = []
    for root, template in templates.items():
        try:
            found.append((root, "/".join(render(template, values))))
        except BackupmonError:
            continue
    return tuple(found)
