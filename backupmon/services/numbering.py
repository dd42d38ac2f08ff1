"""Numbers that are in use on disk are never given again.

Folders in quarantine, in the claimed area and in ``.previous`` bear the numbers of entries and
jobs. A new database beside old folders would begin at 1 again, and lay new files into them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text

from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob
from backupmon.storage.roots import CLAIMED, PREVIOUS, Root


def skip_used_numbers(root: Root) -> None:
    """Let entries and jobs be numbered from above what is found in a root that was in use.

    In the transaction under way.
    """
    kept = root.path / PREVIOUS
    used = [root.path, root.path / CLAIMED, *(kept / str(n) for n in _numbers(kept))]
    _begin_above(BackupEntry.__tablename__, max((n for p in used for n in _numbers(p)), default=0))
    _begin_above(ExpectedBackupJob.__tablename__, max(_numbers(kept), default=0))


def _numbers(folder: Path) -> Iterator[int]:
    """The names in a folder that are numbers, as far as they can be ours."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name.isascii() and path.name.isdecimal() and int(path.name) < 2**31 - 1:
            yield int(path.name)


def _begin_above(table: str, number: int) -> None:
    if not number:
        return
    if db.engine.dialect.name == "postgresql":
        # The table is one of ours, so its name needs no quoting.
        statement = (
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), GREATEST(:number,"  # noqa: S608
            f" (SELECT COALESCE(MAX(id), 0) FROM {table})))"
        )
        db.session.execute(text(statement), {"number": number})
        return
    values = {"name": table, "number": number}
    moved = db.session.execute(
        text("UPDATE sqlite_sequence SET seq = MAX(seq, :number) WHERE name = :name"), values
    )
    if not moved.rowcount:  # type: ignore[attr-defined]
        db.session.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :number)"), values)
