"""How much is stored where, and how much room is left.

Counted from what the database knows: nobody walks terabytes for a page. A root is only asked
what its filesystem has left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select, text

from backupmon.config import Settings
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import (
    AgentReport,
    BackupEntry,
    ExpectedBackupJob,
    StoredBackup,
    StoredState,
)
from backupmon.services.doctor.asking import sqlite_file
from backupmon.services.system.rooms import RoomFound, find_rooms

_STANDING = (StoredState.STORED.value, StoredState.SUPERSEDED.value)
_AREA_OF = {
    **dict.fromkeys(_STANDING, "VALIDATED_ROOT"),
    StoredState.PREVIOUS.value: "VALIDATED_ROOT",
    StoredState.QUARANTINED.value: "QUARANTINE_ROOT",
    StoredState.MOVING.value: "DEPOSIT_ROOT",
}


@dataclass(frozen=True, slots=True)
class AreaUse:
    """One root.

    Parameters
    ----------
    name:
        Of its setting.
    files, size:
        What the database knows to lie there, in bytes.
    room:
        What its filesystem has left, or why nobody can tell.
    """

    name: str
    path: Path
    files: int
    size: int
    room: RoomFound


@dataclass(frozen=True, slots=True)
class StorageUse:
    """All roots, and the bytes of the database; None where it does not tell."""

    areas: Sequence[AreaUse]
    database_size: int | None


def measure_storage(settings: Settings) -> StorageUse:
    """Add it up: four queries, and a question to each filesystem."""
    used = _used()
    rooms = find_rooms(settings.roots())
    areas = [
        AreaUse(name, path, *used.get(name, (0, 0)), rooms[name])
        for name, path in settings.roots().items()
    ]
    return StorageUse(areas, _database_size(settings))


def _used() -> Mapping[str, tuple[int, int]]:
    """Files and bytes by the name of the root."""
    found: dict[str, tuple[int, int]] = {"REPORT_ARCHIVE_ROOT": _archived()}
    for area, files, size in (*_copies(), ("DEPOSIT_ROOT", *_waiting())):
        before = found.get(area, (0, 0))
        found[area] = before[0] + files, before[1] + size
    return found


def _copies() -> list[tuple[str, int, int]]:
    state, size = StoredBackup.state, func.coalesce(func.sum(StoredBackup.size), 0)
    # By way of the jobs: an index goes by job and state, and most rows are of what is gone.
    query = (
        select(state, func.count(), size)
        .where(StoredBackup.expected_job_id.in_(select(ExpectedBackupJob.id)), state.in_(_AREA_OF))
        .group_by(state)
    )
    return [
        (_AREA_OF[name], files, int(total or 0)) for name, files, total in db.session.execute(query)
    ]


def _waiting() -> tuple[int, int]:
    """What agents say that they have delivered and nobody has judged."""
    size = func.coalesce(func.sum(BackupEntry.agent_compress_size_post_compress), 0)
    query = select(func.count(), size).where(BackupEntry.status == Status.PENDING.value)
    files, total = db.session.execute(query).one()
    return files, int(total or 0)


def _archived() -> tuple[int, int]:
    query = select(func.count(), func.coalesce(func.sum(AgentReport.size), 0))
    files, total = db.session.execute(query).one()
    return files, int(total or 0)


def _database_size(settings: Settings) -> int | None:
    file = sqlite_file(settings)
    if file is None:
        asked = text("SELECT pg_database_size(current_database())")
        return int(db.session.scalar(asked) or 0)
    try:
        return sum(path.stat().st_size for path in (file, Path(f"{file}-wal")) if path.exists())
    except OSError:
        return None
