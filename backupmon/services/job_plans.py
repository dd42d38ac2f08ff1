"""What a change to many jobs would do, told before it is done, and recognised when it is."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

from backupmon.core.errors import RefusedError
from backupmon.core.job_spec import EDITABLE, JobSpec
from backupmon.models import ExpectedBackupJob
from backupmon.services.job_drafts import Draft


class PlannedAct(StrEnum):
    """What becomes of one row."""

    ADD = "add"
    #: A deleted job comes back, with its history.
    REVIVE = "revive"
    UPDATE = "update"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Planned:
    """One row of a plan.

    Parameters
    ----------
    place:
        Where the row stands, such as ``line 3``.
    job_id:
        None for a job that is not there yet.
    before, after:
        By column: what an update changes; of a job that is added only `after`, with all columns.
    """

    place: str
    act: PlannedAct
    title: str
    job_id: int | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of every row, in their order."""

    rows: tuple[Planned, ...]

    def of(self, *acts: PlannedAct) -> list[Planned]:
        """The rows of which that becomes."""
        return [row for row in self.rows if row.act in acts]

    @property
    def fingerprint(self) -> str:
        """The same for the same changes to the same jobs, and for no others."""
        rows = [(row.act, row.title, row.job_id, row.before, row.after) for row in self.rows]
        told = json.dumps(rows, default=str)
        return sha256(told.encode()).hexdigest()


class PlanChangedError(RefusedError):
    """What would be done now is not what was planned."""


def plan_of(drafts: Iterable[Draft]) -> Plan:
    """What `drafts`, all of them without a fault, would do."""
    return Plan(tuple(_planned(draft) for draft in drafts))


def changed_fields(job: ExpectedBackupJob, spec: JobSpec) -> tuple[str, ...]:
    """The columns that `spec` would change."""
    return tuple(name for name in EDITABLE if getattr(job, name) != getattr(spec, name))


def _planned(draft: Draft) -> Planned:
    job, spec = draft.job, draft.spec
    assert spec is not None
    title = f"{spec.agent_id_responsible}/{spec.database_name}"
    if job is None:
        return Planned(draft.row.place, PlannedAct.ADD, title, None, {}, _columns(spec, EDITABLE))
    if job.deleted_at is not None:
        after = _columns(spec, EDITABLE)
        return Planned(draft.row.place, PlannedAct.REVIVE, title, job.id, {}, after)
    changed = changed_fields(job, spec)
    act = PlannedAct.UPDATE if changed else PlannedAct.NOTHING
    before, after = _columns(job, changed), _columns(spec, changed)
    return Planned(draft.row.place, act, title, job.id, before, after)


def _columns(holder: Any, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(holder, name) for name in names}
    return {k: v.value if isinstance(v, StrEnum) else v for k, v in values.items()}
