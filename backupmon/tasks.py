"""What the queue calls: take an id or a moment, call one service. A task may lose the race.

Tasks are named in `backupmon.queue` and run by a worker, within the application's context.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import ParamSpec, cast

import structlog
from flask import current_app
from rq import get_current_job
from sqlalchemy.exc import OperationalError

from backupmon.config import Settings
from backupmon.queue import Task
from backupmon.services.background import (
    deliver_in_background,
    scan_in_background,
    verify_entry,
)
from backupmon.services.background import scan_if_due as _scan_if_due
from backupmon.services.progress import watch_task
from backupmon.services.schema import database_error

P = ParamSpec("P")
log = structlog.get_logger()


def told_plainly(task: Callable[P, None]) -> Callable[P, None]:
    """Tell of a database that is gone or full in one line: the next scan does what is left."""

    @functools.wraps(task)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            task(*args, **kwargs)
        except OperationalError as error:
            told = database_error(error)
            log.error("database.down", message=told.message, hint=told.hint)  # noqa: TRY400 - one line

    return wrapped


@told_plainly
def scan(as_of: str | None = None, agent: str | None = None) -> None:
    """One scan, whose entries are verified by tasks of their own."""
    scan_in_background(_settings(), _moment(as_of), agent)


@told_plainly
def scan_if_due() -> None:
    """The periodic scan."""
    _scan_if_due(_settings())


@told_plainly
def verify(entry_id: int, as_of: str | None = None) -> None:
    """Verify the file of one entry."""
    task = cast("Task | None", get_current_job())
    verify_entry(_settings(), entry_id, _moment(as_of), watch_task(task))


@told_plainly
def deliver(as_of: str | None = None) -> None:
    """Send the alerts that wait."""
    deliver_in_background(_settings(), _moment(as_of))


def _settings() -> Settings:
    settings = current_app.extensions["backupmon"]
    assert isinstance(settings, Settings)
    return settings


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
