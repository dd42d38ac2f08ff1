"""Jobs as somebody wrote them, and all that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from backupmon.core import job_fields
from backupmon.core.errors import BackupmonError, RefusedError
from backupmon.core.job_spec import (
    EDITABLE,
    FieldFault,
    JobDefaults,
    JobSpec,
    agent_key,
    check_job,
)
from backupmon.core.paths import final_path_key
from backupmon.core.phrases import sentence
from backupmon.core.text import one_line
from backupmon.core.words import to_translate
from backupmon.models import ExpectedBackupJob
from backupmon.services.final_paths import FinalPaths, Holder

#: What tells jobs apart: the agent's key, and the database.
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job as somebody wrote it.

    Parameters
    ----------
    place:
        Where it stands, such as ``line 3``; empty for one that stands alone.
    values:
        By column; a column that is absent keeps its value, or gets its default.
    faults:
        What was wrong with it already on reading; with no values nothing more is checked.
    """

    place: str
    values: Mapping[str, object]
    faults: tuple[FieldFault, ...] = ()


@dataclass(frozen=True, slots=True)
class RowFaults:
    """A row that was refused, and all that is wrong with it."""

    place: str
    title: str
    faults: tuple[FieldFault, ...]

    def lines(self) -> list[str]:
        """A line for each fault, naming the row."""
        parts = dict.fromkeys(part for part in (self.place, self.title) if part)
        named = " (".join(parts) + ")" * (len(parts) - 1)
        return [f"{named}: {fault_line(fault)}" for fault in self.faults]


class JobRefusedError(RefusedError):
    """A job that cannot be saved; `faults` has all that is wrong, the message a line for each."""

    def __init__(self, faults: Sequence[FieldFault], hint: str = "") -> None:
        lines = "".join(f"\n  {fault_line(fault)}" for fault in faults)
        super().__init__(f"the job cannot be saved:{lines}", hint)
        self.faults = tuple(faults)


class RowsRefusedError(RefusedError):
    """Rows that cannot be saved; `rows` has every bad one, and nothing was changed."""

    def __init__(self, rows: Sequence[RowFaults], of: int) -> None:
        lines = "".join(f"\n  {line}" for row in rows for line in row.lines())
        bad = f"{len(rows)} of {of} jobs" if of > 1 else "the job"
        super().__init__(f"{bad} cannot be saved:{lines}", "mend them; nothing was changed")
        self.rows, self.of = tuple(rows), of


@dataclass(slots=True)
class Draft:
    """A row on its way: the job that it concerns, and what that shall be."""

    row: JobRow
    job: ExpectedBackupJob | None
    spec: JobSpec | None
    faults: list[FieldFault]

    @property
    def holder(self) -> Holder:
        """How it is named to others that want its final path."""
        assert self.spec is not None
        title = f"{self.spec.agent_id_responsible}/{self.spec.database_name}"
        return Holder(title, self.job.id if self.job else None, self.row.place)


def fault_line(fault: FieldFault) -> str:
    """A fault on one line: the field, what is wrong, what to do."""
    hint = f" ({fault.hint})" if fault.hint else ""
    return one_line(f"{fault.field}: {fault.problem}{hint}", 2000)


def draft_of(
    row: JobRow, job: ExpectedBackupJob | None, defaults: JobDefaults, now: datetime
) -> Draft:
    """What `row` makes of `job` (None for a new one), with all that is wrong with it."""
    if row.faults and not row.values:
        return Draft(row, job, None, list(row.faults))
    spec, faults = check_job(_merged(job, row.values), defaults)
    found = [*row.faults, *faults]
    if spec is not None:
        found += _pause_faults(job, spec, now)
    return Draft(row, job, spec, found)


