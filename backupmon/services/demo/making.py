"""The demonstration, night after night: agents deliver, and a real scan judges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from backupmon.config import Settings
from backupmon.core.job_spec import JobDefaults
from backupmon.core.words import to_translate
from backupmon.extensions import begin_write, db
from backupmon.models import (
    Alert,
    AlertState,
    BackupEntry,
    ExpectedBackupJob,
    ScanRun,
    StoredBackup,
)
from backupmon.services.demo.delivery import Agent
from backupmon.services.demo.emptiness import refuse_unless_empty
from backupmon.services.demo.nights import (
    EARLY_MINUTES,
    GRACE_MINUTES,
    NIGHT,
    runs_in,
    schedule_of,
)
from backupmon.services.demo.site import Database, Site
from backupmon.services.demo.sites import FLAKY, NEWCOMER, PAUSED, SITES
from backupmon.services.demo.troubles import PAUSED_SINCE
from backupmon.services.job_changes import put_jobs
from backupmon.services.job_drafts import JobRow
from backupmon.services.jobs import pause_job
from backupmon.services.roots import open_roots
from backupmon.services.scanning import ScanOptions, run_scan
from backupmon.storage.faults import ServerFault, server_fault

#: Nights of history.
DAYS = 21
_ACTOR = "demo"
#: For files whose names bear a time: each replaces the one before all the same.
_FINAL_OF_DATED = "{year}/{company_name}/{city}/{neighborhood}/{database_name}.sql.gz"

#: Told how many steps are done, and how many there are.
OnStep = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What was made.

    Parameters
    ----------
    statuses:
        The entries of the history, by status.
    eventful_job_id:
        A job whose history is worth a look.
    """

    companies: int
    sites: int
    jobs: int
    days: int
    statuses: dict[str, int]
    eventful_job_id: int


def make_demo(
    settings: Settings,
    now: datetime,
    *,
    days: int = DAYS,
    scale: float = 1.0,
    workers: int = 2,
    on_step: OnStep | None = None,
) -> DemoSummary:
    """Fill an empty server: sites, jobs, a history, and a last night that is not judged yet.

    Every night of the history is delivered as agents do it and judged by a scan as of its
    morning. The last one lies in the deposit area, with one of every kind of trouble in it. But
    for the dates all is the same every time. Nobody is told of that past, neither now nor later.

    Parameters
    ----------
    now:
        Aware. The last night is over by then, and no cycle is open.
    days:
        Nights of history, at least 1.
    scale:
        Shrinks every database; 1 makes dumps of 5 kB to 6 MB.
    workers:
        How many files are measured at once.

    Raises
    ------
    NotEmptyError
        When the database or a root holds anything; nothing was changed.
    ScanRunningError, ServerFault
        When another scan is running, or the server has trouble of its own, such as a full disk:
        what was made so far is left there.
    """
    refuse_unless_empty(settings)
    _prepare_roots(settings, now)
    first = [(s, d) for s in SITES for d in s.databases]
    _add_jobs(settings, first, now, now - (days + 1) * NIGHT)
    try:
        _live_through(settings, now, days, scale, workers, on_step)
    finally:
        _take_back_news()
    _add_jobs(settings, [NEWCOMER], now, now)
    _backdate()
    return _summary(days)


def _live_through(
    settings: Settings,
    now: datetime,
    days: int,
    scale: float,
    workers: int,
    on_step: OnStep | None,
) -> None:
    """Every night is delivered, and all but the last are judged."""
    agents = [Agent(site, settings.deposit_root, scale) for site in SITES]
    for night in range(days, -1, -1):
        if on_step:
            on_step(days - night, days + 1)
        if night == min(PAUSED_SINCE, days):
            pause_job(_job_id(*PAUSED), None, now - (night + 1) * NIGHT, _ACTOR)
        _deliver(agents, night, now)
        if night:
            _judge(settings, ScanOptions(as_of=now - night * NIGHT, workers=workers))


