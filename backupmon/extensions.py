"""Unbound extensions; `create_app` binds them."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, MetaData, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase

#: Seconds to wait for SQLite's locks; and from one try to get the write lock to the next.
_PATIENCE, _PAUSE = 30, 0.0005
_PATIENT = f"PRAGMA busy_timeout = {_PATIENCE * 1000}"


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can find it on any database."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = Migrate()

# The base of every table. Type checkers cannot follow the class that Flask-SQLAlchemy makes.
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Durable and patient: a verdict once told must survive a power cut.

    `isolation_level = None` hands the beginning of transactions to `_begin`, because the
    driver's own begins them late and lets two readers block each other as they turn writers.
    """
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(_PATIENT)


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """Take SQLite's write lock at once where `begin_write` asked for it."""
    if connection.dialect.name != "sqlite":
        return
    if connection.get_execution_options().get("backupmon_write", False):
        _begin_immediate(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _begin_immediate(connection: Connection) -> None:
    """Wait for SQLite's write lock, asking often.

    SQLite's own patience sleeps longer from try to try, up to 100 ms. Our transactions last for
    a few, so that workers would sleep for longer than they have to wait.
    """
    end = time.monotonic() + _PATIENCE
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                return
            except OperationalError as error:
                if not _is_busy(error) or time.monotonic() > end:
                    raise
            time.sleep(_PAUSE)
    finally:
        connection.exec_driver_sql(_PATIENT)


def _is_busy(error: OperationalError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0)
    # The lowest byte is the kind; the others say more.
    return bool(code & 0xFF == sqlite3.SQLITE_BUSY)


def begin_write(alone: int | None = None) -> None:
    """Begin a transaction that will write.

    On SQLite it takes the write lock now, so that what is read in it is still true when it
    writes. What the session had not committed is rolled back.

    Parameters
    ----------
    alone:
        On PostgreSQL, the key of a lock that lets only one such transaction go on at a time;
        on SQLite there is never more than one that writes.
    """
    db.session.rollback()
    db.session.connection(execution_options={"backupmon_write": True})
    if alone is not None and db.engine.dialect.name == "postgresql":
        db.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": alone})
