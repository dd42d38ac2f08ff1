"""One scan: recover, take in, verify, enter what is overdue. Each step can be killed anywhere."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from backupmon.config import Settings
from backupmon.core.job_spec import agent_key
from backupmon.core.phrases import phrase
from backupmon.extensions import begin_write, db
from backupmon.models import BackupEntry, ScanRun
from backupmon.services.conditions import (
    SETTLING,
    SeenBy,
    end_outlived,
    note_stuck,
    record_conditions,
)
from backupmon.services.context import OpenRoots, Scan, Watch
from backupmon.services.delivery import deliver_alerts
from backupmon.services.dry_run import measure_groups
from backupmon.services.heartbeat import beat
from backupmon.services.intake import take_in_reports
from backupmon.services.locking import ScanLock
from backupmon.services.numbering import skip_used_numbers
from backupmon.services.overdue import judge_overdue_jobs, resume_paused, withdraw_premature
from backupmon.services.promotion import note_occupied
from backupmon.services.recovery import recover
from backupmon.services.reminders import end_snoozes, remind, tell_newcomers
from backupmon.services.roots import all_roots, open_roots
from backupmon.services.verification import idle_entries, pending_groups, verify_pending
from backupmon.storage.clock import filesystem_now
from backupmon.storage.faults import ServerFault

log = structlog.get_logger()

#: So many agents whose clocks run ahead at once mean that ours runs behind.
CLOCKS_AHEAD = 3


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How a scan was asked for.

    Parameters
    ----------
    as_of:
        The moment to judge as of; None is now.
    agent:
        The id of the only agent to look at; None is all.
    workers:
        How many files are measured at once.
    dry_run:
        Move nothing, record nothing.
    """

    as_of: datetime | None = None
    agent: str | None = None
    workers: int = 1
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a scan did."""

    scan_id: int | None
    moment: datetime
    started_at: datetime
    finished_at: datetime
    counts: dict[str, int]
    entries: Sequence[dict[str, Any]] = ()
    waiting: Sequence[dict[str, Any]] = ()
    conditions: Sequence[dict[str, str]] = field(default=())
    look_again_at: datetime | None = None
    dry_run: bool = False


#: Told the ids of the entries that wait, for others to verify.
HandOver = Callable[[list[int]], None]


def run_scan(
    settings: Settings,
    options: ScanOptions,
    *,
    watch: Watch | None = None,
    hand_over: HandOver | None = None,
    deliver: bool = True,
) -> ScanResult:
    """Do one scan in this process, and send what it gives to tell, to the other monitor last.

    Parameters
    ----------
    watch:
        Who looks on while files are read, and may end it.
    hand_over:
        Verifies what waits, elsewhere, where what there is to tell is sent as well; the caller
        then has `tell_of_life` to do. None does it all here.
    deliver:
        False where what there is to tell is left in the outbox.

    Raises
    ------
    ScanRunningError
        When another scan is running.
    """
    result = _scan(settings, options, watch, hand_over)
    if hand_over is None:
        # Without the lock: a mail server that takes its time holds up no scan.
        if deliver and not options.dry_run:
            deliver_alerts(settings, result.moment)
        tell_of_life(settings, options, result)
    return result


def tell_of_life(settings: Settings, options: ScanOptions, result: ScanResult) -> None:
    """Tell the other monitor of a good scan of all agents, once nothing else is left to do.

    A monitor that takes its time then holds up no alert.
    """
    if _is_good(result) and options == ScanOptions(workers=options.workers):
        beat(settings)


def _is_good(result: ScanResult) -> bool:
    """Whether the scan could look at all it had to: a root that is missing says nothing is well."""
    return not any(condition["code"].startswith("root.") for condition in result.conditions)


def _scan(
    settings: Settings, options: ScanOptions, watch: Watch | None, hand_over: HandOver | None
) -> ScanResult:
    with ScanLock(settings):
        started_at = datetime.now(UTC)
        moment = options.as_of or started_at
        run, after_crash = None, False
        if not options.dry_run:
            run, after_crash = _begin_run(started_at, moment, options)
        with structlog.contextvars.bound_contextvars(scan=run.id if run else "dry"):
            try:
                scan = prepare_scan(settings, options, started_at, moment)
                scan.watch = watch or scan.watch
                scan.after_crash = after_crash
                try:
                    if options.dry_run:
                        _rehearse(scan)
                    else:
                        _steps(scan, hand_over)
                    result = _result(scan, run, started_at)
                finally:
                    scan.roots.close()
            except BaseException as error:
                _end_run(run, "failed", {}, str(error) or type(error).__name__)
                raise
            _end_run(run, "done", dict(scan.counts))
            return result


def _steps(scan: Scan, hand_over: HandOver | None) -> None:
    log.info("scan.began", moment=scan.now.isoformat(), agent=scan.agent)
    resume_paused(scan)
    withdraw_premature(scan)
    recover(scan)
    take_in_reports(scan)
    if hand_over is None:
        verify_pending(scan)
    else:
        _give(scan, hand_over)
    judge_overdue_jobs(scan)
    end_snoozes(scan)
    tell_newcomers(scan)
    remind(scan)
    note_stuck(scan)
    note_occupied(scan)
    _note_clocks(scan)
    seen_by = {SeenBy.SCAN} if hand_over else {SeenBy.SCAN, SeenBy.VERIFY}
    record_conditions(scan, seen_by)
    log.info("scan.ended", **dict(sorted(scan.counts.items())))


def _give(scan: Scan, hand_over: HandOver) -> None:
    """Let others verify what waits."""
    end_outlived(scan)
    waiting = idle_entries(scan)
    scan.counts["handed_over"] += len(waiting)
    hand_over(waiting)


def _rehearse(scan: Scan) -> None:
    """The same steps in one transaction that is rolled back; see `dry_run`."""
    take_in_reports(scan)
    groups = pending_groups(scan)
    db.session.rollback()
    scan.counts, scan.faults = Counter(), []
    measure_groups(scan, groups)
    withdraw_premature(scan)
    take_in_reports(scan)
    verify_pending(scan)
    judge_overdue_jobs(scan)


def prepare_scan(
    settings: Settings, options: ScanOptions, started_at: datetime, moment: datetime
) -> Scan:
    """Open the roots and ask the filesystem's clock; the caller closes `Scan.roots`."""
    if not options.dry_run:
        skip_used_numbers(all_roots(settings))
    return open_scan(settings, options, started_at, moment)


