"""The reports that were taken in, page by page, with what came of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import aliased

from backupmon.core.faults import Fault
from backupmon.core.job_spec import agent_key
from backupmon.core.statuses import Status
from backupmon.core.text import one_line
from backupmon.extensions import db
from backupmon.models import AgentReport, BackupEntry, ExpectedBackupJob

#: Reports on one page.
PAGE_SIZE = 50
#: An invalid report is news for so long.
_RECENT = timedelta(days=7)
_MOST_UNANSWERED, _MOST_LOOKED_AT = 20, 5_000
#: The order in which verdicts are told.
_ORDER = [
    Status.MISSING,
    Status.FAILED,
    Status.TRANSFER_INTEGRITY_FAILED,
    Status.HASH_MISMATCH,
    Status.PENDING,
    Status.UNKNOWN,
    Status.SUCCESS,
]


@dataclass(frozen=True, slots=True)
class ReportSelection:
    """Which reports are looked for; empty words and None ask for all.

    Parameters
    ----------
    search:
        A part of the file's name, in any case.
    agent:
        Of this agent, as ids are compared.
    valid:
        Only valid ones, or only invalid ones.
    since, until:
        Landed at the one or later, and before the other (aware).
    page:
        From 1.
    """

    search: str = ""
    agent: str = ""
    valid: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    page: int = 1

    @property
    def is_filtered(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.search or self.agent or self.since or self.until) or (
            self.valid is not None
        )


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report, and how many of its databases got which verdict, worst first."""

    report: AgentReport
    verdicts: Sequence[tuple[Status, int]]

    @property
    def faults(self) -> list[Fault]:
        """All that is wrong with it."""
        return faults_of(self.report)

    @property
    def unexpected(self) -> int:
        """How many of its databases no job expected."""
        judged = sum(number for _status, number in self.verdicts)
        return max(0, len(self.report.database_names) - judged) if self.report.valid else 0


@dataclass(frozen=True, slots=True)
class ReportPage:
    """One page of reports, newest first, and how many there are on all pages."""

    rows: Sequence[ReportRow]
    found: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.found // PAGE_SIZE))


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The newest invalid report of an agent that has sent no valid one since."""

    report: AgentReport

    @property
    def faults(self) -> list[Fault]:
        """All that is wrong with it."""
        return faults_of(self.report)


def load_reports(selection: ReportSelection) -> ReportPage:
    """A page of reports, in three queries."""
    fits = list(_fits(selection))
    found = db.session.scalar(select(func.count()).select_from(AgentReport).where(*fits)) or 0
    query = select(AgentReport).where(*fits).order_by(AgentReport.id.desc())
    start = (max(1, selection.page) - 1) * PAGE_SIZE
    reports = list(db.session.scalars(query.offset(start).limit(PAGE_SIZE)))
    verdicts = _verdicts(report.id for report in reports)
    return ReportPage([ReportRow(one, verdicts.get(one.id, ())) for one in reports], found)


def unanswered_reports(now: datetime) -> list[Unanswered]:
    """Of each agent whose last report of this week is invalid, that report; newest first."""
    since = now - _RECENT
    # Bounded, so that it is read from the small index of invalid ones.
    recent = (
        select(AgentReport.id, AgentReport.agent_key)
        .where(AgentReport.valid.is_(False), AgentReport.landed_at >= since)
        .order_by(AgentReport.id.desc())
        .limit(_MOST_LOOKED_AT)
        .subquery()
    )
    newest = select(func.max(recent.c.id)).group_by(recent.c.agent_key)
    later = aliased(AgentReport)
    answered = exists().where(
        later.agent_key == AgentReport.agent_key,
        later.landed_at >= since,
        later.valid.is_(True),
        later.id > AgentReport.id,
    )
    query = select(AgentReport).where(AgentReport.id.in_(newest), ~answered)
    newest_first = query.order_by(AgentReport.id.desc()).limit(_MOST_UNANSWERED)
    return [Unanswered(report) for report in db.session.scalars(newest_first)]


def known_agents() -> list[str]:
    """The agents that jobs name, to choose from."""
    agent = ExpectedBackupJob.agent_id_responsible
    query = select(agent).where(ExpectedBackupJob.deleted_at.is_(None)).distinct()
    return sorted(db.session.scalars(query), key=str.casefold)


def faults_of(report: AgentReport) -> list[Fault]:
    """All that is wrong with a report."""
    return [Fault.from_dict(kept) for kept in report.faults]


def _fits(selection: ReportSelection) -> Iterable[ColumnElement[bool]]:
    # What no column can hold is never sent: some databases choke on it.
    if words := one_line(selection.search):
        yield AgentReport.file_name.icontains(words, autoescape=True)
    if agent := one_line(selection.agent):
        yield AgentReport.agent_key == agent_key(agent)
    if selection.valid is not None:
        yield AgentReport.valid.is_(selection.valid)
    if selection.since is not None:
        yield AgentReport.landed_at >= selection.since
    if selection.until is not None:
        yield AgentReport.landed_at < selection.until


def _verdicts(ids: Iterable[int]) -> Mapping[int, Sequence[tuple[Status, int]]]:
    query = (
        select(BackupEntry.report_id, BackupEntry.status, func.count())
        .where(BackupEntry.report_id.in_(list(ids)))
        .group_by(BackupEntry.report_id, BackupEntry.status)
    )
    found: dict[int, list[tuple[Status, int]]] = {}
    for report_id, status, number in db.session.execute(query):
        if report_id is not None:
            found.setdefault(report_id, []).append((Status(status), number))
    return {one: sorted(told, key=lambda t: _ORDER.index(t[0])) for one, told in found.items()}
