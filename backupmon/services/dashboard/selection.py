"""Which jobs the list shows, and in which order: all that its URL can say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select

from backupmon.core.job_spec import agent_key
from backupmon.core.standing import NEEDS_YOU, WORST_FIRST, Standing
from backupmon.core.text import folded, one_line
from backupmon.extensions import db
from backupmon.models import ExpectedBackupJob, StoredBackup, StoredState

#: Jobs on one page.
PAGE_SIZE = 50
#: Longer searches are cut: no name is that long, and databases limit what they match.
MOST_CHARACTERS, _MOST_WORDS = 200, 10
#: The filter for all that a person should look at.
NEEDS_YOU_FILTER = "NEEDS_YOU"


class Sort(StrEnum):
    """The orders of the list."""

    WORST = "worst"
    SITE = "site"
    DATABASE = "database"
    COPY = "copy"
    SIZE = "size"
    DUE = "due"


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the jobs is asked for; empty words ask for all.

    Parameters
    ----------
    search:
        Words that must all occur in company, city, neighborhood, agent or database.
    status:
        A `Standing`, or NEEDS_YOU_FILTER.
    company, city, agent:
        Exactly these; agents are compared as ids are.
    page:
        From 1.
    """

    search: str = ""
    status: str = ""
    company: str = ""
    city: str = ""
    agent: str = ""
    sort: Sort = Sort.WORST
    page: int = 1

    @property
    def is_filtered(self) -> bool:
        """Whether it leaves anything out."""
        return any((self.search, self.status, self.company, self.city, self.agent))


def conditions(selection: Selection) -> list[ColumnElement[bool]]:
    """What a job must fulfil to be shown."""
    job = ExpectedBackupJob
    found: list[ColumnElement[bool]] = [job.deleted_at.is_(None)]
    words = folded(one_line(selection.search, MOST_CHARACTERS)).split()[:_MOST_WORDS]
    found += [job.search_key.contains(word, autoescape=True) for word in words]
    if selection.company:
        found.append(job.company_name == one_line(selection.company))
    if selection.city:
        found.append(job.city == one_line(selection.city))
    if selection.agent:
        # What no column could hold is never sent: some databases choke on it.
        found.append(job.agent_key == agent_key(one_line(selection.agent)))
    return found + _status_conditions(selection.status)


def _status_conditions(status: str) -> list[ColumnElement[bool]]:
    job = ExpectedBackupJob
    if status == NEEDS_YOU_FILTER:
        return [job.is_active.is_(True), job.current_status.in_(_values(NEEDS_YOU))]
    if status == Standing.PAUSED:
        return [job.is_active.is_(False)]
    if status:
        return [job.is_active.is_(True), job.current_status == status]
    return []


def count_selected(selection: Selection) -> int:
    """How many jobs it selects, on all pages."""
    query = select(func.count()).select_from(ExpectedBackupJob).where(*conditions(selection))
    return db.session.scalar(query) or 0


def selected_jobs(selection: Selection) -> list[ExpectedBackupJob]:
    """The jobs of its page, in its order."""
    job = ExpectedBackupJob
    start = (max(1, selection.page) - 1) * PAGE_SIZE
    # The ids first: whole rows would all be carried through the sorting.
    query = _ordered(select(job.id).where(*conditions(selection)), selection.sort)
    ids = list(db.session.scalars(query.offset(start).limit(PAGE_SIZE)))
    found = {row.id: row for row in db.session.scalars(select(job).where(job.id.in_(ids)))}
    return [found[job_id] for job_id in ids if job_id in found]


def held_jobs(job_ids: Sequence[int]) -> list[ExpectedBackupJob]:
    """Those of these jobs that are still there, in this very order; at most a page of them."""
    ids = [job_id for job_id in job_ids[:PAGE_SIZE] if 0 < job_id < 2**31]
    job = ExpectedBackupJob
    query = select(job).where(job.id.in_(ids), job.deleted_at.is_(None))
    found = {row.id: row for row in db.session.scalars(query)}
    return [found[job_id] for job_id in ids if job_id in found]


def _ordered(query: Select[Any], sort: Sort) -> Select[Any]:
    job = ExpectedBackupJob
    place = (_plain(job.search_key), job.id)
    if sort is Sort.WORST:
        return query.order_by(severity(), *place)
    if sort is Sort.DATABASE:
        return query.order_by(func.lower(job.database_name), *place)
    if sort is Sort.COPY:
        return query.order_by(job.last_successful_backup_timestamp.asc().nulls_first(), *place)
    if sort is Sort.DUE:
        # Nothing is expected of a paused job, whatever its last open cycle was.
        return query.order_by(job.is_active.desc(), job.expected_due_at.asc().nulls_last(), *place)
    if sort is Sort.SIZE:
        return query.order_by(_copy_size().desc().nulls_last(), *place)
    return query.order_by(*place)


def severity() -> ColumnElement[int]:
    """How bad a job stands, for an order: 0 is the worst."""
    job = ExpectedBackupJob
    ranks = {standing.value: rank for rank, standing in enumerate(WORST_FIRST)}
    paused = ranks.pop(Standing.PAUSED.value)
    by_status = case(ranks, value=job.current_status, else_=paused)
    return case((job.is_active.is_(True), by_status), else_=paused)


def _copy_size() -> ColumnElement[int | None]:
    return (
        select(func.max(StoredBackup.size))
        .where(
            StoredBackup.expected_job_id == ExpectedBackupJob.id,
            StoredBackup.state == StoredState.STORED.value,
        )
        .scalar_subquery()
    )


def _plain(key: Any) -> ColumnElement[str]:
    """The key, compared character by character: PostgreSQL may else pass over line breaks."""
    found: ColumnElement[str] = key.collate("C") if db.engine.dialect.name == "postgresql" else key
    return found


def _values(standings: Iterable[Standing]) -> list[str]:
    return [standing.value for standing in standings]
