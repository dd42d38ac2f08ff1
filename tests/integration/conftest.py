"""A whole server in a folder of the test's own, and the sites that deliver to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.core.job_spec import JobDefaults
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob, ServerCondition, StoredBackup
from backupmon.services.jobs import add_job
from backupmon.services.scanning import ScanOptions, ScanResult, run_scan
from tests.integration.mailbox import Mailbox, free_port, running
from tests.integration.pages import clock
from tests.integration.site import Site
from tests.integration.web import client_as

__all__ = ["client_as", "clock"]

#: The cycle that most tests are about: due at noon, from 11:30 to 12:30.
NOON = datetime(2031, 3, 3, 12, 0, tzinfo=UTC)


def at(hours: int, minutes: int = 0, days: int = 0) -> datetime:
    """A moment of that day, or `days` later."""
    return NOON.replace(hour=hours, minute=minutes) + timedelta(days=days)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server of the test's own."""
    with running(Mailbox(free_port())) as box:
        yield box


@dataclass
class World:
    """A server, as a test sees it."""

    app: Flask
    settings: Settings

    def site(self, agent: str = "acme", **changes: Any) -> Site:
        return Site(self.settings.deposit_root, agent, **changes)

    def job(self, database: str = "shop", agent: str = "acme", **values: Any) -> int:
        """Add a job due every day at noon UTC; gives its id."""
        spec = {
            "company_name": "Acme",
            "city": "Douala",
            "database_name": database,
            "agent_id_responsible": agent,
            "schedule": "0 12 * * *",
            **values,
        }
        created = values.pop("created", NOON - timedelta(hours=4))
        spec.pop("created", None)
        return add_job(spec, JobDefaults(), created, "test").id

    def scan(self, moment: datetime, **options: Any) -> ScanResult:
        """One scan as of `moment`."""
        settings = options.pop("settings", self.settings)
        return run_scan(settings, ScanOptions(as_of=moment, **{"workers": 2, **options}))

    def with_settings(self, **changes: Any) -> World:
        return replace(self, settings=self.settings.model_copy(update=changes))

    def entries(self, job_id: int) -> list[BackupEntry]:
        """The entries of a job, oldest cycle first, in the order of their conclusion."""
        db.session.rollback()
        db.session.expire_all()
        query = (
            select(BackupEntry)
            .where(BackupEntry.expected_job_id == job_id)
            .order_by(BackupEntry.cycle_due_at, BackupEntry.timestamp, BackupEntry.id)
        )
        return list(db.session.scalars(query))

    def statuses(self, job_id: int) -> list[str]:
        return [entry.status for entry in self.entries(job_id)]

    def entry(self, job_id: int) -> BackupEntry:
        """The only entry of a job."""
        (entry,) = self.entries(job_id)
        return entry

    def codes(self, job_id: int) -> set[str]:
        """The codes of what is not good about a job's newest entry."""
        return {f["code"] for f in self.entries(job_id)[-1].findings if f["level"] != "good"}

    def get(self, job_id: int) -> ExpectedBackupJob:
        db.session.rollback()
        db.session.expire_all()
        job = db.session.get(ExpectedBackupJob, job_id)
        assert job is not None
        return job

    def stored(self, job_id: int) -> list[StoredBackup]:
        db.session.rollback()
        db.session.expire_all()
        query = select(StoredBackup).where(StoredBackup.expected_job_id == job_id)
        return list(db.session.scalars(query.order_by(StoredBackup.id)))

    def conditions(self) -> dict[str, str]:
        """Open server conditions: code and subject."""
        db.session.rollback()
        query = select(ServerCondition).where(ServerCondition.ended_at.is_(None))
        return {c.code: c.subject for c in db.session.scalars(query)}

    def final(self, *parts: str) -> Path:
        """A path in the validated area; the default template's for the usual job."""
        return self.settings.validated_root.joinpath(*(parts or USUAL_PATH))

    def every_file(self) -> dict[str, bytes]:
        """Every file of the four roots but the server's own marks, by root and path."""
        found = {}
        for name, root in self.settings.roots().items():
            for path in root.rglob("*"):
                own = path.name in (".backupmon", ".clock")
                if path.is_file() and not path.is_symlink() and not own:
                    found[f"{name}/{path.relative_to(root)}"] = path.read_bytes()
        return found


USUAL_PATH = ("2031", "Acme", "Douala", "shop", "shop.sql.gz")


@pytest.fixture
def world(app: Flask, settings: Settings) -> World:
    """A server with empty roots."""
    world = World(app, settings)
    world.scan(NOON - timedelta(days=3, hours=7))
    return world


@pytest.fixture
def make_world(app: Flask, settings: Settings) -> Callable[..., World]:
    """A server with other settings."""

    def make(**changes: Any) -> World:
        return World(app, settings.model_copy(update=changes))

    return make
