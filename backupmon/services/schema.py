"""The schema of the database: is it there, and is it this version's?"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from flask_migrate import upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import SQLAlchemyError

from backupmon.config import PROJECT_ROOT
from backupmon.core.errors import BackupmonError
from backupmon.core.phrases import phrase
from backupmon.extensions import db
from backupmon.storage.faults import server_fault

_MIGRATIONS = str(PROJECT_ROOT / "migrations")


class SchemaError(BackupmonError):
    """The database is empty, or of another version."""


def check_schema() -> None:
    """Make sure that the database has this version's schema.

    Raises
    ------
    SchemaError
        When it is empty, older, or newer; the hint says which command mends it.
    """
    found = _revision()
    db.session.rollback()
    if found == head():
        return
    if found is None:
        raise SchemaError(phrase("the database is empty"), phrase("set it up with flask init"))
    if found in known_revisions():
        raise SchemaError(
            phrase("the database is of an older version"), phrase("run flask db upgrade")
        )
    raise _newer()


def upgrade_schema() -> None:
    """Bring the database to this version's schema, keeping its data.

    Raises
    ------
    SchemaError
        When it is of a newer version.
    """
    found = _revision()
    db.session.rollback()
    if found is not None and found not in known_revisions():
        raise _newer()
    _create_closed()
    upgrade(directory=_MIGRATIONS)


def _newer() -> SchemaError:
    return SchemaError(
        phrase("the database is of a newer version than this program"),
        phrase("start the newer program, or restore the database from before the upgrade"),
    )


@cache
def head() -> str | None:
    """The revision of this version."""
    return _scripts().get_current_head()


@cache
def known_revisions() -> frozenset[str]:
    """Every revision up to this version's."""
    return frozenset(script.revision for script in _scripts().walk_revisions())


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", _MIGRATIONS)
    return ScriptDirectory.from_config(config)


def _revision() -> str | None:
    if db.engine.dialect.name == "sqlite" and not _sqlite_exists():
        return None
    if not inspect(db.engine).has_table("alembic_version"):
        return None
    found: str | None = db.session.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _create_closed() -> None:
    """Make a new SQLite file that not every user of the machine may read."""
    if db.engine.dialect.name == "sqlite" and not _sqlite_exists():
        path = Path(str(db.engine.url.database))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o640)
        except OSError as error:
            raise server_fault(error, str(path.parent)) from error


def _sqlite_exists() -> bool:
    """Whether the file is there: connecting would create an empty one."""
    name = db.engine.url.database
    return bool(name) and Path(str(name)).exists()


def database_error(error: SQLAlchemyError) -> BackupmonError:
    """What the database said, without the statement and its values."""
    cause = getattr(error, "orig", None) or error
    said = " ".join(str(cause).split())[:300]
    return BackupmonError(
        phrase("the database cannot be used: %(error)s", error=said),
        phrase(
            "check BACKUPMON_DATABASE_URL, that the database is up, and that its disk has room; "
            "files and reports were left where they are"
        ),
    )
