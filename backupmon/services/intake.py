"""Intake: from the files that agents drop to reports, PENDING entries and discoveries.

A report is renamed aside, read, archived, recorded, and only then removed. Cut off anywhere,
the next scan finds it aside and goes through the same steps again; what is recorded already is
known by its SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from backupmon.core.job_spec import agent_key
from backupmon.core.report import Report, parse_report
from backupmon.core.text import one_line
from backupmon.core.waiting import LONGEST_WAIT
from backupmon.services.context import Scan
from backupmon.services.log_folders import AgentJobs, LogFolder, find_log_folders, load_jobs
from backupmon.services.recording import record_report, report_known
from backupmon.services.unreadable_reports import note_unreadable, pass_over_unreadable
from backupmon.storage.archive import archive_place, archive_report, report_sha256
from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import ServerFault
from backupmon.storage.folders import NotAFolderError
from backupmon.storage.inbox import (
    FoundReport,
    NotAReportError,
    ReadReport,
    UnreadableReportError,
    finish_with,
    left_aside,
    read_report,
    reports_in,
    take_aside,
)

log = structlog.get_logger()

#: Reports that are recorded in one transaction.
_BATCH = 50
#: How soon to look again at what a writer holds open.
_MOMENT = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Arrived:
    """A report that is ready to be taken in; `landed_at` is on the scale of the scan's moment."""

    found: FoundReport
    read: ReadReport
    report: Report
    folder: LogFolder

    landed_at: datetime
    digest: bytes = b""

    @property
    def end(self) -> datetime:
        """Its end; for an invalid one, when it landed."""
        return self.report.ended_at or self.landed_at


def take_in_reports(scan: Scan) -> None:
    """Take in every report that is ready, the oldest end first."""
    if scan.roots.deposit is None or scan.roots.archive is None:
        return
    jobs = _JobCache()
    scan.unreadable.clear()
    arrived = sorted(_arrived(scan, jobs), key=lambda a: (a.end, a.found.path))
    note_unreadable(scan)
    for start in range(0, len(arrived), _BATCH):
        _take_batch(scan, arrived[start : start + _BATCH], jobs)


@dataclass(frozen=True, slots=True)
class Taken:
    """A report that is ours: its SHA-256, and its place in the archive."""

    arrived: Arrived
    sha256: str
    place: tuple[str, ...]


class _JobCache:
    """The jobs of each agent, loaded when a report asks for them."""

    def __init__(self) -> None:
        self._agents: dict[str, AgentJobs] = {}

    def of(self, key: str) -> AgentJobs:
        if key not in self._agents:
            self.load([key])
        return self._agents[key]

    def load(self, keys: Iterable[str]) -> None:
        """Load the jobs of these agents, again where they are loaded already."""
        self._agents.update(load_jobs(set(keys)))


def _arrived(scan: Scan, jobs: _JobCache) -> Iterator[Arrived]:
    folders = find_log_folders(scan)
    by_path = {log_folder.path: log_folder for log_folder in folders}
    deposit = scan.roots.deposit
    assert deposit is not None
    for found in _left(scan, deposit):
        # The folder may be named by no template any more; it is still the agent's own.
        owner = by_path.get(found.folder) or LogFolder(found.folder, _first_agent(found))
        if scan.agent is None or scan.agent in owner.agents:
            yield from _ready(scan, found, owner, jobs)
    for log_folder in folders:
        for found in _listed(scan, deposit, log_folder):
            yield from _ready(scan, found, log_folder, jobs)


def _left(scan: Scan, deposit: int) -> list[FoundReport]:
    """What an interrupted scan left aside, as far as it can be read."""
    left: list[FoundReport] = []
    with scan.noting("DEPOSIT_ROOT/.claimed/reports"):
        for found in left_aside(deposit):
            left.append(found)
    return left


def _first_agent(found: FoundReport) -> frozenset[str]:
    return frozenset({agent_key(found.folder[0])})


def _listed(scan: Scan, deposit: int, log_folder: LogFolder) -> list[FoundReport]:
    try:
        return reports_in(deposit, log_folder.path)
    except NotAFolderError as error:
        log.warning("intake.folder_passed_over", agent=log_folder.owner, reason=str(error))
    except ServerFault as fault:
        scan.note(fault)
        scan.unseen |= log_folder.agents
    return []


