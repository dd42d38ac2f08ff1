"""Verification: every PENDING entry is measured, judged, claimed, concluded and put away.

Files are measured and placed in threads, several at once; the database is only touched from
the thread that calls. What has been measured while the last transaction was being made durable
is concluded in the next one: many small backups share the price of few commits.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from backupmon.core.errors import TemplateError
from backupmon.core.paths import deposit_components
from backupmon.core.statuses import Status
from backupmon.core.verdict import overtaken
from backupmon.extensions import db
from backupmon.models import BackupEntry
from backupmon.services.context import GivenBackError, Scan
from backupmon.services.dry_run import dry_result
from backupmon.services.job_state import lock_jobs, refresh_states
from backupmon.services.judging import Case, conclude, judge_cases, section_of
from backupmon.services.leases import RENEW_EVERY, drop_leases, renew_leases, still_mine
from backupmon.services.outbox import tell_verdicts
from backupmon.services.promotion import Placement, finish_placements, plan_placements, put_away
from backupmon.services.recovery import finish_moves
from backupmon.services.staged import GroupResult, Judged, StagedGroup, Waiting, inspect
from backupmon.services.taking import take_pending
from backupmon.storage.claims import make_folders
from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import ServerFault
from backupmon.storage.folders import NotAFolderError

log = structlog.get_logger()

#: How many groups are under way at once, at most. What has been measured and what has arrived
#: is recorded together: the more there are, the fewer transactions.
_UNDER_WAY = 400
_BATCH = 200
#: How many entries are held in memory at once.
_AT_ONCE = 2000
#: How often somebody may be told how far it is, in seconds.
_TICK = 0.5
#: How many files are put away at once: that is waiting for the disk, and it likes to be asked
#: for several things together.
_MOVERS = 4
#: Fewer than so many that are done wait for others, but only this long, in seconds.
_ENOUGH = 100
_GATHER = 0.1


def verify_pending(scan: Scan) -> None:
    """Judge every entry that waits, of the scan's agent or of all."""
    if not _can_verify(scan):
        return
    if scan.dry_run:
        verify_taken(scan, pending_entries(scan))
        return
    ids = take_pending(scan.agent)
    try:
        verify_taken(scan, ids)
    finally:
        db.session.rollback()
        drop_leases(ids, looked=True)


def _can_verify(scan: Scan) -> bool:
    roots = scan.roots
    return None not in (roots.deposit, roots.validated, roots.quarantine)


def verify_taken(scan: Scan, ids: Sequence[int]) -> None:
    """Judge entries that are ours to work on, the oldest report first."""
    if not _can_verify(scan):
        return
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        if not scan.dry_run:
            finish_moves(scan, some)
        Verification(scan).run(_load(some))


def pending_entries(scan: Scan) -> list[int]:
    """The ids of the entries that wait for a verdict, the oldest report first."""
    return list(db.session.scalars(_pending(scan)))


def idle_entries(scan: Scan) -> list[int]:
    """The ids of those that wait and that nobody works on."""
    return list(db.session.scalars(_pending(scan).where(BackupEntry.lease_host.is_(None))))


def _pending(scan: Scan) -> Select[int]:
    query = select(BackupEntry.id).where(BackupEntry.status == Status.PENDING.value)
    if scan.agent is not None:
        query = query.where(BackupEntry.job.has(agent_key=scan.agent))
    return query.order_by(BackupEntry.report_end_at, BackupEntry.id)


def _load(ids: Sequence[int]) -> list[BackupEntry]:
    """The entries with their jobs and reports."""
    found: list[BackupEntry] = []
    for start in range(0, len(ids), _BATCH):
        query = (
            select(BackupEntry)
            .where(BackupEntry.id.in_(ids[start : start + _BATCH]))
            .options(joinedload(BackupEntry.job), joinedload(BackupEntry.report))
            .order_by(BackupEntry.report_end_at, BackupEntry.id)
        )
        found += db.session.scalars(query)
    return found


def _load_jobs_again(entries: Iterable[BackupEntry]) -> None:
    """Lock and read the jobs of `entries`, in the transaction that will write to them.

    The entries themselves are leased: nobody else writes to those.
    """
    lock_jobs(entry.expected_job_id for entry in entries)


def pending_groups(scan: Scan) -> list[StagedGroup]:
    """All that waits, by the staged file that it waits for."""
    entries = _load(pending_entries(scan))
    return group_entries(scan, [e for e in entries if section_of(e).claims_success])


def group_entries(scan: Scan, entries: Sequence[BackupEntry]) -> list[StagedGroup]:
    """The entries whose agents say success, by the staged file that they wait for."""
    groups: dict[tuple[str, ...], list[BackupEntry]] = {}
    for entry in entries:
        try:
            groups.setdefault(_staged_place(scan, entry), []).append(entry)
        except TemplateError as error:
            scan.note(_template_fault(entry, error))
        except ServerFault as fault:
            scan.note(fault)
            scan.waiting.append(entry.id)
    found = [
        StagedGroup(
            place,
            tuple(_facts(entry) for entry in waiting),
            copy=any(entry.job.promotion_mode == "copy" for entry in waiting),
        )
        for place, waiting in groups.items()
    ]
    return sorted(found, key=lambda group: group.oldest)


