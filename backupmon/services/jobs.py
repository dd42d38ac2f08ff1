"""The jobs: adding, changing, pausing, deleting, listing them. Every change is audited."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import func, select

from backupmon.core.errors import RefusedError
from backupmon.core.job_spec import FieldFault, JobDefaults, JobSpec, agent_key
from backupmon.core.phrases import sentence
from backupmon.core.statuses import Status
from backupmon.core.words import to_translate
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob, StoredBackup, StoredState
from backupmon.services import job_acts
from backupmon.services.audit import Act, record_acts
from backupmon.services.final_paths import FinalPaths
from backupmon.services.history import find_job
from backupmon.services.job_changes import (
    begin_change,
    change,
    put_jobs,
    remove_discoveries,
)
from backupmon.services.job_drafts import (
    JobRefusedError,
    JobRow,
    RowsRefusedError,
    draft_of,
    refuse_shared_paths,
)
from backupmon.services.job_plans import changed_fields

__all__ = [
    "JobRefusedError",
    "RowsRefusedError",
    "StaleJobError",
    "add_job",
    "count_entries",
    "delete_job",
    "last_good_copy",
    "list_jobs",
    "pause_job",
    "resume_job",
    "update_job",
    "upsert_job",
]


class StaleJobError(RefusedError):
    """Somebody else changed the job in the meantime."""


def add_job(
    values: Mapping[str, object], defaults: JobDefaults, now: datetime, actor: str
) -> ExpectedBackupJob:
    """Add a job; its first cycle is the next one due after `now`.

    One that was deleted is revived: its fields are replaced, its entries and files are its own
    again. A discovery of the same agent and database is done with.

    Parameters
    ----------
    values:
        By column, as strings (forms, files) or JSON values.
    actor:
        Who does it, for the audit trail: ``cli:ann``.

    Raises
    ------
    JobRefusedError
        With every fault; also when the job exists, or its final path is another job's.
    """
    return _put(values, defaults, now, actor, update=False)


def upsert_job(
    values: Mapping[str, object], defaults: JobDefaults, now: datetime, actor: str
) -> ExpectedBackupJob:
    """Add a job, or change the one of the same agent and database; raises as `add_job`."""
    return _put(values, defaults, now, actor, update=True)


def update_job(
    job_id: int,
    values: Mapping[str, object],
    defaults: JobDefaults,
    now: datetime,
    actor: str,
    version: int | None = None,
) -> ExpectedBackupJob:
    """Change the fields that `values` names; a blank one gets its default.

    Cycles begin anew when the schedule or the time zone changes, or a paused job becomes
    active; other minutes of grace move the open deadline only. No file is moved: when the
    final path changes, the older copy stays.

    Parameters
    ----------
    version:
        The version that the change is based on; None does not ask.

    Raises
    ------
    NotFoundError, JobRefusedError
    StaleJobError
        When the job is at another version.
    """
    with _change(job_id) as job:
        if version is not None and job.version != version:
            raise StaleJobError(
                f"job {job_id} was changed by somebody else: it is at version {job.version}",
                "look at it again, then change it",
            )
        spec = _checked(job, values, defaults, now)
        changed = changed_fields(job, spec)
        if changed:
            before, after = change(job, spec, changed, now)
            record_acts([Act("job.update", "job", job_id, before, after)], actor, now)
            remove_discoveries([(job.agent_key, job.database_name)])
    return job


def pause_job(job_id: int, until: datetime | None, now: datetime, actor: str) -> ExpectedBackupJob:
    """Expect nothing of a job, until `until`, or (None) until it is resumed.

    What arrives is judged and stored all the same, silently.

    Raises
    ------
    NotFoundError
    JobRefusedError
        When `until` is not after `now`.
    """
    with _change(job_id) as job:
        job_acts.refuse_past(until, now)
        _record(job_acts.pause(job, until, now), now, actor)
    return job


def resume_job(job_id: int, now: datetime, actor: str) -> ExpectedBackupJob:
    """Expect a paused job's backups again, beginning with the next one due after `now`.

    A job that is active already is left as it is: beginning anew would forgive what is overdue.
    """
    with _change(job_id) as job:
        _record(job_acts.resume(job, now), now, actor)
    return job


def delete_job(job_id: int, now: datetime, actor: str) -> ExpectedBackupJob:
    """Hide a job and expect nothing of it any more; its entries and files stay."""
    with _change(job_id) as job:
        _record(job_acts.delete(job, now), now, actor)
    return job


def list_jobs(
    agent: str | None = None,
    company: str | None = None,
    city: str | None = None,
    status: Status | None = None,
) -> list[ExpectedBackupJob]:
    """The jobs that are not deleted, paused ones too, by company, city, agent and database.

    Every filter that is given must fit; agent, company and city without regard to case.
    """
    query = select(ExpectedBackupJob).where(ExpectedBackupJob.deleted_at.is_(None))
    if status is not None:
        query = query.where(ExpectedBackupJob.current_status == status.value)
    jobs = [
        job
        for job in db.session.scalars(query)
        if (agent is None or job.agent_key == agent_key(agent.strip()))
        and _is_same(company, job.company_name)
        and _is_same(city, job.city)
    ]
    return sorted(jobs, key=_by_place)


def last_good_copy(job_id: int) -> StoredBackup | None:
    """The newest copy that stands in the validated area."""
    query = select(StoredBackup).where(
        StoredBackup.expected_job_id == job_id,
        StoredBackup.destination == "validated",
        StoredBackup.state.in_((StoredState.STORED.value, StoredState.SUPERSEDED.value)),
    )
    newest = (StoredBackup.report_end_at.desc(), StoredBackup.id.desc())
    return db.session.scalar(query.order_by(*newest).limit(1))


def count_entries(job_id: int) -> int:
    """How many entries a job has."""
    query = select(func.count()).where(BackupEntry.expected_job_id == job_id)
    return db.session.scalar(query) or 0


@contextmanager
def _change(job_id: int) -> Iterator[ExpectedBackupJob]:
    """One transaction on one job, which nobody else changes meanwhile."""
    begin_change()
    try:
        job = find_job(job_id)
        db.session.refresh(job, with_for_update=True)
        yield job
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise


def _record(act: Act | None, now: datetime, actor: str) -> None:
    record_acts([act] if act else [], actor, now)


def _put(
    values: Mapping[str, object], defaults: JobDefaults, now: datetime, actor: str, *, update: bool
) -> ExpectedBackupJob:
    try:
        done = put_jobs([JobRow("", values)], defaults, now, actor, update=update)
    except RowsRefusedError as error:
        raise JobRefusedError(error.rows[0].faults) from None
    (job,) = [*done.added, *done.updated, *done.unchanged]
    return job


def _checked(
    job: ExpectedBackupJob, values: Mapping[str, object], defaults: JobDefaults, now: datetime
) -> JobSpec:
    draft = draft_of(JobRow("", values), job, defaults, now)
    refuse_shared_paths([draft], FinalPaths.load())
    if draft.spec is not None:
        draft.faults += _taken(job, draft.spec)
    if draft.faults or draft.spec is None:
        raise JobRefusedError(draft.faults)
    return draft.spec


def _taken(job: ExpectedBackupJob, spec: JobSpec) -> list[FieldFault]:
    """A fault where another job, be it a deleted one, has this agent and database."""
    query = select(ExpectedBackupJob).where(
        ExpectedBackupJob.agent_key == agent_key(spec.agent_id_responsible),
        ExpectedBackupJob.database_name == spec.database_name,
        ExpectedBackupJob.id != job.id,
    )
    other = db.session.scalar(query)
    if other is None:
        return []
    if other.deleted_at is None:
        return [
            FieldFault(
                "database_name",
                sentence("%(title)s is job %(id)s already", title=other.title, id=str(other.id)),
            )
        ]
    hint = to_translate("add that one again instead: it brings its history back")
    problem = sentence("%(title)s is the deleted job %(id)s", title=other.title, id=str(other.id))
    return [FieldFault("database_name", problem, hint)]


def _is_same(wanted: str | None, name: str) -> bool:
    return wanted is None or wanted.strip().casefold() == name.casefold()


def _by_place(job: ExpectedBackupJob) -> tuple[str, str, str, str, int]:
    place = (job.company_name.casefold(), job.city.casefold())
    return (*place, job.agent_key, job.database_name.casefold(), job.id)
