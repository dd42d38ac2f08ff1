"""From an entry and what was measured to its verdict, and what changes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import structlog
from sqlalchemy import BindParameter, Select, bindparam, or_, select
from sqlalchemy.orm import aliased

from backupmon.core.file_findings import Section
from backupmon.core.findings import Finding
from backupmon.core.job_spec import ContentPolicy
from backupmon.core.measurement import Measurement
from backupmon.core.schedule import Cycle
from backupmon.core.statuses import Status
from backupmon.core.verdict import History, Success, Verdict, judge
from backupmon.extensions import db
from backupmon.models import BackupEntry
from backupmon.models.totals import count_measured
from backupmon.services.context import Scan

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Case:
    """An entry to be judged, with what was seen of its file."""

    entry: BackupEntry
    measurement: Measurement | None
    claimed: str | None = None


def section_of(entry: BackupEntry) -> Section:
    """What the entry's report says, as the rules know it."""
    assert entry.report_end_at is not None
    return Section(
        report_end=entry.report_end_at,
        faults=tuple((f["path"], f["problem"]) for f in entry.section_faults),
        backup_ok=entry.agent_backup_process_status,
        compress_ok=entry.agent_compress_process_status,
        transfer_ok=entry.agent_transfer_process_status,
        staged_file_name=entry.agent_staged_file_name,
        compress_sha256=entry.agent_compress_hash_post_compress,
        compress_size=entry.agent_compress_size_post_compress,
        backup_sha256=entry.agent_backup_hash_pre_compress,
        transfer_error=entry.agent_transfer_error_message,
        oddities=tuple(Finding.from_dict(f) for f in entry.findings),
    )


def cycle_of(entry: BackupEntry) -> Cycle:
    """The entry's cycle, as it stood when its report was taken in."""
    opens = entry.job.cycles.cycle_at(entry.cycle_due_at).opens
    return Cycle(due=entry.cycle_due_at, opens=opens, deadline=entry.cycle_deadline_at)


def judge_cases(scan: Scan, cases: Sequence[Case]) -> list[tuple[Case, Verdict]]:
    """Judge and conclude `cases`, at most one of each job, in the transaction under way."""
    histories = load_histories([case.entry for case in cases])
    judged = []
    for case in cases:
        entry = case.entry
        policy = ContentPolicy(entry.job.content_policy)
        verdict = judge(
            policy, cycle_of(entry), section_of(entry), case.measurement, histories[entry.id]
        )
        conclude(scan, entry, verdict, case.measurement)
        judged.append((case, verdict))
    _count_bytes(cases)
    return judged


def _count_bytes(cases: Sequence[Case]) -> None:
    """Count what was hashed; what several sections share was read once."""
    read = {id(case.measurement): case.measurement for case in cases}
    hashed = [found.size or 0 for found in read.values() if found is not None and found.sha256]
    count_measured(db.session(), len(hashed), sum(hashed))


def conclude(
    scan: Scan, entry: BackupEntry, verdict: Verdict, measurement: Measurement | None = None
) -> None:
    """Write a verdict on its entry, and move what on the job moves on success only."""
    entry.status = verdict.status.value
    entry.findings = [finding.as_dict() for finding in verdict.findings]
    entry.message = verdict.message
    entry.late = verdict.late
    entry.timestamp = scan.now
    entry.hash_comparison_result = verdict.comparison
    entry.previous_successful_hash_global = verdict.baseline_sha256
    if measurement is not None:
        entry.server_calculated_staged_hash = measurement.sha256
        entry.server_calculated_staged_size = measurement.size
    entry.job.last_checked_timestamp = scan.now
    if verdict.status is Status.SUCCESS:
        note_success(entry)
    scan.concluded.append(entry.id)
    scan.counts[verdict.status.value] += 1
    log.info(
        "verdict",
        agent=entry.job.agent_id_responsible,
        job=entry.expected_job_id,
        entry=entry.id,
        database=entry.job.database_name,
        status=verdict.status.value,
        message=verdict.message,
    )


def note_success(entry: BackupEntry) -> None:
    """The job's last success is the newest report's, in whatever order they were judged."""
    job, end = entry.job, entry.report_end_at
    last = job.last_successful_backup_timestamp
    if end is not None and (last is None or end >= last):
        job.last_successful_backup_timestamp = end
        job.previous_successful_hash_global = entry.server_calculated_staged_hash


def load_histories(entries: Sequence[BackupEntry]) -> dict[int, History]:
    """What came before each of `entries`, in two queries."""
    ids = [entry.id for entry in entries]
    baselines = _baselines(ids)
    good, given_up = _same_cycle(ids)
    return {
        entry.id: History(baselines.get(entry.id), entry.id in good, entry.id in given_up)
        for entry in entries
    }


def _baselines(ids: list[int]) -> dict[int, Success]:
    """The last success of an earlier cycle, or what an operator accepted as one, per entry."""
    return {
        entry_id: Success(due, sha256, size, backup)
        for entry_id, due, sha256, size, backup in db.session.execute(_earlier(), {"ids": ids})
        if sha256 is not None and size is not None
    }


def _same_cycle(ids: list[int]) -> tuple[set[int], set[int]]:
    """Of `ids`, those whose cycle is good already, and those whose cycle was given up."""
    good, given_up = set[int](), set[int]()
    rows = db.session.execute(_beside(), {"ids": ids})
    for entry_id, end, status, other_end, by_deadline in rows:
        if end is None or other_end is None:
            pass
        elif status == Status.SUCCESS.value and other_end <= end:
            good.add(entry_id)
        if by_deadline:
            given_up.add(entry_id)
    return good, given_up


# Putting these queries together takes longer than asking them, for few entries: do it once.
_IDS: BindParameter[int] = bindparam("ids", expanding=True)


@cache
def _earlier() -> Select[*tuple[Any, ...]]:
    mine, earlier = aliased(BackupEntry), aliased(BackupEntry)
    last = (
        select(earlier.id)
        .where(
            earlier.expected_job_id == mine.expected_job_id,
            earlier.cycle_due_at < mine.cycle_due_at,
            or_(earlier.status == Status.SUCCESS.value, earlier.accepted_at.is_not(None)),
        )
        .order_by(earlier.cycle_due_at.desc(), earlier.timestamp.desc(), earlier.id.desc())
        .limit(1)
        .correlate(mine)
        .scalar_subquery()
    )
    found = aliased(BackupEntry)
    return (
        select(
            mine.id,
            found.cycle_due_at,
            found.server_calculated_staged_hash,
            found.server_calculated_staged_size,
            found.agent_backup_hash_pre_compress,
        )
        .join(found, found.id == last)
        .where(mine.id.in_(_IDS))
    )


@cache
def _beside() -> Select[*tuple[Any, ...]]:
    mine, other = aliased(BackupEntry), aliased(BackupEntry)
    return (
        select(mine.id, mine.report_end_at, other.status, other.report_end_at, other.by_deadline)
        .join(
            other,
            (other.expected_job_id == mine.expected_job_id)
            & (other.cycle_due_at == mine.cycle_due_at)
            & (other.id != mine.id),
        )
        .where(mine.id.in_(_IDS))
    )
