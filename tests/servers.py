"""Servers and programs of this machine that some tests need, and databases of a test's own.

``BACKUPMON_TEST_POSTGRES_URL`` (``postgresql://USER@HOST/NAME``, a superuser) and
``BACKUPMON_TEST_MARIADB_HOST`` (root without a password, over TCP) and
``BACKUPMON_TEST_REDIS_URL`` (``redis://HOST:PORT``, whose databases 8 to 15 are emptied) name the
servers. What is
wanted and not there skips the test, or fails it where ``BACKUPMON_TEST_REQUIRE_ALL=1``.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import psycopg
import pytest
from psycopg import sql
from redis import Redis
from sqlalchemy import make_url

POSTGRES = "BACKUPMON_TEST_POSTGRES_URL"
MARIADB = "BACKUPMON_TEST_MARIADB_HOST"
REDIS = "BACKUPMON_TEST_REDIS_URL"


def do_without(reason: str) -> NoReturn:
    """Skip the test for `reason`; fail it where every test is to run."""
    if os.environ.get("BACKUPMON_TEST_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def need_programs(*names: str) -> None:
    """Do without the test unless all these are on the path."""
    absent = [name for name in names if shutil.which(name) is None]
    if absent:
        do_without(f"not on the path: {', '.join(absent)}")


def _server(variable: str) -> str:
    address = os.environ.get(variable)
    return address or do_without(f"{variable} names no server")


@contextmanager
def postgresql_database(template: str = "template0") -> Iterator[str]:
    """A new PostgreSQL database, a copy of `template`; gives its URL, and drops it at the end."""
    server = make_url(_server(POSTGRES)).set(drivername="postgresql")
    name = _unused_name()
    _on_postgresql(server.render_as_string(hide_password=False), _CREATE, name, template)
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        _on_postgresql(server.render_as_string(hide_password=False), _DROP, name)


_CREATE = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
_DROP = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")


def _on_postgresql(url: str, statement: sql.SQL, *names: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.format(*map(sql.Identifier, names)))


@contextmanager
def mariadb_database() -> Iterator[tuple[list[str], str]]:
    """A new MariaDB database: the client's options for its server, and its name."""
    host, name = _server(MARIADB), _unused_name()
    options = ["--no-defaults", f"--host={host}", "--protocol=TCP", "--user=root"]
    _on_mariadb(options, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield options, name
    finally:
        _on_mariadb(options, f"DROP DATABASE IF EXISTS {name}")


def _on_mariadb(options: list[str], statement: str) -> None:
    subprocess.run(["mariadb", *options, "--execute", statement], check=True, timeout=60)


@contextmanager
def redis_database() -> Iterator[str]:
    """An empty database of the Redis server, of this test process alone; gives its URL."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    url = f"{_server(REDIS).rstrip('/')}/{8 + number % 8}"
    with Redis.from_url(url) as redis:
        redis.flushdb()
        try:
            yield url
        finally:
            redis.flushdb()


def _unused_name() -> str:
    return f"backupmon_test_{os.getpid()}_{secrets.token_hex(4)}"