def _ready(
    scan: Scan, found: FoundReport, log_folder: LogFolder, jobs: _JobCache
) -> Iterator[Arrived]:
    """The report, unless it has to settle or is none at all."""
    deposit = scan.roots.deposit
    assert deposit is not None
    try:
        read = read_report(deposit, found)
    except UnreadableReportError as error:
        pass_over_unreadable(scan, found, log_folder, error.changed_at)
        return
    except NotAReportError as error:
        scan.counts["reports_passed_over"] += 1
        log.warning(
            "intake.passed_over", agent=log_folder.owner, file=found.path, reason=error.kind
        )
        return
    except ServerFault as fault:
        scan.note(fault)
        scan.unseen |= log_folder.agents
        return
    if read is None:
        return
    landed_ns = found.landed_ns if found.aside else read.landed_ns
    read = ReadReport(read.data, read.size, landed_ns, read.written_ns, read.held)
    report = _parse(scan, read, log_folder, jobs)
    arrived = Arrived(found, read, report, log_folder, scan.landed(read.changed_at))
    if not scan.dry_run:
        # Many large reports must not fill the memory: it is read again once it is ours.
        arrived = replace(arrived, read=replace(read, data=b""), digest=_digest(read.data))
    if _must_settle(scan, arrived):
        scan.settling |= log_folder.agents
        scan.counts["reports_settling"] += 1
        log.info("intake.settling", agent=log_folder.owner, file=found.path)
    else:
        yield arrived


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _parse(scan: Scan, read: ReadReport, log_folder: LogFolder, jobs: _JobCache) -> Report:
    agent_jobs = jobs.of(log_folder.owner)
    return parse_report(
        read.data,
        agents=log_folder.agents,
        landed_at=scan.landed(read.changed_at),
        now=scan.now,
        zone_of=agent_jobs.zone_of,
        zones=agent_jobs.zones,
    )


def _must_settle(scan: Scan, arrived: Arrived) -> bool:
    """An invalid report may be half written; ours, aside, is written no more."""
    if arrived.report.valid or arrived.found.aside:
        return False
    changed_at = arrived.read.changed_at
    if scan.patience.young(changed_at):
        scan.wait_until(changed_at + scan.patience.settle)
        return True
    if arrived.read.held and scan.clock - changed_at < LONGEST_WAIT:
        scan.wait_until(scan.real_now + max(scan.patience.settle, _MOMENT))
        return True
    return False


def _take_batch(scan: Scan, batch: list[Arrived], jobs: _JobCache) -> None:
    taken = [one for arrived in batch if (one := _take(scan, arrived, jobs)) is not None]
    with scan.recording():
        # Once for all, and from within: what entries are born by is what stands there now.
        jobs.load(_agent_of(one.arrived) for one in taken)
        for one in taken:
            _record(scan, one, jobs)
    failpoint("intake.recorded")
    if scan.dry_run:
        return
    assert scan.roots.deposit is not None
    for one in taken:
        with scan.noting(one.arrived.found.path):
            finish_with(scan.roots.deposit, one.arrived.found)


def _take(scan: Scan, arrived: Arrived, jobs: _JobCache) -> Taken | None:
    """Rename aside, read again, archive: what is archived is what is judged by."""
    deposit, archive = scan.roots.deposit, scan.roots.archive
    assert deposit is not None
    assert archive is not None
    try:
        ours = arrived if scan.dry_run else _aside(scan, arrived, jobs)
        if ours is None:
            return None
        sha256 = report_sha256(deposit, ours.found, ours.read)
        agent = ours.found.folder[0] if ours.found.folder else ours.folder.owner
        place = archive_place(agent, ours.end, sha256, ours.found.name)
        if not scan.dry_run:
            archive_report(archive, place, ours.read, deposit, ours.found)
            ours = replace(ours, read=replace(ours.read, data=b""))
        return Taken(ours, sha256, place)
    except ServerFault as fault:
        scan.note(fault)
        scan.unseen |= arrived.folder.agents
        return None


def _aside(scan: Scan, arrived: Arrived, jobs: _JobCache) -> Arrived | None:
    deposit = scan.roots.deposit
    assert deposit is not None
    taken: FoundReport | None = arrived.found
    if not arrived.found.aside:
        taken = take_aside(deposit, arrived.found, arrived.read.landed_ns)
    if taken is None:
        return None
    try:
        read = read_report(deposit, taken)
    except NotAReportError:
        # Swapped for something else between the look and the rename: left aside, harmless.
        return None
    if read is None:
        return None
    read = ReadReport(read.data, read.size, arrived.read.landed_ns, read.written_ns, read.held)
    report = arrived.report
    if _digest(read.data) != arrived.digest:
        report = _parse(scan, read, arrived.folder, jobs)
    return Arrived(taken, read, report, arrived.folder, arrived.landed_at)


def _record(scan: Scan, taken: Taken, jobs: _JobCache) -> None:
    ours = taken.arrived
    agent = jobs.of(_agent_of(ours))
    occurrence = "" if ours.report.valid else str(ours.read.written_ns)
    if report_known(agent.key, taken.sha256, occurrence):
        scan.counts["reports_known"] += 1
        log.info("intake.known", agent=agent.key, file=ours.found.path)
        return
    if any("clock ahead" in fault.problem for fault in ours.report.faults):
        scan.ahead.add(agent.key)
    scan.counts["reports_taken_in" if ours.report.valid else "reports_invalid"] += 1
    record_report(scan, taken, occurrence, agent)
    log.info(
        "intake.taken_in" if ours.report.valid else "intake.invalid",
        agent=agent.key,
        file=one_line(ours.found.path),
        databases=len(ours.report.sections),
        faults="; ".join(f"{f.path}: {f.problem}" for f in ours.report.all_faults()[:3]) or None,
    )


def _agent_of(ours: Arrived) -> str:
    """The folder decides; where it is several agents', the report says which of them."""
    said = agent_key(ours.report.agent_id or "")
    return said if said in ours.folder.agents else ours.folder.owner
