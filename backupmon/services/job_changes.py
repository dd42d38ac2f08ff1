"""Changes to jobs, one or ten thousand at a time: checked as a whole, then made as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from backupmon.core.job_spec import EDITABLE, FieldFault, JobDefaults, JobSpec, agent_key
from backupmon.core.phrases import sentence
from backupmon.core.text import one_line
from backupmon.core.words import to_translate
from backupmon.extensions import begin_write, db
from backupmon.models import Discovery, ExpectedBackupJob
from backupmon.models.columns import row_dict
from backupmon.services.audit import Act, record_acts
from backupmon.services.final_paths import FinalPaths
from backupmon.services.job_drafts import (
    Draft,
    JobRow,
    Pair,
    RowsRefusedError,
    draft_of,
    pair_of,
    path_key,
    refuse_shared_paths,
    row_faults,
)
from backupmon.services.job_plans import Plan, PlanChangedError, changed_fields, plan_of
from backupmon.services.job_state import restart_cycles

#: Any number but the scan's will do ("jobs" in ASCII).
_ALONE = 0x6A6F6273
#: Variables that one statement may safely have.
_MOST_VARIABLES = 500


@dataclass(slots=True)
class Outcome:
    """What became of the rows."""

    added: list[ExpectedBackupJob] = field(default_factory=list)
    updated: list[ExpectedBackupJob] = field(default_factory=list)
    unchanged: list[ExpectedBackupJob] = field(default_factory=list)


def begin_change() -> None:
    """Begin a transaction that changes jobs; one at a time, so that what it checked stays true."""
    begin_write(alone=_ALONE)


def put_jobs(
    rows: Sequence[JobRow],
    defaults: JobDefaults,
    now: datetime,
    actor: str,
    *,
    update: bool = True,
    dry_run: bool = False,
    expected: str | None = None,
) -> Outcome:
    """Add the jobs of `rows`, or update the same (agent, database): all of them, or none.

    A job that was deleted is revived: its fields are replaced, its history goes on.

    Parameters
    ----------
    update:
        Whether a row may concern a job that is there; else it is refused.
    dry_run:
        Check everything, and change nothing.
    expected:
        The fingerprint of the plan that this must be the doing of; None does not ask.

    Raises
    ------
    RowsRefusedError
        Naming every bad row with every fault in it.
    PlanChangedError
        When jobs have become others since it was planned, so that something else would be done.
    """
    begin_change()
    try:
        drafts = _drafts(rows, defaults, now, update)
        _refuse_bad(drafts)
        _refuse_other(drafts, expected)
        outcome = _save(drafts, now, actor)
        if dry_run:
            db.session.rollback()
        else:
            db.session.commit()
    except BaseException:
        db.session.rollback()
        raise
    return outcome


def plan_jobs(rows: Sequence[JobRow], defaults: JobDefaults, now: datetime) -> Plan:
    """What `put_jobs` would do; it holds up nobody, and raises RowsRefusedError likewise."""
    db.session.rollback()
    try:
        drafts = _drafts(rows, defaults, now, update=True, lock=False)
        _refuse_bad(drafts)
        return plan_of(drafts)
    finally:
        db.session.rollback()


def apply_spec(job: ExpectedBackupJob, spec: JobSpec, now: datetime) -> None:
    """Let `job` be what `spec` says; its cycles begin anew where they are others than before."""
    before = (job.schedule, job.timezone, job.is_active)
    job.take_spec(spec)
    job.agent_key = agent_key(spec.agent_id_responsible)
    job.final_path_key = path_key(spec)
    job.updated_at = now
    resumed = job.is_active and not before[2]
    if resumed or before[:2] != (job.schedule, job.timezone) or job.expected_due_at is None:
        restart_cycles(job, now)
    else:
        job.deadline_at = job.cycles.cycle_at(job.expected_due_at).deadline


def remove_discoveries(pairs: Iterable[Pair]) -> None:
    """Forget discoveries that have become jobs."""
    wanted = set(pairs)
    query = select(Discovery.id, Discovery.agent_key, Discovery.database_name)
    ids = [found for found, key, name in db.session.execute(query) if (key, name) in wanted]
    for start in range(0, len(ids), _MOST_VARIABLES):
        chunk = ids[start : start + _MOST_VARIABLES]
        db.session.execute(delete(Discovery).where(Discovery.id.in_(chunk)))


# --- checking ------------------------------------------------------------------------------


def _refuse_bad(drafts: Sequence[Draft]) -> None:
    refuse_shared_paths(drafts, FinalPaths.load())
    bad = [row_faults(draft) for draft in drafts if draft.faults]
    if bad:
        raise RowsRefusedError(bad, len(drafts))


def _refuse_other(drafts: Sequence[Draft], expected: str | None) -> None:
    if expected is not None and plan_of(drafts).fingerprint != expected:
        raise PlanChangedError("jobs were changed since this was planned", "look at it again")


def _drafts(
    rows: Sequence[JobRow],
    defaults: JobDefaults,
    now: datetime,
    update: bool,
    lock: bool = True,
) -> list[Draft]:
    known = _known_jobs((pair_of(row.values) for row in rows), lock)
    seen: dict[Pair, str] = {}
    drafts = []
    for row in rows:
        pair = pair_of(row.values)
        job = known.get(pair) if pair else None
        draft = draft_of(row, job, defaults, now)
        if job is not None and job.deleted_at is None and not update:
            draft.faults.append(_exists(job))
        if pair in seen:
            draft.faults.append(_twin(seen[pair]))
            # It shares all its paths with the other; that is said once.
            draft.spec = None
        elif pair:
            seen[pair] = row.place
        drafts.append(draft)
    return drafts


def _known_jobs(pairs: Iterable[Pair | None], lock: bool) -> dict[Pair, ExpectedBackupJob]:
    # What no column could hold is never sent: some databases choke on it.
    keys = sorted({pair[0] for pair in pairs if pair and one_line(pair[0]) == pair[0]})
    known = {}
    for start in range(0, len(keys), _MOST_VARIABLES):
        chunk = keys[start : start + _MOST_VARIABLES]
        query = select(ExpectedBackupJob).where(ExpectedBackupJob.agent_key.in_(chunk))
        # In the order of ids, as everybody who locks several.
        query = query.order_by(ExpectedBackupJob.id)
        query = query.with_for_update(key_share=True) if lock else query
        for job in db.session.scalars(query):
            known[job.agent_key, job.database_name] = job
    return known


def _exists(job: ExpectedBackupJob) -> FieldFault:
    number = str(job.id)
    hint = sentence("change it with flask jobs update %(number)s", number=number)
    problem = sentence("%(title)s is job %(id)s already", title=job.title, id=number)
    return FieldFault("database_name", problem, hint)


def _twin(place: str) -> FieldFault:
    problem = sentence("the same agent and database as %(place)s", place=place)
    return FieldFault("database_name", problem, to_translate("keep one"))


# --- saving --------------------------------------------------------------------------------


def _save(drafts: Sequence[Draft], now: datetime, actor: str) -> Outcome:
    outcome, pending = Outcome(), []
    # What is sent early is sent one by one.
    with db.session.no_autoflush:
        for draft in drafts:
            act = _save_one(draft, outcome, now)
            if act is not None:
                pending.append(act)
    db.session.flush()
    acts = [Act(action, "job", job.id, before, after) for job, action, before, after in pending]
    record_acts(acts, actor, now)
    remove_discoveries((job.agent_key, job.database_name) for job in outcome.added)
    return outcome


#: The job, the action, and the columns before and after.
_Pending = tuple[ExpectedBackupJob, str, dict[str, Any] | None, dict[str, Any]]


def _save_one(draft: Draft, outcome: Outcome, now: datetime) -> _Pending | None:
    job, spec = draft.job, draft.spec
    assert spec is not None
    if job is None:
        job = ExpectedBackupJob(created_at=now)
        apply_spec(job, spec, now)
        db.session.add(job)
        outcome.added.append(job)
        return job, "job.add", None, row_dict(job, EDITABLE)
    if job.deleted_at is not None:
        outcome.added.append(job)
        return job, "job.revive", *revive(job, spec, now)
    changed = changed_fields(job, spec)
    if not changed:
        outcome.unchanged.append(job)
        return None
    outcome.updated.append(job)
    return job, "job.update", *change(job, spec, changed, now)


def change(
    job: ExpectedBackupJob, spec: JobSpec, changed: tuple[str, ...], now: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Change the columns `changed` of a job; gives them before and after."""
    before = row_dict(job, changed)
    apply_spec(job, spec, now)
    job.version += 1
    return before, row_dict(job, changed)


def revive(
    job: ExpectedBackupJob, spec: JobSpec, now: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Bring a deleted job back with new fields; its next cycle is the next one due."""
    columns = (*EDITABLE, "deleted_at")
    before = row_dict(job, columns)
    job.deleted_at = None
    job.expected_due_at = None
    apply_spec(job, spec, now)
    job.version += 1
    return before, row_dict(job, columns)
