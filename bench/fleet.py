"""A fleet for the pages to show: thousands of jobs, and for each a night after night of history.

All of it is written straight into the tables, as scans would have left it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    case,
    insert,
    literal,
    select,
    text,
    update,
)

from backupmon.core.findings import good
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob, ScanRun, StoredBackup, StoredState
from backupmon.models.columns import UtcDateTime
from bench.server import add_jobs

_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_STEP = timedelta(minutes=7)
#: So many in a thousand entries are of each kind; the rest are good.
_TROUBLES = (
    (Status.FAILED, 8),
    (Status.MISSING, 6),
    (Status.TRANSFER_INTEGRITY_FAILED, 4),
    (Status.HASH_MISMATCH, 4),
)


@dataclass(frozen=True, slots=True)
class Fleet:
    """How much there is to show; `databases` and `nights` are of each agent and each job."""

    agents: int
    databases: int
    nights: int

    @property
    def jobs(self) -> int:
        """How many jobs there are."""
        return self.agents * self.databases

    @property
    def entries(self) -> int:
        """How many entries there are."""
        return self.jobs * self.nights


def fill(fleet: Fleet, now: datetime) -> None:
    """Add the jobs, their history up to the night before `now`, and their copies."""
    last = now.replace(hour=2, minute=0, second=0, microsecond=0)
    add_jobs(fleet.agents, fleet.databases, last - fleet.nights * timedelta(days=1))
    for night in range(fleet.nights):
        _add_night(night, last - (fleet.nights - 1 - night) * timedelta(days=1))
    _add_copies(last)
    _bring_up_to_date(fleet.nights - 1, last, now)
    db.session.commit()
    # As autovacuum would have done in the meantime.
    with db.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.execute(text("ANALYZE"))
        if db.engine.dialect.name == "postgresql":
            connection.execute(text("VACUUM"))


def _trouble(night: int) -> ColumnElement[str]:
    """The status of each job in a night: the same every time, and in no pattern one sees."""
    lot = (ExpectedBackupJob.id * 7919 + night * 10473) % 1000
    branches, below = [], 0
    for status, share in _TROUBLES:
        below += share
        branches.append((lot < below, status.value))
    return case(*branches, else_=Status.SUCCESS.value)


def _size(night: int) -> ColumnElement[int]:
    job = ExpectedBackupJob.id
    return (job % 50 + 1) * 1_000_000 + night * 3_000 + (job * 31 + night * 17) % 20_000


def _add_night(night: int, due: datetime) -> None:
    values: dict[str, Any] = {
        "expected_job_id": ExpectedBackupJob.id,
        "cycle_due_at": _moment(due),
        "cycle_deadline_at": _moment(due + timedelta(minutes=30)),
        "status": _trouble(night),
        "late": literal(False),
        "message": literal("The file arrived whole, byte for byte as the agent made it."),
        "findings": literal(_findings(), JSON),
        "section_faults": literal([], JSON),
        "by_deadline": literal(False),
        "before_job": literal(False),
        "operation_log_file_name": literal(f"STATUS_{due:%Y%m%d}.json"),
        "agent_overall_status": literal("completed"),
        "agent_backup_hash_pre_compress": literal(_SHA256),
        "agent_backup_size_pre_compress": _size(night) * 6,
        "agent_compress_hash_post_compress": literal(_SHA256),
        "agent_compress_size_post_compress": _size(night),
        "agent_staged_file_name": ExpectedBackupJob.database_name + ".sql.gz",
        "server_calculated_staged_hash": literal(_SHA256),
        "server_calculated_staged_size": _size(night),
        "previous_successful_hash_global": literal(_SHA256),
        "hash_comparison_result": literal("changed"),
        "report_end_at": _moment(due + 3 * _STEP),
        "timestamp": _moment(due + 3 * _STEP),
        "created_at": _moment(due + 3 * _STEP),
    }
    for number, step in enumerate(("backup", "compress", "transfer")):
        values[f"agent_{step}_process_status"] = literal(True)
        values[f"agent_{step}_process_start_time"] = _moment(due + number * _STEP)
        values[f"agent_{step}_process_timestamp"] = _moment(due + (number + 1) * _STEP)
    db.session.execute(
        insert(BackupEntry).from_select(list(values), select(*values.values())),
    )


def _findings() -> list[dict[str, str | None]]:
    """Those of a usual success."""
    steps = [
        good(f"agent.{step.lower()}", f"The agent says that {step} went well.", "true", "true")
        for step in ("BACKUP", "COMPRESS", "TRANSFER")
    ]
    file = [
        good("file.present", "shop.sql.gz is there.", "shop.sql.gz", "shop.sql.gz"),
        good("file.size", "The size is the one reported.", 12_345_678, 12_345_678),
        good("file.sha256", "The SHA-256 is the one reported.", _SHA256, _SHA256),
        good(
            "content.changed",
            "The content is different from that of 2025-06-12 02:00 UTC, as it may be.",
            "must_change",
            _SHA256,
        ),
    ]
    return [finding.as_dict() for finding in steps + file]


def _add_copies(last: datetime) -> None:
    """The newest good file of each job stands, and the one before is kept."""
    good_entry = BackupEntry.status == Status.SUCCESS.value
    for state, due in (
        (StoredState.STORED, last),
        (StoredState.PREVIOUS, last - timedelta(days=1)),
    ):
        path = literal("2031/") + ExpectedBackupJob.agent_id_responsible + "/"
        path = path + ExpectedBackupJob.database_name + f"/{state.value}.sql.gz"
        values: dict[str, Any] = {
            "entry_id": BackupEntry.id,
            "expected_job_id": BackupEntry.expected_job_id,
            "state": literal(state.value),
            "destination": literal("validated"),
            "path": path,
            "path_key": path,
            "file_name": literal("dump.sql.gz"),
            "sha256": literal(_SHA256),
            "size": BackupEntry.server_calculated_staged_size,
            "cycle_due_at": BackupEntry.cycle_due_at,
            "report_end_at": BackupEntry.report_end_at,
            "note": literal(""),
            "created_at": BackupEntry.timestamp,
            "stored_at": BackupEntry.timestamp,
        }
        chosen = (
            select(*values.values())
            .join(ExpectedBackupJob, ExpectedBackupJob.id == BackupEntry.expected_job_id)
            .where(BackupEntry.cycle_due_at == due, good_entry)
        )
        db.session.execute(insert(StoredBackup).from_select(list(values), chosen))


def _bring_up_to_date(night: int, last: datetime, now: datetime) -> None:
    db.session.execute(
        update(ExpectedBackupJob).values(
            current_status=_trouble(night),
            expected_due_at=last + timedelta(days=1),
            deadline_at=last + timedelta(days=1, minutes=30),
            last_checked_timestamp=now,
            last_successful_backup_timestamp=last + 3 * _STEP,
            previous_successful_hash_global=_SHA256,
        )
    )
    db.session.add(
        ScanRun(
            started_at=now - timedelta(minutes=4),
            moment=now - timedelta(minutes=4),
            finished_at=now - timedelta(minutes=3),
            state="done",
            host="bench",
            pid=1,
        )
    )


def _moment(value: datetime) -> ColumnElement[datetime]:
    return literal(value, UtcDateTime)


def this_morning() -> datetime:
    """A moment at which every job's last cycle is over and its next one not yet due."""
    return datetime.now(UTC).replace(hour=7, minute=0, second=0, microsecond=0)
