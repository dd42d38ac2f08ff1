"""Overdue: what was expected and did not come, once per cycle."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import Select, func, select, update

from backupmon.core.overdue import Instead, InvalidReport, judge_overdue
from backupmon.core.phrases import phrase
from backupmon.core.schedule import Cycle
from backupmon.core.statuses import Status
from backupmon.core.waiting import LONGEST_WAIT
from backupmon.extensions import db
from backupmon.models import AgentReport, BackupEntry, ExpectedBackupJob
from backupmon.services.conditions import SETTLING, settling_since
from backupmon.services.context import Scan
from backupmon.services.job_state import (
    lock_jobs,
    open_cycle,
    refresh_states,
    restart_cycles,
)
from backupmon.services.judging import conclude
from backupmon.services.outbox import forget_entries, revive_alerts, tell_verdicts
from backupmon.services.reminders import deciding_entries
from backupmon.services.trials import pause_again, silence_again
from backupmon.services.unreadable_reports import unreadable_in
from backupmon.storage.faults import ServerFault

log = structlog.get_logger()

#: Missed cycles that are entered one by one after an outage of the monitor.
MOST_CYCLES = 31
_BATCH = 200


def resume_paused(scan: Scan) -> None:
    """Resume the jobs whose pause is over: their first cycle is the next one due from its end."""
    with scan.recording():
        query = select(ExpectedBackupJob).where(
            ExpectedBackupJob.deleted_at.is_(None),
            ExpectedBackupJob.is_active.is_(False),
            ExpectedBackupJob.paused_until <= scan.now,
        )
        over = query.order_by(ExpectedBackupJob.id).with_for_update(key_share=True)
        for job in db.session.scalars(over):
            assert job.paused_until is not None
            # Not from the scan's moment: nobody forgives what was missed while nobody looked.
            restart_cycles(job, job.paused_until)
            job.is_active, job.paused_until, job.pause_ended = True, None, job.paused_until
            job.updated_at = scan.real_now
            log.info("job.resumed", job=job.id, agent=job.agent_id_responsible)


def withdraw_premature(scan: Scan) -> None:
    """Withdraw what was entered for a deadline that turns out to lie ahead.

    A clock that jumped, or a trial with ``--as-of``: held against the later of the scan's
    moment and the clock, so that looking back with ``--as-of`` withdraws nothing. What was to be
    told and only seemed too old by then waits again, and what only ended by then lasts again.
    """
    moment = max(scan.now, scan.real_now)
    with scan.recording():
        revive_alerts(moment)
        query = select(BackupEntry).where(
            BackupEntry.by_deadline.is_(True), BackupEntry.cycle_deadline_at > moment
        )
        touched: dict[int, ExpectedBackupJob] = {}
        premature = list(db.session.scalars(query))
        lock_jobs(entry.expected_job_id for entry in premature)
        forget_entries([entry.id for entry in premature], scan.now)
        for entry in premature:
            job = entry.job
            touched[job.id] = job
            if job.expected_due_at is None or entry.cycle_due_at < job.expected_due_at:
                job.expected_due_at = entry.cycle_due_at
                job.deadline_at = entry.cycle_deadline_at
            db.session.delete(entry)
            scan.counts["withdrawn"] += 1
            log.warning("overdue.withdrawn", job=job.id, cycle=entry.cycle_due_at.isoformat())
        refresh_states(touched.values())
    # Each for itself: jobs are locked in the order of their ids.
    with scan.recording():
        pause_again(moment, scan.real_now)
    with scan.recording():
        silence_again(moment)
    if not touched:
        return
    with scan.recording():
        # What was entered beside it, and is true, may have been told by it alone.
        tell_verdicts(scan.settings, deciding_entries(list(touched)).values(), scan.now)


def judge_overdue_jobs(scan: Scan) -> None:
    """Enter what is overdue, job by job, and note that the others were found on time."""
    if scan.roots.deposit is None:
        return
    held_back = _held_back(scan)
    ids = list(db.session.scalars(_overdue(scan)))
    for start in range(0, len(ids), _BATCH):
        with scan.recording():
            # A worker may have concluded one just now: it is looked at as it is by then.
            locked = lock_jobs(ids[start : start + _BATCH])
            jobs = [j for j in locked if _is_overdue(scan, j) and j.agent_key not in held_back]
            missed = [entry for job in jobs for entry in _enter_missed(scan, job)]
            refresh_states(jobs)
            tell_verdicts(scan.settings, missed, scan.now)
    _note_checked(scan, held_back)


def _is_overdue(scan: Scan, job: ExpectedBackupJob) -> bool:
    return job.is_active and job.deadline_at is not None and job.deadline_at < scan.now


def _overdue(scan: Scan) -> Select[int]:
    query = select(ExpectedBackupJob.id).where(
        ExpectedBackupJob.is_active.is_(True),
        ExpectedBackupJob.deleted_at.is_(None),
        ExpectedBackupJob.deadline_at < scan.now,
    )
    if scan.agent is not None:
        query = query.where(ExpectedBackupJob.agent_key == scan.agent)
    return query.order_by(ExpectedBackupJob.deadline_at, ExpectedBackupJob.id)


def _held_back(scan: Scan) -> set[str]:
    """Agents of whom we cannot say that they are silent.

    A report that is being written holds its agent back, but not for ever: a file that is never
    finished must not hide a missing backup.
    """
    held = set(scan.unseen)
    for agent in scan.settling:
        since = settling_since(agent)
        if since is None or scan.real_now - since < LONGEST_WAIT:
            held.add(agent)
        scan.note(
            ServerFault(
                SETTLING,
                agent,
                phrase(
                    "a report of %(agent)s is not finished, and keeps being written to",
                    agent=agent,
                ),
                phrase("see what writes it; agents should write under another name and rename"),
            )
        )
    return held


def _enter_missed(scan: Scan, job: ExpectedBackupJob) -> list[BackupEntry]:
    entered: list[BackupEntry] = []
    assert job.expected_due_at is not None
    cycles, left_out = job.cycles.missed(job.expected_due_at, scan.now, MOST_CYCLES)
    if left_out:
        log.warning("overdue.left_out", job=job.id, cycles=left_out)
    for cycle in cycles:
        states = _states_in(job, cycle)
        if not states:
            entered.append(_enter(scan, job, cycle))
        elif states == {Status.PENDING.value}:
            # A report has come and is not judged yet: no later cycle is opened before it is.
            break
        open_cycle(job, job.cycles.next_cycle(cycle.due))
    return entered


def _states_in(job: ExpectedBackupJob, cycle: Cycle) -> set[str]:
    query = select(BackupEntry.status).where(
        BackupEntry.expected_job_id == job.id, BackupEntry.cycle_due_at == cycle.due
    )
    return set(db.session.scalars(query))


def _enter(scan: Scan, job: ExpectedBackupJob, cycle: Cycle) -> BackupEntry:
    instead, report = _what_instead(scan, job, cycle)
    verdict = judge_overdue(job.database_name, cycle, instead)
    entry = BackupEntry(
        job=job,
        report=report,
        cycle_due_at=cycle.due,
        cycle_deadline_at=cycle.deadline,
        by_deadline=True,
        before_job=False,
        status=Status.PENDING.value,
        created_at=scan.real_now,
        operation_log_file_name=report.file_name if report else None,
    )
    db.session.add(entry)
    db.session.flush()
    conclude(scan, entry, verdict)
    return entry


def _what_instead(
    scan: Scan, job: ExpectedBackupJob, cycle: Cycle
) -> tuple[Instead, AgentReport | None]:
    """What there was of the agent in the cycle, and the invalid report that it failed by."""
    invalid = [r for r in _landed_invalid(job, cycle) if _cycle_landed(job, r) == cycle.due]
    valid = _newest_valid(job, cycle)
    instead = Instead(
        invalid=[
            InvalidReport(
                r.file_name,
                r.landed_at,
                tuple((f["path"], f["problem"]) for f in r.faults),
            )
            for r in invalid
        ],
        unreadable_at=unreadable_in(scan, job, cycle),
        early_end=_early_end(job, cycle),
        other_databases=valid.database_names if valid else (),
        agent_reported_at=valid.ended_at if valid else None,
    )
    return instead, invalid[-1] if invalid else None


def _landed_invalid(job: ExpectedBackupJob, cycle: Cycle) -> Sequence[AgentReport]:
    query = select(AgentReport).where(
        AgentReport.agent_key == job.agent_key,
        AgentReport.valid.is_(False),
        AgentReport.landed_at >= cycle.opens,
    )
    return db.session.scalars(query.order_by(AgentReport.landed_at, AgentReport.id)).all()


def _cycle_landed(job: ExpectedBackupJob, report: AgentReport) -> datetime | None:
    cycle = job.cycles.cycle_of(report.landed_at)
    return cycle.due if cycle else None


def _newest_valid(job: ExpectedBackupJob, cycle: Cycle) -> AgentReport | None:
    """A valid report of the agent that ended in the cycle: it does not name the database."""
    query = select(AgentReport).where(
        AgentReport.agent_key == job.agent_key,
        AgentReport.valid.is_(True),
        AgentReport.ended_at >= cycle.opens,
        AgentReport.ended_at <= cycle.deadline,
    )
    return db.session.scalar(query.order_by(AgentReport.ended_at.desc()).limit(1))


def _early_end(job: ExpectedBackupJob, cycle: Cycle) -> datetime | None:
    """The end of a report on the database that came after the last deadline and too early."""
    previous = job.cycles.previous(cycle.due)
    if previous is None:
        return None
    query = select(func.max(BackupEntry.report_end_at)).where(
        BackupEntry.expected_job_id == job.id,
        BackupEntry.cycle_due_at == previous.due,
        BackupEntry.report_end_at > previous.deadline,
        BackupEntry.report_end_at < cycle.opens,
    )
    return db.session.scalar(query)


def _note_checked(scan: Scan, held_back: set[str]) -> None:
    """The jobs that are on time were looked at too.

    One that is being concluded at this moment is left to that: it is noted there.
    """
    on_time = select(ExpectedBackupJob.id).where(
        ExpectedBackupJob.is_active.is_(True),
        ExpectedBackupJob.deleted_at.is_(None),
        ExpectedBackupJob.deadline_at >= scan.now,
    )
    if scan.agent is not None:
        on_time = on_time.where(ExpectedBackupJob.agent_key == scan.agent)
    if held_back:
        on_time = on_time.where(ExpectedBackupJob.agent_key.not_in(held_back))
    unlocked = on_time.with_for_update(skip_locked=True, key_share=True)
    statement = update(ExpectedBackupJob).where(ExpectedBackupJob.id.in_(unlocked))
    with scan.recording():
        db.session.execute(
            statement.values(last_checked_timestamp=scan.now).execution_options(
                synchronize_session=False
            )
        )