def _facts(entry: BackupEntry) -> Waiting:
    assert entry.report is not None
    return Waiting(
        entry.id,
        entry.expected_job_id,
        section_of(entry),
        entry.cycle_deadline_at,
        entry.report.changed_at,
    )


def _staged_place(scan: Scan, entry: BackupEntry) -> tuple[str, ...]:
    """Where the job's template says that the file lies.

    An agent may have two folders that differ in case; then it is the one its report lay in.
    """
    job = entry.job
    values = job.path_values(entry.agent_staged_file_name, entry.cycle_due_at.year)
    components = deposit_components(job.agent_deposit_path_template, values)
    places = scan.listing.spelt(components)
    assert entry.report is not None
    beside = [p for p in places if p[0] == entry.report.folder.split("/")[0]]
    return (beside or places or [tuple(c.text for c in components)])[0]


def _template_fault(entry: BackupEntry, error: TemplateError) -> ServerFault:
    return ServerFault(
        "path.unusable",
        f"job {entry.expected_job_id}",
        f"{entry.job.title}: {error.message}",
        error.hint or "change the job's path template",
    )


def _ids_of(group: StagedGroup) -> list[int]:
    return [one.entry_id for one in group.waiting]


def _by_claim(
    entries: Sequence[BackupEntry],
) -> tuple[list[BackupEntry], list[BackupEntry]]:
    """The entries whose agents say success, and those whose agents say failure."""
    said = [(entry, section_of(entry).claims_success) for entry in entries]
    return [e for e, success in said if success], [e for e, success in said if not success]


