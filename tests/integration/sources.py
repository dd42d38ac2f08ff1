"""Real databases that are dumped, and restored with their own tools."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from tests.servers import mariadb_database, need_programs, postgresql_database

#: What databases hold and dumps stumble over: accents, quotes, emoji, blobs, NULL beside ''.
CUSTOMERS: list[tuple[int, str | None, bytes | None]] = [
    (1, "Élodie N'Guessan", bytes(range(256))),
    (2, 'says "hello"; -- no comment', b""),
    (3, "", None),
    (4, None, b"\x00'\\\n\x1a"),
    (5, "line one\nline two\r\n\ttab \\n \\. \\\\", b"\xff\xfe"),
    (6, "東京 🐘 ÿ $$ %s {x}", b"\xc3\x28"),
    (7, "NULL", b"NULL"),
    (2**62, "'" * 300, b"0123456789" * 5000),
]
ORDERS = [(n, *CUSTOMERS[n % len(CUSTOMERS)][:2], f"{n}.05") for n in range(500)]
TABLES = (
    "CREATE TABLE customers (id BIGINT PRIMARY KEY, name TEXT, photo {blob})",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer BIGINT REFERENCES customers (id),"
    " note TEXT, price NUMERIC(10, 2) NOT NULL)",
    "CREATE INDEX orders_customer ON orders (customer)",
    "CREATE VIEW dear AS SELECT id, price FROM orders WHERE price > 400",
)
INSERT_CUSTOMER = "INSERT INTO customers VALUES ({0}, {0}, {0})"
INSERT_ORDER = "INSERT INTO orders VALUES ({0}, {0}, {0}, {0})"


def run(*command: str, data: bytes = b"") -> bytes:
    """What a program writes when it is fed `data`."""
    done = subprocess.run(command, input=data, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


class Source(Protocol):
    """A database that is dumped and restored with its own tools."""

    #: The end of the name of its dumps.
    suffix: str

    def dump(self) -> tuple[bytes, bytes]:
        """A dump as the tool writes it, and as it is sent."""
        ...

    def restore(self, copy: Path) -> None:
        """Make a new database of a dump that was sent."""
        ...

    def contents(self, *, restored: bool) -> list[object]:
        """The schema and every row."""
        ...


class MariaDb:
    """``mariadb-dump | gzip``."""

    suffix = "sql.gz"

    def __init__(self, server: list[str], source: str, target: str) -> None:
        self.server, self.source, self.target = server, source, target
        run("mariadb", *server, source, data=self._statements().encode())

    def _statements(self) -> str:
        lines = [table.format(blob="LONGBLOB") for table in TABLES]
        for number, name, photo in CUSTOMERS:
            lines.append(INSERT_CUSTOMER.format("{}").format(number, _text(name), _hex(photo)))
        for number, customer, note, price in ORDERS:
            lines.append(INSERT_ORDER.format("{}").format(number, customer, _text(note), price))
        return ";\n".join([*lines, ""])

    def dump(self) -> tuple[bytes, bytes]:
        options = [*self.server, "--single-transaction", "--routines"]
        raw = run("mariadb-dump", *options, self.source)
        return raw, run("gzip", "-c", data=raw)

    def restore(self, copy: Path) -> None:
        run("mariadb", *self.server, self.target, data=run("gzip", "-dc", str(copy)))

    def contents(self, *, restored: bool) -> list[object]:
        # In hexadecimal, so that the client can neither recode nor take NULL for 'NULL'.
        queries = (
            "SELECT id, HEX(name), name IS NULL, HEX(photo), photo IS NULL FROM customers"
            " ORDER BY 1",
            "SELECT id, customer, HEX(note), note IS NULL, price FROM orders ORDER BY 1",
            "SELECT * FROM dear ORDER BY 1",
            "SHOW CREATE TABLE customers",
            "SHOW CREATE TABLE orders",
        )
        database = self.target if restored else self.source
        client = ("mariadb", *self.server, "--batch", database, "--execute")
        return [run(*client, query) for query in queries]


def _text(value: str | None) -> str:
    return "NULL" if value is None else f"CONVERT({_hex(value.encode())} USING utf8mb4)"


def _hex(value: bytes | None) -> str:
    return "NULL" if value is None else f"x'{value.hex()}'"


class PostgreSql:
    """``pg_dump | gzip``."""

    suffix = "sql.gz"

    def __init__(self, source: str, target: str) -> None:
        self.source, self.target = source, target
        with psycopg.connect(source) as connection, connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(table.format(blob="BYTEA").encode())
            cursor.executemany(INSERT_CUSTOMER.format("%s").encode(), CUSTOMERS)
            cursor.executemany(INSERT_ORDER.format("%s").encode(), ORDERS)

    def dump(self) -> tuple[bytes, bytes]:
        raw = run("pg_dump", self.source)
        return raw, run("gzip", "-c", data=raw)

    def restore(self, copy: Path) -> None:
        options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"]
        run("psql", *options, self.target, data=run("gzip", "-dc", str(copy)))

    def contents(self, *, restored: bool) -> list[object]:
        with psycopg.connect(self.target if restored else self.source) as connection:
            queries = (
                "SELECT * FROM customers ORDER BY id",
                "SELECT * FROM orders ORDER BY id",
                "SELECT * FROM dear ORDER BY id",
                "SELECT table_name, column_name, data_type FROM information_schema.columns"
                " WHERE table_schema = 'public' ORDER BY table_name, ordinal_position",
                "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef",
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE connamespace = 'public'::regnamespace ORDER BY conname",
            )
            return [connection.execute(query).fetchall() for query in queries]


class PostgreSqlArchive(PostgreSql):
    """``pg_dump -Fc``, which compresses by itself."""

    suffix = "dump"

    def dump(self) -> tuple[bytes, bytes]:
        raw = run("pg_dump", "-Fc", self.source)
        return raw, raw

    def restore(self, copy: Path) -> None:
        run("pg_restore", "--exit-on-error", "--dbname", self.target, str(copy))


class Sqlite:
    """``sqlite3 .dump | zstd``."""

    suffix = "sql.zst"

    def __init__(self, folder: Path) -> None:
        self.source, self.target = folder / "source.db", folder / "target.db"
        with closing(sqlite3.connect(self.source)) as connection, connection:
            for table in TABLES:
                connection.execute(table.format(blob="BLOB"))
            connection.executemany(INSERT_CUSTOMER.format("?"), CUSTOMERS)
            connection.executemany(INSERT_ORDER.format("?"), ORDERS)

    def dump(self) -> tuple[bytes, bytes]:
        raw = run("sqlite3", str(self.source), ".dump")
        return raw, run("zstd", "-q", "-c", data=raw)

    def restore(self, copy: Path) -> None:
        run("sqlite3", str(self.target), data=run("zstd", "-q", "-dc", str(copy)))

    def contents(self, *, restored: bool) -> list[object]:
        with closing(sqlite3.connect(self.target if restored else self.source)) as connection:
            queries = (
                "SELECT * FROM customers ORDER BY id",
                "SELECT * FROM orders ORDER BY id",
                "SELECT * FROM dear ORDER BY id",
                "SELECT type, name, sql FROM sqlite_master ORDER BY type, name",
            )
            return [connection.execute(query).fetchall() for query in queries]


@pytest.fixture
def mariadb() -> Iterator[Source]:
    need_programs("mariadb", "mariadb-dump", "gzip")
    with mariadb_database() as (server, source), mariadb_database() as (_, target):
        yield MariaDb(server, source, target)


@pytest.fixture(params=[PostgreSql, PostgreSqlArchive])
def postgresql(request: pytest.FixtureRequest) -> Iterator[Source]:
    need_programs("pg_dump", "pg_restore", "psql", "gzip")
    with postgresql_database() as source, postgresql_database() as target:
        yield request.param(source, target)


@pytest.fixture
def sqlite(tmp_path: Path) -> Source:
    need_programs("sqlite3", "zstd")
    return Sqlite(tmp_path)
