"""Asking the database without waiting long for it, and without making one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from backupmon.config import Settings
from backupmon.core.errors import BackupmonError
from backupmon.core.phrases import Phrase, phrase

#: Seconds that a database has to answer.
_PATIENCE = 5


class NoDatabaseError(BackupmonError):
    """The database is not there, or does not answer."""


def sqlite_file(settings: Settings) -> Path | None:
    """The file of an SQLite database; None for another kind."""
    url = make_url(settings.database_url)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def check_database(settings: Settings) -> None:
    """Make sure that the database answers.

    Raises
    ------
    NoDatabaseError
    """
    file = sqlite_file(settings)
    if file is not None and not file.exists():
        raise NoDatabaseError(
            phrase("there is no database yet at %(file)s", file=str(file)),
            phrase("set it up with flask init"),
        )
    wait = {"timeout" if file else "connect_timeout": _PATIENCE}
    engine = create_engine(settings.database_url, poolclass=NullPool, connect_args=wait)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            if file is not None:
                connection.execute(text("SELECT count(*) FROM sqlite_master"))
    except SQLAlchemyError as error:
        words = phrase("the database does not answer: %(error)s", error=said_by(error))
        raise NoDatabaseError(words, _hint(file)) from error


def _hint(file: Path | None) -> Phrase:
    if file is None:
        return phrase("start PostgreSQL, or check BACKUPMON_DATABASE_URL and what its user may do")
    return phrase(
        "check that the server's user may read and write %(file)s and the folder it lies in",
        file=str(file),
    )


def said_by(error: Exception) -> str:
    """What an error says, on one line, without an SQL statement and its values."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())[:300] or type(error).__name__
