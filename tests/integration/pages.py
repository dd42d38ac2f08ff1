"""Pages in tests: what they cost, and who reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from backupmon.extensions import db


class Clock:
    """The minute that pages know, which passes when the test says so."""

    minute = 1_000_000

    def pass_a_minute(self) -> None:
        self.minute += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """No test is to fail because a minute ended within it."""
    found = Clock()
    monkeypatch.setattr("backupmon.web.freshness.minute", lambda: found.minute)
    return found


@contextmanager
def queries() -> Iterator[list[str]]:
    """The statements that are sent to the database meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement != "BEGIN":
            sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
