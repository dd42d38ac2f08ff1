"""Numbers that are in use on disk are never given again.

Folders in quarantine, in the claimed area and in ``.previous`` bear the numbers of entries and
jobs. A new database beside old folders would begin at 1 again, one that was restored from a
backup would go on from where it was, and either would lay new files into the folders of old ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import text

from backupmon.extensions import begin_write, db
from backupmon.models import BackupEntry, ExpectedBackupJob
from backupmon.storage.roots import CLAIMED, PREVIOUS, Root

#: The root whose folders are named by entries.
QUARANTINE = "QUARANTINE_ROOT"


def skip_used_numbers(roots: Sequence[Root]) -> None:
    """Let entries and jobs be numbered from above what is found on disk, durably."""
    entries, jobs = 0, 0
    for root in roots:
        kept = root.path / PREVIOUS
        jobs = max([jobs, *_numbers(kept)])
        entries = max([entries, *_numbers(root.path / CLAIMED)])
        if root.name == QUARANTINE:
            # Elsewhere a number is a year, or an agent.
            entries = max([entries, *_numbers(root.path)])
    begin_write()
    _begin_above(BackupEntry.__tablename__, entries)
    _begin_above(ExpectedBackupJob.__tablename__, jobs)
    db.session.commit()


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
            f"SELECT setval('{table}_id_seq', :number)"  # noqa: S608
            f" WHERE :number > (SELECT last_value FROM {table}_id_seq)"
        )
        db.session.execute(text(statement), {"number": number})
        return
    values = {"name": table, "number": number}
    known = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
    last = db.session.scalar(known, values)
    if last is None:
        db.session.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :number)"), values)
    elif last < number:
        raised = text("UPDATE sqlite_sequence SET seq = :number WHERE name = :name")
        db.session.execute(raised, values)