def _take_back_news() -> None:
    """What the past gave to tell of jobs is never sent; trouble of the server is real."""
    begin_write()
    waiting = (Alert.state == AlertState.WAITING.value) & Alert.job_id.is_not(None)
    values = {"state": AlertState.WITHDRAWN.value, "note": to_translate("the demo")}
    db.session.execute(update(Alert).where(waiting).values(values))
    db.session.commit()


def _prepare_roots(settings: Settings, now: datetime) -> None:
    """Create and mark new roots; nothing is delivered to the mount point of an absent disk."""
    faults: list[ServerFault] = []
    open_roots(settings, now, faults.append, dry_run=False).close()
    for fault in faults:
        raise fault


def _deliver(agents: Sequence[Agent], night: int, now: datetime) -> None:
    for agent in agents:
        for run in runs_in(agent.site, night, now):
            try:
                agent.work(run)
            except OSError as error:
                raise server_fault(error, str(agent.deposit)) from error


def _judge(settings: Settings, options: ScanOptions) -> None:
    """One scan that waits for nothing; what keeps it from judging ends the making."""
    settled = settings.model_copy(update={"settle_seconds": 0})
    result = run_scan(settled, options, deliver=False)
    for condition in result.conditions:
        told: dict[str, Any] = condition
        raise ServerFault(**told)


def _add_jobs(
    settings: Settings,
    wanted: Sequence[tuple[Site, Database]],
    now: datetime,
    created: datetime,
) -> None:
    # Made-up people are there to be looked at: what is mailed to them would bounce.
    values = {} if settings.mail_server is None else {"notification_recipients": None}
    rows = [JobRow("", _job_values(site, database, now) | values) for site, database in wanted]
    put_jobs(rows, JobDefaults(), created, _ACTOR, update=False)


def _job_values(site: Site, database: Database, now: datetime) -> dict[str, object]:
    return {
        "company_name": site.company.name,
        "city": site.city,
        "neighborhood": site.neighborhood,
        "database_name": database.name,
        "agent_id_responsible": site.agent,
        "schedule": schedule_of(site, database, now).cron,
        "timezone": site.company.timezone,
        "grace_minutes": GRACE_MINUTES,
        "early_minutes": EARLY_MINUTES,
        "content_policy": database.policy,
        "promotion_mode": database.mode,
        "agent_deposit_path_template": f"{{agent_id}}/{site.staging}/{{staged_file_name}}",
        "agent_log_deposit_path_template": f"{{agent_id}}/{site.log}",
        "final_storage_path_template": _FINAL_OF_DATED if database.dated else None,
        "notification_recipients": site.company.contact,
    }


def _job_id(agent: str, database: str) -> int:
    query = select(ExpectedBackupJob.id).where(
        ExpectedBackupJob.agent_key == agent, ExpectedBackupJob.database_name == database
    )
    return db.session.scalars(query).one()


def _backdate() -> None:
    """Let what the scans noted by the clock agree with the moments they judged as of."""
    begin_write()
    for run in db.session.scalars(select(ScanRun)):
        took = (run.finished_at or run.started_at) - run.started_at
        run.started_at, run.finished_at = run.moment, run.moment + took
    judged = update(BackupEntry).where(BackupEntry.timestamp.is_not(None))
    db.session.execute(judged.values(created_at=BackupEntry.timestamp))
    judged_at = (
        select(BackupEntry.timestamp)
        .where(BackupEntry.id == StoredBackup.entry_id)
        .scalar_subquery()
    )
    db.session.execute(update(StoredBackup).values(created_at=judged_at, stored_at=judged_at))
    db.session.commit()
    db.session.expire_all()


def _summary(days: int) -> DemoSummary:
    counted = db.session.execute(
        select(BackupEntry.status, func.count()).group_by(BackupEntry.status)
    )
    statuses = {status: count for status, count in counted}  # noqa: C416 - rows are no tuples
    jobs = db.session.scalar(select(func.count()).select_from(ExpectedBackupJob)) or 0
    eventful = _job_id(*FLAKY)
    db.session.rollback()
    companies = len({site.company.name for site in SITES})
    return DemoSummary(companies, len(SITES), jobs, days, statuses, eventful)
