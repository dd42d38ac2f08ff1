"""What the server is made of."""

from __future__ import annotations

import platform
import sqlite3
from importlib.metadata import version

from sqlalchemy import text

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.services.doctor.asking import sqlite_file
from backupmon.services.schema import head
from backupmon.version import VERSION


def versions(settings: Settings) -> list[tuple[str, str]]:
    """Pairs of a name and its version."""
    return [
        ("backupmon", VERSION),
        _database(settings),
        ("Schema", str(head())),
        ("Python", platform.python_version()),
        ("Flask", version("flask")),
        ("RQ", version("rq")),
        ("Linux", platform.release()),
    ]


def _database(settings: Settings) -> tuple[str, str]:
    if sqlite_file(settings) is not None:
        return "SQLite", sqlite3.sqlite_version
    asked = text("SELECT current_setting('server_version')")
    return "PostgreSQL", str(db.session.scalar(asked))
