"""What the queue calls: take an id or a moment, call one service. A task may lose the race.

Tasks are named in `backupmon.queue` and run by a worker, within the application's context.
"""

from __future__ import annotations

from datetime import datetime
from typing import cast

from flask import current_app
from rq import get_current_job

from backupmon.config import Settings
from backupmon.queue import Task
from backupmon.services.background import scan_if_due as _scan_if_due
from backupmon.services.background import scan_in_background, verify_entry
from backupmon.services.progress import watch_task


def scan(as_of: str | None = None, agent: str | None = None) -> None:
    """One scan, whose entries are verified by tasks of their own."""
    scan_in_background(_settings(), _moment(as_of), agent)


def scan_if_due() -> None:
    """The periodic scan."""
    _scan_if_due(_settings())


def verify(entry_id: int, as_of: str | None = None) -> None:
    """Verify the file of one entry."""
    task = cast("Task | None", get_current_job())
    verify_entry(_settings(), entry_id, _moment(as_of), watch_task(task))


def _settings() -> Settings:
    settings = current_app.extensions["backupmon"]
    assert isinstance(settings, Settings)
    return settings


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