class Verification:
    """One pass over entries that are ours to work on."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan
        self._entries: dict[int, BackupEntry] = {}
        self._queue: deque[StagedGroup] = deque()
        self._inspecting: dict[Future[GroupResult], StagedGroup] = {}
        self._placing: dict[Future[Placement], Placement] = {}
        #: Jobs with work under way: a job's entries are taken one after the other.
        self._busy: dict[int, int] = {}
        self._renewed_at = time.monotonic()

    def run(self, entries: Sequence[BackupEntry]) -> None:
        """Take every entry as far as it goes in this scan."""
        self._entries = {entry.id: entry for entry in entries}
        claims, failures = _by_claim(entries)
        self._queue.extend(group_entries(self._scan, claims))
        if not self._scan.dry_run:
            # Nothing to write yet: this ends the reading, and forgets nothing of what was read.
            db.session.commit()
        self._expect()
        with (
            ThreadPoolExecutor(self._scan.workers, "measure") as pool,
            ThreadPoolExecutor(_MOVERS, "place") as movers,
        ):
            while self._queue or self._inspecting or self._placing:
                self._submit(pool)
                self._collect(movers)
                self._renew()
        if not self._scan.watch.stopping():
            self._conclude_failed(failures)

    def _expect(self) -> None:
        """Tell who looks on how many bytes there are to read, as far as agents say."""
        for group in self._queue:
            sizes = [w.section.compress_size or 0 for w in group.waiting]
            self._scan.watch.expect(_ids_of(group), max(sizes))

    def _submit(self, pool: ThreadPoolExecutor) -> None:
        if self._scan.watch.stopping():
            self._queue.clear()
        skipped: list[StagedGroup] = []
        chosen: list[StagedGroup] = []
        kept_back: set[int] = set()
        room = _UNDER_WAY - len(self._inspecting) - len(self._placing)
        while self._queue and len(chosen) < room:
            group = self._queue.popleft()
            if group.jobs & (self._busy.keys() | kept_back):
                skipped.append(group)
                kept_back |= group.jobs
                continue
            self._begin(group.jobs)
            chosen.append(group)
        self._queue.extendleft(reversed(skipped))
        self._make_folders(chosen)
        for group in chosen:
            self._inspecting[pool.submit(self._inspect, group)] = group

    def _make_folders(self, groups: Sequence[StagedGroup]) -> None:
        """Have the claimed folders ready: many of them cost no more than one does."""
        deposit = self._scan.roots.deposit
        assert deposit is not None
        if groups and not self._scan.dry_run:
            # What cannot be made now is told by the claim that wants it.
            with contextlib.suppress(ServerFault, NotAFolderError):
                make_folders(deposit, [group.waiting[0].entry_id for group in groups])

    def _inspect(self, group: StagedGroup) -> GroupResult:
        scan = self._scan
        assert scan.roots.deposit is not None
        if scan.dry_run:
            return dry_result(scan, group)
        ids = _ids_of(group)
        try:
            return inspect(scan.roots.deposit, group, scan.patience, scan.watch.reading(ids))
        except GivenBackError:
            # Every entry is left as it is, for whoever takes it next.
            return GroupResult()
        finally:
            scan.watch.done(ids)

    def _begin(self, jobs: frozenset[int]) -> None:
        for job_id in jobs:
            self._busy[job_id] = self._busy.get(job_id, 0) + 1

    def _end(self, jobs: frozenset[int]) -> None:
        for job_id in jobs:
            self._busy[job_id] -= 1
            if not self._busy[job_id]:
                del self._busy[job_id]

    def _collect(self, pool: ThreadPoolExecutor) -> None:
        under_way: list[Future[Any]] = [*self._inspecting, *self._placing]
        self._scan.watch.tick()
        done, _ = wait(under_way, _TICK, FIRST_COMPLETED)
        if 0 < len(done) < _ENOUGH:
            wait(under_way, _GATHER)
        arrived = [future for future in self._placing if future.done()]
        if arrived:
            finish_placements(self._scan, [future.result() for future in arrived])
            for future in arrived:
                self._end(frozenset({self._placing.pop(future).job_id}))
        measured = [future for future in self._inspecting if future.done()]
        if measured:
            results = [(self._inspecting.pop(future), future.result()) for future in measured]
            self._settle(pool, results)

    def _settle(
        self, pool: ThreadPoolExecutor, results: list[tuple[StagedGroup, GroupResult]]
    ) -> None:
        """Conclude what was measured, and send the files on their way."""
        placements: list[Placement] = []
        judged = [one for _, result in results for one in result.judged]
        # One transaction takes at most one entry of a job, since each may change what the
        # next is judged by; a file that several jobs share gives one entry to each of them.
        placements += self._conclude(judged, results)
        for placement in placements:
            self._begin(frozenset({placement.job_id}))
            self._placing[pool.submit(put_away, self._scan, placement)] = placement
        for group, result in results:
            self._end(group.jobs)
            self._keep_waiting(group, result)

    def _conclude(
        self, judged: list[Judged], results: list[tuple[StagedGroup, GroupResult]]
    ) -> list[Placement]:
        failpoint("conclude.before")
        scan = self._scan
        touched = [j.entry_id for j in judged]
        touched += [i for _, result in results for i, _ in result.overtaken]
        if not touched:
            return []
        with scan.recording():
            mine = set(touched) if scan.dry_run else still_mine(touched)
            touched = [i for i in touched if i in mine]
            _load_jobs_again(self._entries[i] for i in touched)
            cases = [
                Case(self._entries[j.entry_id], j.measurement, j.claimed)
                for j in judged
                if j.entry_id in mine
            ]
            verdicts = judge_cases(scan, cases)
            for _, result in results:
                for entry_id, by_end in result.overtaken:
                    if entry_id in mine:
                        conclude(scan, self._entries[entry_id], overtaken(by_end))
            placements = plan_placements(scan, verdicts)
            refresh_states({self._entries[i].job for i in touched})
            tell_verdicts(scan.settings, [self._entries[i] for i in touched], scan.now)
        failpoint("conclude.done")
        return [] if scan.dry_run else placements

    def _keep_waiting(self, group: StagedGroup, result: GroupResult) -> None:
        scan = self._scan
        if result.fault is not None:
            scan.note(result.fault)
        if result.waiting:
            scan.waiting += result.waiting
            scan.counts["waiting"] += len(result.waiting)
            scan.wait_until(scan.real_now + max(scan.patience.settle, timedelta(minutes=1)))
            log.info("verification.waits", file="/".join(group.place), entries=result.waiting)
        if result.again:
            self._queue.append(StagedGroup(group.place, tuple(result.again), group.copy))

    def _conclude_failed(self, entries: Sequence[BackupEntry]) -> None:
        """Entries whose agents report a failure: no file is looked at, it stays where it is."""
        waiting = deque(entries)
        while waiting:
            batch: dict[int, BackupEntry] = {}
            later: list[BackupEntry] = []
            for entry in waiting:
                if entry.expected_job_id in batch or len(batch) == _BATCH:
                    later.append(entry)
                else:
                    batch[entry.expected_job_id] = entry
            with self._scan.recording():
                ids = [entry.id for entry in batch.values()]
                mine = set(ids) if self._scan.dry_run else still_mine(ids)
                ours = [entry for entry in batch.values() if entry.id in mine]
                _load_jobs_again(ours)
                judge_cases(self._scan, [Case(entry, None) for entry in ours])
                refresh_states({entry.job for entry in ours})
                tell_verdicts(self._scan.settings, ours, self._scan.now)
            waiting = deque(later)

    def _renew(self) -> None:
        if self._scan.dry_run or time.monotonic() - self._renewed_at < RENEW_EVERY.total_seconds():
            return
        renew_leases(sorted(self._entries))
        self._renewed_at = time.monotonic()
