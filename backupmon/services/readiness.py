"""Whether the server does its work: the database, the queue, and that scans go on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from backupmon.config import Settings
from backupmon.core.errors import BackupmonError
from backupmon.extensions import db
from backupmon.models import ScanRun
from backupmon.models.columns import iso
from backupmon.services.background_status import background_status
from backupmon.services.schema import check_schema


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a load balancer, or another monitor, wants to know.

    Parameters
    ----------
    last_scan_at:
        When the last scan of all agents that went through had begun.
    scans_go_on:
        Whether that is no longer ago than two intervals.
    """

    database: bool
    queue: bool
    last_scan_at: datetime | None
    scans_go_on: bool

    @property
    def ready(self) -> bool:
        """Whether all is well."""
        return self.database and self.queue and self.scans_go_on

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "status": "ok" if self.ready else "not ready",
            "database": "ok" if self.database else "down",
            "redis": "ok" if self.queue else "down",
            "last_scan_at": iso(self.last_scan_at),
            "scans": "ok" if self.scans_go_on else "stopped",
        }


def readiness(settings: Settings) -> Readiness:
    """Look at the database, the queue and the last scan."""
    try:
        check_schema()
        last = last_scan_at()
    except (BackupmonError, SQLAlchemyError):
        db.session.rollback()
        return Readiness(False, False, None, False)
    queue = background_status(settings).up
    return Readiness(True, queue, last, not scans_stopped(settings, last, datetime.now(UTC)))


def last_scan_at() -> datetime | None:
    """When the last scan of all agents that went through had begun."""
    query = select(ScanRun.started_at).where(ScanRun.state == "done", ScanRun.agent.is_(None))
    return db.session.scalars(query.order_by(ScanRun.id.desc()).limit(1)).first()


def scans_stopped(settings: Settings, last: datetime | None, now: datetime) -> bool:
    """Whether two intervals have gone by without a scan."""
    longest = timedelta(minutes=2 * settings.scanner_interval_minutes)
    return last is None or now - last > longest
