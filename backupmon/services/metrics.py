"""What a monitor of monitors wants to know, as metrics of Prometheus.

Moments are given as such, not as ages: ``time() - x`` is right at every evaluation, and goes on
growing when nobody updates `x` any more (https://prometheus.io/docs/practices/instrumentation).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from sqlalchemy import func, literal_column, select

from backupmon.config import Settings
from backupmon.core.standing import Standing, standing_of
from backupmon.core.statuses import Status
from backupmon.core.text import one_line
from backupmon.extensions import db
from backupmon.models import (
    Alert,
    AlertMessage,
    AlertState,
    BackupEntry,
    ExpectedBackupJob,
    MeasuredTotal,
    ScanRun,
    ServerCondition,
    StoredBackup,
    StoredState,
)
from backupmon.services.background_status import background_status
from backupmon.services.dashboard.summary import count_jobs
from backupmon.services.discoveries import count_discoveries
from backupmon.services.messages import UNSENT
from backupmon.storage.filesystems import room_at

# Not "job": that is the scrape's own name in Prometheus.
_JOB = ("job_id", "agent", "database", "company", "city")


def gather_metrics(settings: Settings, now: datetime, version: str) -> Iterator[Metric]:
    """Everything, in a dozen queries however many jobs there are; labels hold no secrets.

    Parameters
    ----------
    now:
        The moment that jobs are overdue by.
    version:
        Of this program.
    """
    yield _gauge("build_info", "Version of this server.", ["version"], [([version], 1)])
    yield from _jobs(now)
    yield from _each_job()
    yield from _scans(settings)
    yield from _measured()
    yield from _waiting()
    yield from _queue(settings)
    yield from _alerts()
    yield from _storage(settings)


def _gauge(
    name: str, told: str, labels: list[str], samples: Iterable[tuple[list[str], float]]
) -> Metric:
    family = GaugeMetricFamily(f"backupmon_{name}", told, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _value(name: str, told: str, value: float | None) -> Metric:
    return _gauge(name, told, [], [] if value is None else [([], value)])


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _jobs(now: datetime) -> Iterator[Metric]:
    counts = count_jobs(now)
    yield _gauge(
        "jobs",
        "Jobs by status; those that nothing is expected of are PAUSED.",
        ["status"],
        [([s.value], counts.by_standing.get(s, 0)) for s in Standing],
    )
    yield _value(
        "jobs_overdue", "Jobs whose deadline passed and which no scan has judged.", counts.overdue
    )


def _each_job() -> Iterator[Metric]:
    """Two lines a job: names as labels, in one line each and whole."""
    jobs = _job_rows()
    yield _gauge(
        "job_status",
        "1 for the status that the job has.",
        [*_JOB, "status"],
        [([*_labels(j), standing_of(j.current_status, j.is_active).value], 1) for j in jobs],
    )
    yield _gauge(
        "job_last_good_copy_timestamp_seconds",
        "When the agent had made the newest good copy that lies here; 0 where there is none.",
        list(_JOB),
        [(_labels(job), _seconds(job.copied_at) or 0) for job in jobs],
    )


def _job_rows() -> Sequence[Any]:
    job, copy = ExpectedBackupJob, StoredBackup
    newest = (
        select(func.max(copy.report_end_at))
        .where(
            copy.expected_job_id == job.id,
            copy.destination == "validated",
            copy.state.in_((StoredState.STORED.value, StoredState.SUPERSEDED.value)),
        )
        .scalar_subquery()
    )
    query = (
        select(
            job.id,
            job.agent_id_responsible,
            job.database_name,
            job.company_name,
            job.city,
            job.current_status,
            job.is_active,
            newest.label("copied_at"),
        )
        .where(job.deleted_at.is_(None))
        .order_by(job.id)
    )
    return db.session.execute(query).all()


def _labels(job: Any) -> list[str]:
    names = (job.agent_id_responsible, job.database_name, job.company_name, job.city)
    return [str(job.id), *(one_line(name) for name in names)]


def _scans(settings: Settings) -> Iterator[Metric]:
    run = ScanRun
    last = db.session.execute(
        select(run.started_at, run.finished_at)
        .where(run.state == "done", run.agent.is_(None))
        .order_by(run.id.desc())
        .limit(1)
    ).first()
    begun, ended = last if last is not None else (None, None)
    took = (ended - begun).total_seconds() if begun and ended else None
    yield _value(
        "last_scan_timestamp_seconds",
        "When the last scan of all agents that went through had begun.",
        _seconds(begun),
    )
    yield _value("last_scan_duration_seconds", "How long it took.", took)
    yield _value(
        "scan_interval_seconds",
        "From one scan in the background to the next.",
        60 * settings.scanner_interval_minutes,
    )
    yield _counter("scans", "Scans that were begun.", db.session.scalar(select(func.max(run.id))))


def _counter(name: str, told: str, value: float | None) -> Metric:
    return CounterMetricFamily(f"backupmon_{name}", told, value=float(value or 0))


def _measured() -> Iterator[Metric]:
    query = select(func.sum(MeasuredTotal.files), func.sum(MeasuredTotal.bytes))
    files, size = db.session.execute(query).one()
    yield _counter("verified_files", "Delivered files that were hashed and judged.", files)
    yield _counter("verified_bytes", "Their bytes.", size)


def _waiting() -> Iterator[Metric]:
    pending = select(func.count()).where(BackupEntry.status == Status.PENDING.value)
    yield _value("entries_pending", "Entries without a verdict.", db.session.scalar(pending))
    yield _value("discoveries", "Databases that no job expects.", count_discoveries())
    code = ServerCondition.code
    open_ones = select(code, func.count()).where(ServerCondition.ended_at.is_(None)).group_by(code)
    yield _gauge(
        "server_conditions",
        "What is wrong with the server itself, by code.",
        ["code"],
        [([name], number) for name, number in db.session.execute(open_ones)],
    )


def _queue(settings: Settings) -> Iterator[Metric]:
    found = background_status(settings)
    yield _value("queue_up", "Whether Redis answers.", found.up)
    tasks = [
        ([queue, state], number)
        for state, numbers in (("waiting", found.waiting), ("failed", found.failed))
        for queue, number in numbers.items()
    ]
    yield _gauge("queue_tasks", "Tasks by queue and state.", ["queue", "state"], tasks)
    yield _value("workers", "Workers that live.", len(found.workers) if found.up else None)
    yield _value("schedulers", "Schedulers that live.", found.schedulers if found.up else None)


def _alerts() -> Iterator[Metric]:
    waiting = select(func.count(), func.min(Alert.raised_at)).where(
        Alert.state == AlertState.WAITING.value
    )
    number, oldest = db.session.execute(waiting).one()
    yield _value("alerts_waiting", "Alerts that are to be sent.", number)
    yield _value(
        "alerts_oldest_waiting_timestamp_seconds",
        "When the oldest of them was raised; absent where none waits.",
        _seconds(oldest),
    )
    failing = select(func.count()).where(
        AlertMessage.state.in_(UNSENT),
        AlertMessage.attempts > 0,
    )
    yield _value(
        "alert_messages_failing",
        "Messages that were tried in vain and wait for the next try.",
        db.session.scalar(failing),
    )


def _storage(settings: Settings) -> Iterator[Metric]:
    rooms = []
    for name, path in {"DATA_DIR": settings.data_dir, **settings.roots()}.items():
        try:
            rooms.append((name, room_at(path)))
        except OSError:
            continue  # A root that is absent is a server condition; its lines are absent too.
    told = "Of the filesystem that the folder lies on"
    yield _gauge(
        "storage_size_bytes", f"{told}: bytes.", ["root"], [([n], r.size) for n, r in rooms]
    )
    yield _gauge(
        "storage_free_bytes", f"{told}: free bytes.", ["root"], [([n], r.free) for n, r in rooms]
    )
    held = (
        select(StoredBackup.state, func.count(), func.sum(StoredBackup.size))
        # As it stands in the index, which is chosen only for the very same condition.
        .where(StoredBackup.state != literal_column("'removed'"))
        .group_by(StoredBackup.state)
    )
    rows = db.session.execute(held).all()
    yield _gauge(
        "stored_files",
        "Judged files by what became of them.",
        ["state"],
        [([s], n) for s, n, _ in rows],
    )
    yield _gauge(
        "stored_bytes", "Their bytes.", ["state"], [([s], float(size or 0)) for s, _, size in rows]
    )
