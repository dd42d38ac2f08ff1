"""One report: all that the agent said in it, and what came of that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import joinedload

from backupmon.core.errors import NotFoundError
from backupmon.core.faults import Fault
from backupmon.core.findings import Finding
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import AgentReport, BackupEntry, Discovery, ExpectedBackupJob
from backupmon.services.reports.listing import faults_of

#: Databases whose sections are shown; a report may name thousands.
MOST_SECTIONS = 200


@dataclass(frozen=True, slots=True)
class ReportStory:
    """A report and what came of it.

    Parameters
    ----------
    entries:
        Of the jobs that it concerns, those that are not good first; with their jobs.
    judged:
        How many entries there are, shown or not.
    unexpected:
        Databases that no job expected, with the number of the discovery where there still is one.
    answered_by:
        For an invalid report: the next valid one of the agent.
    at_stake:
        For an invalid report: jobs that become failed at their deadline unless something else
        is heard of them, the next first.
    """

    report: AgentReport
    entries: Sequence[BackupEntry]
    judged: int
    unexpected: Sequence[tuple[str, int | None]]
    answered_by: AgentReport | None
    at_stake: Sequence[ExpectedBackupJob]

    @property
    def faults(self) -> list[Fault]:
        """All that is wrong with the file, and in its sections."""
        return faults_of(self.report)

    @property
    def oddities(self) -> list[Finding]:
        """Warnings about the file as a whole."""
        return [Finding.from_dict(kept) for kept in self.report.oddities]

    @property
    def failed_by_it(self) -> int:
        """How many of the entries shown failed for want of a report that can be used."""
        return sum(entry.by_deadline for entry in self.entries)


def section_faults(entry: BackupEntry) -> list[Fault]:
    """What is wrong with the section that an entry was made of."""
    return [Fault.from_dict(kept) for kept in entry.section_faults]


def load_report(report_id: int, now: datetime) -> ReportStory:
    """A report with all that belongs to it, in a fixed number of queries.

    Raises
    ------
    NotFoundError
        When there is none.
    """
    report = find_report(report_id)
    entries = _entries(report_id)
    judged = len(entries)
    if judged == MOST_SECTIONS:
        mine = select(func.count()).where(BackupEntry.report_id == report_id)
        judged = db.session.scalar(mine) or 0
    answered_by = None if report.valid else _next_valid(report)
    return ReportStory(
        report=report,
        entries=entries,
        judged=judged,
        unexpected=_unexpected(report, entries) if report.valid else (),
        answered_by=answered_by,
        at_stake=() if report.valid or answered_by else _at_stake(report, now),
    )


def find_report(report_id: int) -> AgentReport:
    """The report; raises NotFoundError where there is none."""
    report = db.session.get(AgentReport, report_id) if 0 < report_id < 2**31 else None
    if report is None:
        raise NotFoundError(f"there is no report {report_id}")
    return report


def _entries(report_id: int) -> list[BackupEntry]:
    good_last = case((BackupEntry.status == Status.SUCCESS.value, 1), else_=0)
    query = (
        select(BackupEntry)
        .where(BackupEntry.report_id == report_id)
        .options(joinedload(BackupEntry.job))
        .order_by(good_last, BackupEntry.id)
        .limit(MOST_SECTIONS)
    )
    return list(db.session.scalars(query))


def _unexpected(
    report: AgentReport, entries: Sequence[BackupEntry]
) -> list[tuple[str, int | None]]:
    if len(entries) >= MOST_SECTIONS:
        return []
    expected = {entry.job.database_name for entry in entries}
    names = [name for name in report.database_names if name and name not in expected]
    known = _discovered(report.agent_key) if names else {}
    return [(name, known.get(name)) for name in names[:MOST_SECTIONS]]


def _discovered(key: str) -> Mapping[str, int]:
    query = select(Discovery.database_name, Discovery.id).where(Discovery.agent_key == key)
    return {row.database_name: row.id for row in db.session.execute(query)}


def _next_valid(report: AgentReport) -> AgentReport | None:
    query = select(AgentReport).where(
        AgentReport.agent_key == report.agent_key,
        AgentReport.valid.is_(True),
        AgentReport.id > report.id,
    )
    return db.session.scalar(query.order_by(AgentReport.id).limit(1))


def _at_stake(report: AgentReport, now: datetime) -> list[ExpectedBackupJob]:
    """The jobs whose open cycle it landed in."""
    job = ExpectedBackupJob
    query = select(job).where(
        job.agent_key == report.agent_key,
        job.deleted_at.is_(None),
        job.is_active.is_(True),
        job.deadline_at > now,
    )
    found = []
    for one in db.session.scalars(query.order_by(job.deadline_at, job.id)):
        cycle = one.cycles.cycle_of(report.landed_at)
        if cycle is not None and cycle.due == one.expected_due_at:
            found.append(one)
    return found
