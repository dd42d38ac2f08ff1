"""The lock that lets one scan run at a time; it dies with its process."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from backupmon.config import Settings
from backupmon.core.errors import BackupmonError
from backupmon.core.words import human_span
from backupmon.extensions import db
from backupmon.storage.locks import FileLock, ProcessName, this_process

#: Any number will do, as long as nothing else in the database takes it ("backupmo" in ASCII).
ADVISORY_KEY = 0x6261636B75706D6F
_UNLOCK = text("SELECT pg_advisory_unlock(:key)")


class ScanRunningError(BackupmonError):
    """Another scan is running; `since` tells from when, where that is known."""

    def __init__(self, since: datetime | None, holder: str) -> None:
        ago = ""
        if since is not None:
            span = human_span(datetime.now(UTC) - since)
            ago = f" since {since.astimezone(UTC).strftime('%Y-%m-%d %H:%M:%S')} UTC ({span})"
        super().__init__(f"a scan is running{ago}{holder}", "wait for it to end; it does this work")
        self.since = since


class ScanLock:
    """One scan at a time: ``flock`` beside SQLite, an advisory lock on PostgreSQL.

    Use as a context manager.

    Raises
    ------
    ScanRunningError
        On entering, when another scan runs.
    """

    def __init__(self, settings: Settings) -> None:
        self._file = FileLock(settings.data_dir / "scan.lock")
        self._connection: Connection | None = None

    def __enter__(self) -> ScanLock:
        if db.engine.dialect.name == "postgresql":
            self._enter_postgresql()
        else:
            self._enter_file()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._file.release()
        if self._connection is not None:
            # Said, because the server hears of a connection's end only some time after it.
            with suppress(SQLAlchemyError):
                self._connection.execute(_UNLOCK, {"key": ADVISORY_KEY})
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _enter_file(self) -> None:
        word = {"since": datetime.now(UTC).isoformat(), **asdict(this_process())}
        if self._file.acquire(json.dumps(word)):
            return
        since, pid = _patiently_read(self._file)
        raise ScanRunningError(since, f", process {pid}" if pid else "")

    def _enter_postgresql(self) -> None:
        connection = db.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        taken = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": ADVISORY_KEY})
        if taken:
            self._connection = connection
            return
        since = connection.scalar(
            text(
                "SELECT a.query_start FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
                " WHERE l.locktype = 'advisory' AND l.granted"
                " AND l.classid = :high AND l.objid = :low AND l.database ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())"
            ),
            {"high": ADVISORY_KEY >> 32, "low": ADVISORY_KEY & 0xFFFFFFFF},
        )
        connection.close()
        raise ScanRunningError(since, "")


def _patiently_read(lock: FileLock) -> tuple[datetime | None, int | None]:
    """The holder's word; it writes it just after it has the lock.

    Until then the last holder's stands there, which may have died long ago.
    """
    for _ in range(50):
        with suppress(ValueError, KeyError, TypeError):
            word = json.loads(lock.word())
            holder = ProcessName(word["host"], word["pid"], word["start"])
            if holder.alive() is not False:
                return datetime.fromisoformat(word["since"]), holder.pid
        time.sleep(0.01)
    return None, None
