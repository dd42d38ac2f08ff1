"""SQLite's write lock: whoever wants to write waits for it, and not for ever."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy.exc import OperationalError

from backupmon import extensions
from backupmon.extensions import begin_write, db
from tests.integration.conftest import World


@pytest.fixture
def holder(world: World) -> Iterator[sqlite3.Connection]:
    """Another process that has the write lock."""
    path = world.settings.data_dir / "backupmon.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


def test_who_wants_to_write_goes_on_when_the_other_has_written(
    holder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: holder.rollback())
    begin_write()
    db.session.rollback()


def test_who_waits_in_vain_is_told(
    holder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extensions, "_PATIENCE", 0)
    with pytest.raises(OperationalError, match="locked"):
        begin_write()
    db.session.rollback()
    holder.rollback()
    begin_write()
    db.session.rollback()
