"""A count of the changes to what pages show, so that "nothing new" costs one tiny query."""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, event, text
from sqlalchemy.orm import Mapped, mapped_column

from backupmon.extensions import Model
from backupmon.models.entries import BackupEntry
from backupmon.models.jobs import ExpectedBackupJob
from backupmon.models.reports import Discovery
from backupmon.models.server import ScanRun, ServerCondition
from backupmon.models.stored import StoredBackup

#: Processes that write at the same time count in different rows, so that none waits for
#: another's commit.
SLOTS = 8
_WATCHED = (BackupEntry, ExpectedBackupJob, StoredBackup, ServerCondition, ScanRun, Discovery)
_CHANGED = "backupmon_changed"
_COUNT = text(
    "INSERT INTO state_changes (slot, version) VALUES (:slot, 1)"
    " ON CONFLICT (slot) DO UPDATE SET version = state_changes.version + 1"
)


class StateChange(Model):
    """How many transactions of one slot changed what pages show."""

    __tablename__ = "state_changes"

    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger)


@event.listens_for(Engine, "after_cursor_execute")
def _notice(
    connection: Connection,
    _cursor: Any,
    _statement: str,
    _parameters: Any,
    context: Any,
    _executemany: bool,
) -> None:
    """Remember that the transaction wrote to a table whose rows pages show."""
    if context.isinsert or context.isupdate or context.isdelete:
        # None for plain text; migrations have tables of their own.
        state = getattr(context.compiled, "compile_state", None)
        if getattr(state, "dml_table", None) in _TABLES:
            connection.info[_CHANGED] = True


@event.listens_for(Engine, "commit")
def _count(connection: Connection) -> None:
    """Count the transaction within itself: who sees the count sees what it counts."""
    if connection.info.pop(_CHANGED, False):
        connection.execute(_COUNT, {"slot": os.getpid() % SLOTS})


@event.listens_for(Engine, "rollback")
def _forget(connection: Connection) -> None:
    # A connection that was lost has forgotten by itself.
    if not connection.invalidated:
        connection.info.pop(_CHANGED, None)


_TABLES = frozenset(model.__table__ for model in _WATCHED)