def refuse_shared_paths(drafts: Sequence[Draft], paths: FinalPaths) -> None:
    """Add a fault to every draft whose final path another job could share."""
    for draft in drafts:
        if draft.job is not None:
            paths.release(draft.job.id)
            if draft.spec is not None and not _has_path(draft.job, path_key(draft.spec)):
                paths.leave(draft.job.id)
    for draft in drafts:
        if draft.spec is None:
            continue
        key = path_key(draft.spec)
        other = paths.take(key, draft.holder, held=_has_path(draft.job, key))
        if other is not None:
            draft.faults.append(_shared_path(other))


def _has_path(job: ExpectedBackupJob | None, key: str) -> bool:
    return job is not None and job.deleted_at is None and job.final_path_key == key


def path_key(spec: JobSpec) -> str:
    """What no two jobs may share."""
    return final_path_key(spec.final_storage_path_template, spec.path_values())


def pair_of(values: Mapping[str, object]) -> Pair | None:
    """Which job is meant; None where that cannot be read."""
    agent, database = values.get("agent_id_responsible"), values.get("database_name")
    if not isinstance(agent, str) or not isinstance(database, str):
        return None
    if not agent.strip() or not database.strip():
        return None
    return agent_key(agent.strip()), database.strip()


# --- what is wrong


def _merged(job: ExpectedBackupJob | None, given: Mapping[str, object]) -> dict[str, object]:
    """What is given over what is there; "paused until" alone pauses, "active" alone resumes."""
    base: dict[str, object] = {}
    if job is not None and job.deleted_at is None:
        base = {name: getattr(job, name) for name in EDITABLE}
    merged = {**base, **given}
    until_said = not job_fields.is_blank(given.get("paused_until"))
    active_said = not job_fields.is_blank(given.get("is_active"))
    if until_said and not active_said:
        merged["is_active"] = False
    if active_said and "paused_until" not in given and _is_true(given["is_active"]):
        merged["paused_until"] = None
    return merged


def _is_true(value: object) -> bool:
    try:
        return job_fields.truth(value)
    except BackupmonError:
        return False


def _pause_faults(job: ExpectedBackupJob | None, spec: JobSpec, now: datetime) -> list[FieldFault]:
    if spec.paused_until is None:
        return []
    if spec.is_active:
        hint = to_translate("set is_active to false, or leave paused_until empty")
        return [FieldFault("paused_until", to_translate("is given, but the job is active"), hint)]
    as_before = job is not None and (job.is_active, job.paused_until) == (False, spec.paused_until)
    if spec.paused_until <= now and not as_before:
        return [
            FieldFault(
                "paused_until",
                to_translate("is in the past"),
                to_translate("give a time that is still ahead"),
            )
        ]
    return []


def _shared_path(other: Holder) -> FieldFault:
    named = "final_storage_path_template"
    if other.left_behind and not other.deleted:
        return FieldFault(
            named,
            sentence(
                "a good copy of %(title)s (job %(job_id)s), which had this path, stands there",
                title=other.title,
                job_id=str(other.job_id),
            ),
            to_translate("choose another template: a copy is never put in the place of another's"),
        )
    if other.left_behind:
        return FieldFault(
            named,
            sentence(
                "a good copy of %(title)s, the deleted job %(job_id)s, stands at this path",
                title=other.title,
                job_id=str(other.job_id),
            ),
            to_translate(
                "choose another template; or add that job again, and change its agent or database"
            ),
        )
    return FieldFault(
        named,
        sentence("gives the same path as %(title)s (%(who)s)", title=other.title, who=_who(other)),
        to_translate(
            "their copies would replace each other: tell them apart, as with {database_name}"
        ),
    )


def _who(other: Holder) -> str:
    if other.job_id is None:
        return other.place
    number = str(other.job_id)
    if not other.place:
        return sentence("job %(number)s", number=number)
    return sentence("job %(number)s, %(place)s", number=number, place=other.place)


def row_faults(draft: Draft) -> RowFaults:
    names = (draft.row.values.get(n) for n in ("agent_id_responsible", "database_name"))
    title = "/".join(one_line(n, 100) for n in names if isinstance(n, str) and n.strip())
    return RowFaults(draft.row.place, title, tuple(draft.faults))
