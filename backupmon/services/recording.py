"""Recording a report: its row, a PENDING entry per job it names, and the discoveries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import insert, select

from backupmon.core.report import Report, Section, Step
from backupmon.core.report_fields import MAX_SIZE
from backupmon.core.schedule import Cycle
from backupmon.core.statuses import Status
from backupmon.core.text import one_line
from backupmon.extensions import db
from backupmon.models import AgentReport, BackupEntry, Discovery, ExpectedBackupJob
from backupmon.services.context import Scan
from backupmon.services.log_folders import AgentJobs

if TYPE_CHECKING:
    from backupmon.services.intake import Taken

log = structlog.get_logger()

#: What one agent may fill the list of discoveries with.
MOST_DISCOVERIES = 500
_MOST_NAMES = 1000


def report_known(agent: str, sha256: str, occurrence: str) -> bool:
    """Whether this very report was taken in before."""
    query = select(AgentReport.id).where(
        AgentReport.agent_key == agent,
        AgentReport.sha256 == sha256,
        AgentReport.occurrence == occurrence,
    )
    return db.session.scalar(query) is not None


def record_report(scan: Scan, taken: Taken, occurrence: str, agent: AgentJobs) -> None:
    """Add the report and what follows from it to the transaction under way."""
    ours = taken.arrived
    report = ours.report
    row = AgentReport(
        agent_id=one_line(agent.agent_id),
        agent_key=agent.key,
        sha256=taken.sha256,
        occurrence=occurrence,
        valid=report.valid,
        folder=one_line("/".join(ours.found.folder), 4000),
        file_name=one_line(ours.found.name),
        size=ours.read.size,
        started_at=report.started_at,
        ended_at=report.ended_at,
        overall_status=report.overall_status,
        database_names=[s.database_name for s in report.sections[:_MOST_NAMES]],
        faults=[fault.as_dict() for fault in report.all_faults()],
        oddities=[oddity.as_dict() for oddity in report.oddities],
        landed_at=ours.landed_at,
        changed_at=ours.read.changed_at,
        received_at=scan.now,
        # Exactly as on disk: each component was made safe when the place was chosen.
        archive_path="/".join(taken.place),
    )
    db.session.add(row)
    if not report.valid:
        return
    db.session.flush()
    expected = [(agent.jobs[s.raw_name], s) for s in report.sections if s.raw_name in agent.jobs]
    entries = [_entry(scan, row, report, job, section) for job, section in expected]
    if entries:
        # As plain rows: nothing else is done with them before they are verified.
        nulls = {"render_nulls": True}
        db.session.execute(insert(BackupEntry), entries, execution_options=nulls)
        scan.counts["entries_born"] += len(entries)
    others = [s for s in report.sections if s.raw_name not in agent.jobs]
    if others:
        _discover(scan, row, others)


def _entry(
    scan: Scan, row: AgentReport, report: Report, job: ExpectedBackupJob, section: Section
) -> dict[str, Any]:
    """The columns of a PENDING entry."""
    cycle = _cycle_of(job, section)
    return dict(
        expected_job_id=job.id,
        report_id=row.id,
        cycle_due_at=cycle.due,
        cycle_deadline_at=cycle.deadline,
        before_job=cycle.due < job.created_at,
        status=Status.PENDING.value,
        created_at=scan.real_now,
        report_end_at=section.end,
        operation_log_file_name=row.file_name,
        agent_overall_status=report.overall_status,
        agent_staged_file_name=section.staged_file_name,
        agent_transfer_error_message=section.transfer_error,
        agent_logs_summary=section.logs_summary,
        agent_backup_hash_pre_compress=section.backup.sha256,
        agent_backup_size_pre_compress=section.backup.size,
        agent_compress_hash_post_compress=section.compress.sha256,
        agent_compress_size_post_compress=section.compress.size,
        section_faults=[fault.as_dict() for fault in section.faults[:50]],
        findings=[oddity.as_dict() for oddity in section.oddities[:50]],
        **_step_columns("backup", section.backup),
        **_step_columns("compress", section.compress),
        **_step_columns("transfer", section.transfer),
    )


def _cycle_of(job: ExpectedBackupJob, section: Section) -> Cycle:
    cycles = job.cycles
    return cycles.cycle_of(section.end) or cycles.next_cycle(section.end)


def _step_columns(name: str, step: Step) -> dict[str, Any]:
    return {
        f"agent_{name}_process_status": step.status,
        f"agent_{name}_process_start_time": step.started_at,
        f"agent_{name}_process_timestamp": step.ended_at,
    }


def _discover(scan: Scan, row: AgentReport, sections: Sequence[Section]) -> None:
    """Note databases that no job expects: at most so many of one agent."""
    query = select(Discovery).where(Discovery.agent_key == row.agent_key)
    known = {d.database_name: d for d in db.session.scalars(query)}
    for section in sections:
        name = section.database_name
        if not name:
            continue
        if name in known:
            _seen_again(known[name], scan, row, section)
        elif len(known) < MOST_DISCOVERIES:
            known[name] = _discovery(scan, row, section)
            db.session.add(known[name])
            scan.counts["discoveries"] += 1
            log.info("intake.discovery", agent=row.agent_key, database=name)


def _discovery(scan: Scan, row: AgentReport, section: Section) -> Discovery:
    return Discovery(
        agent_id=row.folder.split("/")[0],
        agent_key=row.agent_key,
        database_name=section.database_name,
        staged_file_name=section.staged_file_name,
        folder=row.folder,
        report_id=row.id,
        first_seen_at=scan.now,
        last_seen_at=scan.now,
        seen_count=1,
        backup_size=_plausible(section.backup.size),
        compress_size=_plausible(section.compress.size),
    )


def _seen_again(discovery: Discovery, scan: Scan, row: AgentReport, section: Section) -> None:
    discovery.last_seen_at = scan.now
    discovery.seen_count += 1
    discovery.report_id = row.id
    discovery.staged_file_name = section.staged_file_name
    discovery.backup_size = _plausible(section.backup.size)
    discovery.compress_size = _plausible(section.compress.size)


def _plausible(size: int | None) -> int | None:
    """A size to show; one that no file can have is none."""
    return size if size is not None and 0 <= size < MAX_SIZE else None
