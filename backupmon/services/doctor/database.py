"""The database: it answers, has this version's tables, and keeps what it is told."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from backupmon.config import hide_password
from backupmon.core.words import human_bytes
from backupmon.extensions import db
from backupmon.services.doctor.asking import said_by, sqlite_file
from backupmon.services.doctor.checks import Check, bad, good, trouble, warning
from backupmon.services.doctor.patient import Patient
from backupmon.services.schema import head
from backupmon.storage.filesystems import is_network, kind_of_filesystem

_INTEGRITY = "integrity"
#: A larger database is not read through, and no longer than for so many seconds.
_LARGEST, _LONGEST = 1 << 30, 10.0
#: The oldest PostgreSQL that is still mended.
_OLDEST = 13


def database_answers(patient: Patient) -> Iterator[Check]:
    """Whether it is there, and of which kind."""
    if patient.database_trouble is not None:
        yield trouble("database", patient.database_trouble)
    elif file := sqlite_file(patient.settings):
        yield good("database", f"SQLite {sqlite3.sqlite_version} at {file}")
        yield from _suits_sqlite(file)
    else:
        yield from _postgresql(hide_password(patient.settings.database_url))


def schema_is_ours(patient: Patient) -> Iterator[Check]:
    """Whether its tables are those of this version."""
    if patient.database_trouble is not None:
        return
    if patient.schema_trouble is not None:
        yield trouble("schema", patient.schema_trouble)
    else:
        yield good("schema", f"this version's ({head()})")


def _suits_sqlite(file: Path) -> Iterator[Check]:
    kind = kind_of_filesystem(file.resolve())
    if is_network(kind):
        yield warning(
            "database",
            f"{file} lies on a network filesystem ({kind}), where SQLite's locks do not hold",
            "put DATA_DIR on a disk of this machine, or use PostgreSQL",
        )
    mode = str(db.session.scalar(text("PRAGMA journal_mode"))).lower()
    db.session.rollback()
    if mode != "wal":
        yield warning(
            "database",
            f"its journal is {mode!r}, not 'wal': pages wait while a scan writes",
            "put DATA_DIR on a filesystem with shared memory maps, a disk of this machine",
        )


def sqlite_is_whole(patient: Patient) -> Iterator[Check]:
    """Read an SQLite database through for damage, for some seconds at the most."""
    file = sqlite_file(patient.settings)
    if file is None or patient.database_trouble is not None:
        return
    size = file.stat().st_size
    if size > _LARGEST:
        yield good(_INTEGRITY, f"not looked at: {human_bytes(size)} would take too long")
        return
    try:
        damage = _damage(file)
    except sqlite3.Error as error:
        if "interrupted" in str(error):
            yield good(_INTEGRITY, f"no damage found within {_LONGEST:.0f} s, not read to its end")
            return
        damage = said_by(error)
    if damage is None:
        yield good(_INTEGRITY, f"{human_bytes(size)} read, undamaged")
    else:
        yield bad(
            _INTEGRITY,
            f"{file} is damaged: {damage}",
            "stop the server, keep a copy of the file, restore it from its backup, and look at "
            "the disk",
        )


def _damage(file: Path) -> str | None:
    """What is damaged, on a connection of its own that can be broken off."""
    end = time.monotonic() + _LONGEST
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.set_progress_handler(lambda: time.monotonic() > end, 10_000)
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return None if found == "ok" else str(found)


def _postgresql(address: str) -> Iterator[Check]:
    asked = "SELECT current_setting('server_version'), current_setting('server_version_num')::int"
    version, number = db.session.execute(text(asked)).one()
    db.session.rollback()
    if number < _OLDEST * 10_000:
        yield warning(
            "database",
            f"PostgreSQL {version} at {address} is no longer mended by its makers",
            f"upgrade it to {_OLDEST} or later",
        )
    else:
        yield good("database", f"PostgreSQL {version} at {address}")


def postgresql_keeps(patient: Patient) -> Iterator[Check]:
    """Whether what is committed survives a power cut, and any name can be stored."""
    if sqlite_file(patient.settings) is not None or patient.database_trouble is not None:
        return
    asked = (
        "SELECT current_setting('fsync'), current_setting('synchronous_commit'),"
        " current_setting('server_encoding')"
    )
    fsync, commit, encoding = db.session.execute(text(asked)).one()
    db.session.rollback()
    off = [
        name for name, value in (("fsync", fsync), ("synchronous_commit", commit)) if value == "off"
    ]
    if off:
        yield warning(
            "durability",
            f"{' and '.join(off)} off: a power cut may take back verdicts that were told",
            f"set {' and '.join(f'{name} = on' for name in off)} in postgresql.conf",
        )
    if encoding != "UTF8":
        yield bad(
            "encoding",
            f"the database is in {encoding}, which has no place for many names",
            "make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
        )
