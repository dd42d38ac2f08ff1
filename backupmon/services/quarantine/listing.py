"""What lies in quarantine, chosen and counted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import joinedload

from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob, StoredBackup, StoredState

#: Files on one page; and jobs that are offered to choose from.
PAGE_SIZE = 50
_MOST_JOBS = 500
_GOOD = (StoredState.STORED.value, StoredState.PREVIOUS.value, StoredState.SUPERSEDED.value)


@dataclass(frozen=True, slots=True)
class KeptSelection:
    """Which files are asked for; what is empty asks for all.

    Parameters
    ----------
    agent:
        The id of the agent, as its jobs spell it.
    reason:
        A `Status` of the entry.
    job_id:
        None for all jobs.
    page:
        From 1.
    """

    agent: str = ""
    reason: str = ""
    job_id: int | None = None
    page: int = 1

    @property
    def is_filtered(self) -> bool:
        """Whether some files may be left out."""
        return bool(self.agent or self.reason or self.job_id is not None)


@dataclass(frozen=True, slots=True)
class KeptPage:
    """One page of files, newest first.

    Parameters
    ----------
    found, found_bytes:
        How many there are on all pages, and their bytes.
    total, total_bytes:
        The same of the whole quarantine.
    without_copy:
        The jobs on the page of which no good copy stands.
    agents, jobs:
        What there is to choose from; jobs by id and title.
    """

    files: Sequence[StoredBackup]
    found: int
    found_bytes: int
    total: int
    total_bytes: int
    without_copy: Collection[int]
    agents: Sequence[str]
    jobs: Sequence[tuple[int, str]]

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.found // PAGE_SIZE))


def list_quarantined() -> Sequence[StoredBackup]:
    """What lies in quarantine, the newest first, with entry and job."""
    return _files(KeptSelection())


def count_quarantined() -> int:
    """How many files lie there."""
    return _measure(KeptSelection())[0]


def load_kept(selection: KeptSelection) -> KeptPage:
    """A page of what was asked for."""
    total, total_bytes = _measure(KeptSelection())
    found, found_bytes = _measure(selection) if selection.is_filtered else (total, total_bytes)
    files = _files(selection, PAGE_SIZE)
    return KeptPage(
        files=files,
        found=found,
        found_bytes=found_bytes,
        total=total,
        total_bytes=total_bytes,
        without_copy=without_good_copy({row.expected_job_id for row in files}),
        agents=_agents(),
        jobs=_jobs(selection.agent),
    )


def select_ids(selection: KeptSelection, most: int) -> list[int]:
    """The entries of all files that were asked for, on every page; no more than `most`."""
    query = _chosen(select(StoredBackup.entry_id), selection)
    return list(db.session.scalars(query.order_by(StoredBackup.id.desc()).limit(most)))


def load_chosen(entry_ids: Collection[int]) -> tuple[Sequence[StoredBackup], Collection[int]]:
    """The files of these entries that lie in quarantine, and the jobs without a good copy."""
    query = (
        select(StoredBackup)
        .where(
            StoredBackup.entry_id.in_(entry_ids),
            StoredBackup.state == StoredState.QUARANTINED.value,
        )
        .options(joinedload(StoredBackup.entry), joinedload(StoredBackup.job))
        .order_by(StoredBackup.id.desc())
    )
    files = db.session.scalars(query).all()
    return files, without_good_copy({row.expected_job_id for row in files})


def without_good_copy(job_ids: Collection[int]) -> set[int]:
    """Those of the jobs of which no judged-good copy stands anywhere on the server."""
    query = select(StoredBackup.expected_job_id).where(
        StoredBackup.expected_job_id.in_(job_ids), StoredBackup.state.in_(_GOOD)
    )
    return set(job_ids) - set(db.session.scalars(query.distinct()))


def _files(selection: KeptSelection, most: int | None = None) -> Sequence[StoredBackup]:
    query = _chosen(select(StoredBackup), selection)
    query = query.options(joinedload(StoredBackup.entry), joinedload(StoredBackup.job))
    query = query.order_by(StoredBackup.id.desc())
    if most is not None:
        query = query.offset((selection.page - 1) * most).limit(most)
    return db.session.scalars(query).all()


def _measure(selection: KeptSelection) -> tuple[int, int]:
    """How many files, and how many bytes."""
    columns = (func.count(), func.coalesce(func.sum(StoredBackup.size), 0))
    query = _chosen(select(*columns).select_from(StoredBackup), selection)
    count, size = db.session.execute(query).one()
    return count, int(size)


def _chosen(query: Any, selection: KeptSelection) -> Any:
    query = query.where(*lying())
    if selection.job_id is not None:
        query = query.where(StoredBackup.expected_job_id == selection.job_id)
    if selection.agent:
        of_agent = ExpectedBackupJob.agent_id_responsible == selection.agent
        jobs = select(ExpectedBackupJob.id).where(of_agent)
        query = query.where(StoredBackup.expected_job_id.in_(jobs))
    if selection.reason:
        query = query.join(BackupEntry, BackupEntry.id == StoredBackup.entry_id)
        query = query.where(BackupEntry.status == selection.reason)
    return query


def lying() -> tuple[ColumnElement[bool], ...]:
    """What lies in quarantine.

    Rows of what was removed stay for ever, and no index goes by the state alone: by way of the
    jobs it is a search for each of them, not a walk through years of rows.
    """
    return (
        StoredBackup.state == StoredState.QUARANTINED.value,
        StoredBackup.expected_job_id.in_(select(ExpectedBackupJob.id)),
    )


def _agents() -> list[str]:
    agent = ExpectedBackupJob.agent_id_responsible
    query = select(agent).where(ExpectedBackupJob.id.in_(_jobs_with_files())).distinct()
    return sorted(db.session.scalars(query), key=str.casefold)


def _jobs(agent: str) -> list[tuple[int, str]]:
    job = ExpectedBackupJob
    columns = (job.id, job.agent_id_responsible, job.database_name)
    query = select(*columns).where(job.id.in_(_jobs_with_files()))
    if agent:
        query = query.where(job.agent_id_responsible == agent)
    query = query.order_by(job.agent_id_responsible, job.database_name, job.id)
    return [
        (job_id, f"{of}/{database}")
        for job_id, of, database in db.session.execute(query.limit(_MOST_JOBS))
    ]


def _jobs_with_files() -> Any:
    return select(StoredBackup.expected_job_id).where(*lying())
