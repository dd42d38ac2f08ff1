"""The database: it answers, has this version's tables, and keeps what it is told."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from backupmon.config import hide_password
from backupmon.core.phrases import ByteCount, phrase
from backupmon.core.words import to_translate
from backupmon.extensions import db
from backupmon.services.doctor.asking import said_by, sqlite_file
from backupmon.services.doctor.checks import Check, bad, good, trouble, warning
from backupmon.services.doctor.patient import Patient
from backupmon.services.schema import head
from backupmon.storage.filesystems import is_network, kind_of_filesystem

_DATABASE, _SCHEMA = to_translate("database"), to_translate("schema")
_INTEGRITY = to_translate("integrity")
_DURABILITY, _ENCODING = to_translate("durability"), to_translate("encoding")
#: A larger database is not read through, and no longer than for so many seconds.
_LARGEST, _LONGEST = 1 << 30, 10.0
#: The oldest PostgreSQL that is still mended.
_OLDEST = 13


def database_answers(patient: Patient) -> Iterator[Check]:
    """Whether it is there, and of which kind."""
    if patient.database_trouble is not None:
        yield trouble(_DATABASE, patient.database_trouble)
    elif file := sqlite_file(patient.settings):
        yield good(
            _DATABASE,
            phrase(
                "%(database)s at %(place)s",
                database=f"SQLite {sqlite3.sqlite_version}",
                place=str(file),
            ),
        )
        yield from _suits_sqlite(file)
    else:
        yield from _postgresql(hide_password(patient.settings.database_url))


def schema_is_ours(patient: Patient) -> Iterator[Check]:
    """Whether its tables are those of this version."""
    if patient.database_trouble is not None:
        return
    if patient.schema_trouble is not None:
        yield trouble(_SCHEMA, patient.schema_trouble)
    else:
        yield good(_SCHEMA, phrase("this version's (%(revision)s)", revision=str(head())))


def _suits_sqlite(file: Path) -> Iterator[Check]:
    kind = kind_of_filesystem(file.resolve())
    if is_network(kind):
        yield warning(
            _DATABASE,
            phrase(
                "%(file)s lies on a network filesystem (%(kind)s), where SQLite's locks do not "
                "hold",
                file=str(file),
                kind=str(kind),
            ),
            phrase("put DATA_DIR on a disk of this machine, or use PostgreSQL"),
        )
    mode = str(db.session.scalar(text("PRAGMA journal_mode"))).lower()
    db.session.rollback()
    if mode != "wal":
        yield warning(
            _DATABASE,
            phrase(
                "its journal is '%(mode)s', not 'wal': pages wait while a scan writes", mode=mode
            ),
            phrase("put DATA_DIR on a filesystem with shared memory maps, a disk of this machine"),
        )


def sqlite_is_whole(patient: Patient) -> Iterator[Check]:
    """Read an SQLite database through for damage, for some seconds at the most."""
    file = sqlite_file(patient.settings)
    if file is None or patient.database_trouble is not None:
        return
    size = file.stat().st_size
    if size > _LARGEST:
        yield good(
            _INTEGRITY,
            phrase("not looked at: %(size)s would take too long", size=ByteCount(size)),
        )
        return
    try:
        damage = _damage(file)
    except sqlite3.Error as error:
        if "interrupted" in str(error):
            told = phrase(
                "no damage found within %(span)s, not read to its end",
                span=timedelta(seconds=_LONGEST),
            )
            yield good(_INTEGRITY, told)
            return
        damage = said_by(error)
    if damage is None:
        yield good(_INTEGRITY, phrase("%(size)s read, undamaged", size=ByteCount(size)))
    else:
        yield bad(
            _INTEGRITY,
            phrase("%(file)s is damaged: %(damage)s", file=str(file), damage=damage),
            phrase(
                "stop the server, keep a copy of the file, restore it from its backup, and look "
                "at the disk"
            ),
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
            _DATABASE,
            phrase(
                "PostgreSQL %(version)s at %(place)s is no longer mended by its makers",
                version=version,
                place=address,
            ),
            phrase("upgrade it to %(version)s or later", version=str(_OLDEST)),
        )
    else:
        yield good(
            _DATABASE,
            phrase("%(database)s at %(place)s", database=f"PostgreSQL {version}", place=address),
        )


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
            _DURABILITY,
            phrase(
                "off: %(settings)s; a power cut may take back verdicts that were told",
                settings=", ".join(off),
            ),
            phrase(
                "set %(settings)s in postgresql.conf",
                settings=", ".join(f"{name} = on" for name in off),
            ),
        )
    if encoding != "UTF8":
        yield bad(
            _ENCODING,
            phrase(
                "the database is in %(encoding)s, which has no place for many names",
                encoding=encoding,
            ),
            phrase("make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"),
        )