def open_scan(
    settings: Settings, options: ScanOptions, started_at: datetime, moment: datetime
) -> Scan:
    """As `prepare_scan`, for a part of a scan that gives no numbers."""
    faults: list[ServerFault] = []
    roots = open_roots(settings, started_at, faults.append, dry_run=options.dry_run)
    clock = started_at
    if roots.deposit is not None and not options.dry_run:
        try:
            clock = filesystem_now(roots.deposit)
        except ServerFault as error:
            # Where nothing can be written, nothing can be claimed: leave all as it is.
            faults.append(error)
            os.close(roots.deposit)
            roots = OpenRoots(None, roots.validated, roots.quarantine, roots.archive)
    scan = Scan(
        settings,
        moment,
        started_at,
        clock,
        roots,
        agent=agent_key(options.agent) if options.agent else None,
        workers=max(1, options.workers),
        dry_run=options.dry_run,
    )
    for fault in faults:
        scan.note(fault)
    return scan


def _note_clocks(scan: Scan) -> None:
    """Several agents' clocks ahead at once: it is more likely ours that is behind."""
    if len(scan.ahead) >= CLOCKS_AHEAD:
        scan.note(
            ServerFault(
                "clock.behind",
                "clock",
                phrase(
                    "the clocks of %(agents)s agents run ahead of this server's",
                    agents=len(scan.ahead),
                ),
                phrase("check the server's clock (timedatectl); it may be the one that is wrong"),
            )
        )


def _begin_run(
    started_at: datetime, moment: datetime, options: ScanOptions
) -> tuple[ScanRun, bool]:
    """Enter the run; also says whether the one before was killed."""
    begin_write()
    # We hold the lock, so whatever still says that it runs was killed.
    killed = list(db.session.scalars(select(ScanRun).where(ScanRun.state == "running")))
    for interrupted in killed:
        interrupted.state = "interrupted"
    run = ScanRun(
        started_at=started_at,
        moment=moment,
        agent=options.agent,
        host=socket.gethostname(),
        pid=os.getpid(),
        state="running",
        counts={},
    )
    db.session.add(run)
    db.session.commit()
    return run, bool(killed)


def _end_run(
    run: ScanRun | None, state: str, counts: dict[str, int], error: str | None = None
) -> None:
    db.session.rollback()
    if run is None:
        return
    try:
        begin_write()
        run.finished_at, run.state, run.counts, run.error = (
            datetime.now(UTC),
            state,
            counts,
            error,
        )
        db.session.add(run)
        db.session.commit()
    except Exception:
        # The error that ended the scan is the one to tell.
        db.session.rollback()
        if state == "done":
            raise


def _result(scan: Scan, run: ScanRun | None, started_at: datetime) -> ScanResult:
    return ScanResult(
        scan_id=run.id if run else None,
        moment=scan.now,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        counts=dict(sorted(scan.counts.items())),
        entries=_entries(scan.concluded),
        waiting=_entries(scan.waiting),
        conditions=[
            {"code": f.code, "subject": f.subject, "message": f.message, "hint": f.hint}
            for f in scan.faults
            if f.code != SETTLING
        ],
        look_again_at=scan.look_again_at,
        dry_run=scan.dry_run,
    )


def _entries(ids: Sequence[int]) -> list[dict[str, Any]]:
    """The entries with the names of their jobs, in the order they were concluded."""
    found: dict[int, dict[str, Any]] = {}
    for start in range(0, len(ids), 500):
        query = (
            select(BackupEntry)
            .where(BackupEntry.id.in_(ids[start : start + 500]))
            .options(joinedload(BackupEntry.job))
        )
        for entry in db.session.scalars(query):
            job = entry.job
            found[entry.id] = {
                "agent_id_responsible": job.agent_id_responsible,
                "database_name": job.database_name,
                **entry.as_dict(),
            }
    return [found[i] for i in ids if i in found]
