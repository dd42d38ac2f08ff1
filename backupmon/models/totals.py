"""How much was measured since the beginning: counters that only grow."""

from __future__ import annotations

import os

from sqlalchemy import BigInteger, Connection, Engine, event, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from backupmon.extensions import Model
from backupmon.models.changes import SLOTS

_MEASURED = "backupmon_measured"
_COUNT = text(
    "INSERT INTO measured_totals (slot, files, bytes) VALUES (:slot, :files, :bytes)"
    " ON CONFLICT (slot) DO UPDATE SET files = measured_totals.files + :files,"
    " bytes = measured_totals.bytes + :bytes"
)


class MeasuredTotal(Model):
    """How many files, and how many bytes, the processes of one slot have hashed and judged."""

    __tablename__ = "measured_totals"

    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    files: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)


def count_measured(session: Session, files: int, size: int) -> None:
    """Count with the transaction under way, if it is committed.

    Parameters
    ----------
    files:
        How many were hashed.
    size:
        How many bytes they have together.
    """
    if files:
        info = session.connection().info
        before = info.get(_MEASURED, (0, 0))
        info[_MEASURED] = before[0] + files, before[1] + size


@event.listens_for(Engine, "commit")
def _count(connection: Connection) -> None:
    """As the last thing of a transaction, so that none waits long for another's row."""
    files, size = connection.info.pop(_MEASURED, (0, 0))
    if files:
        connection.execute(_COUNT, {"slot": os.getpid() % SLOTS, "files": files, "bytes": size})


@event.listens_for(Engine, "rollback")
def _forget(connection: Connection) -> None:
    if not connection.invalidated:
        connection.info.pop(_MEASURED, None)
