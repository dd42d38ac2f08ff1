"""The reference agent dumps real databases, and what the server promoted is the same database."""

from __future__ import annotations

import gzip
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from backupmon.core.statuses import Status
from tests.integration.agent_site import AgentSite, child_of, command, kill, site
from tests.integration.sources import MariaDb, PostgreSql, PostgreSqlArchive, Sqlite, run
from tests.servers import mariadb_database, need_programs, postgresql_database

__all__ = ["site"]


def mariadb_section(server: list[str], database: str) -> dict[str, Any]:
    host = next(option for option in server if option.startswith("--host=")).partition("=")[2]
    return {
        "kind": "mariadb",
        "database": database,
        "host": host,
        "user": "root",
        "options": "--protocol=TCP",
    }


def postgresql_section(address: str) -> dict[str, Any]:
    url = make_url(address)
    given = {"host": url.host, "port": url.port, "user": url.username, "database": url.database}
    return {"kind": "postgresql", **{key: value for key, value in given.items() if value}}


class SqliteFile(Sqlite):
    """The copied file itself is what is restored."""

    def restore(self, copy: Path) -> None:
        packed = copy.read_bytes()
        zstd = copy.suffix == ".zst"
        plain = run("zstd", "-q", "-dc", data=packed) if zstd else gzip.decompress(packed)
        self.target.write_bytes(plain)


def test_mariadb_goes_the_whole_way_and_back(site: AgentSite) -> None:
    need_programs("mariadb", "mariadb-dump")
    with mariadb_database() as (server, source), mariadb_database() as (_, target):
        site.databases["shop"] = mariadb_section(server, source)
        go_the_whole_way(site, shop=MariaDb(server, source, target))


class FilledPostgreSql(PostgreSqlArchive):
    """A database that is filled already, dumped by `pg_dump -Fc`."""

    def __init__(self, source: str, target: str) -> None:
        self.source, self.target = source, target


def test_postgresql_goes_the_whole_way_and_back_in_each_format(site: AgentSite) -> None:
    need_programs("pg_dump", "pg_restore", "psql", "zstd")
    with ExitStack() as stack:
        source, *targets = (stack.enter_context(postgresql_database()) for _ in range(4))
        sources = {
            "plain": PostgreSql(source, targets[0]),
            "custom": FilledPostgreSql(source, targets[1]),
            "packed": FilledPostgreSql(source, targets[2]),
        }
        section = postgresql_section(source)
        site.databases = {
            "plain": {**section, "format": "plain"},
            "custom": section,
            "packed": {**section, "compression": "zstd"},
        }
        go_the_whole_way(site, **sources)


def test_sqlite_goes_the_whole_way_and_back(site: AgentSite, tmp_path: Path) -> None:
    need_programs("zstd", "sqlite3")
    source = SqliteFile(tmp_path)
    run("sqlite3", str(source.source), "PRAGMA journal_mode = WAL")
    site.databases["shop"] = {"kind": "sqlite", "path": source.source, "compression": "zstd"}
    with closing(sqlite3.connect(source.source)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM orders")
        # A writer in the midst of its work neither stops the copy nor gets into it.
        go_the_whole_way(site, shop=source)


def go_the_whole_way(site: AgentSite, **sources: Any) -> None:
    """Run the agent, scan, restore the promoted copies, and compare every row."""
    jobs = {name: site.job(name) for name in sources}
    site.run()
    site.scan()
    for name, source in sources.items():
        entry = site.world.entry(jobs[name])
        assert entry.status == Status.SUCCESS
        assert [f for f in entry.findings if f["level"] != "good"] == []
        (copy,) = site.validated(name)
        if copy.name.endswith(".dump.zst"):
            run("zstd", "-q", "-d", str(copy))
            copy = copy.with_suffix("")
        original = source.contents(restored=False)
        source.restore(copy)
        assert source.contents(restored=True) == original
        assert all(original)


# --- dumps that fail -------------------------------------------------------------------------


def judged(site: AgentSite, job: int) -> str:
    """The words with which the server failed the backup."""
    site.scan()
    entry = site.world.entry(job)
    assert entry.status == Status.FAILED
    return str(entry.agent_transfer_error_message)


def test_a_wrong_password_and_a_database_that_is_gone_fail_in_the_servers_words(
    site: AgentSite,
) -> None:
    secret = site.folder / "mariadb.cnf"
    secret.write_text("[client]\npassword = not-the-Password-1\n")
    secret.chmod(0o600)
    with mariadb_database() as (server, name), postgresql_database() as address:
        right = mariadb_section(server, name)
        site.databases = {
            "denied": {**right, "option_file": secret},
            "gone": {**right, "database": "no_such_database"},
            "lost": {**postgresql_section(address), "database": "no_such_database"},
            "stranger": {**postgresql_section(address), "user": "no_such_role"},
            "shop": right,
        }
        jobs = {name: site.job(name) for name in site.databases}
        said = site.run(expect=1)
        tried = site.run("check", expect=1)
    assert "not-the-Password-1" not in said + tried + str(site.report())
    words = {name: judged(site, job) for name, job in jobs.items() if name != "shop"}
    assert "Access denied for user 'root'" in words["denied"]
    assert "(using password: YES)" in words["denied"]
    assert "Unknown database" in words["gone"]
    assert 'database "no_such_database" does not exist' in words["lost"]
    assert "no_such_role" in words["stranger"]
    assert site.world.entry(jobs["shop"]).status == Status.SUCCESS
    for hint in ("put the right user and password", "set database = to the name"):
        assert hint in tried


def test_a_user_who_may_not_see_stored_routines_is_told_by_the_check(site: AgentSite) -> None:
    need_programs("mariadb", "mariadb-dump")
    with mariadb_database() as (server, name):
        section = {**mariadb_section(server, name), "user": name[:60]}
        site.environment["MYSQL_PWD"] = "hunter22"
        site.databases["shop"] = section
        user = f"'{section['user']}'"
        admin = ["mariadb", *server, "--execute"]
        run(*admin, f"CREATE USER {user} IDENTIFIED BY 'hunter22'")
        try:
            rights = "SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES"
            run(*admin, f"GRANT {rights} ON {name}.* TO {user}")
            # What MariaDB itself does: it leaves them out, and ends with 0.
            assert "stored routines would be left out silently" in site.run("check", expect=1)
            run(*admin, f"GRANT SELECT ON mysql.proc TO {user}")
            assert "BAD" not in site.run("check")
        finally:
            run(*admin, f"DROP USER {user}")


def test_a_dump_that_is_killed_half_way_fails(site: AgentSite) -> None:
    need_programs("mariadb-dump", "pg_dump")
    jobs = {name: site.job(name) for name in ("mariadb-dump", "pg_dump")}
    with mariadb_database() as (server, name), postgresql_database() as address:
        site.databases["mariadb-dump"] = mariadb_section(server, name)
        site.databases["pg_dump"] = postgresql_section(address)
        with locked_in_mariadb(server, name), locked_in_postgresql(address):
            process = site.start()
            for program in jobs:
                kill(child_of(process, program))
            process.communicate(timeout=120)
    assert process.returncode == 1
    for program, job in jobs.items():
        words = judged(site, job)
        assert words == f"{program} was killed by SIGKILL, without a word"
        assert site.validated(program) == []


@contextmanager
def locked_in_mariadb(server: list[str], name: str) -> Iterator[None]:
    """Holds a table that the dump must wait for."""
    client = subprocess.Popen(
        ["mariadb", *server, "--unbuffered", "--skip-column-names", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert client.stdin
    assert client.stdout
    client.stdin.write(
        b"CREATE TABLE t (a INT); LOCK TABLES t WRITE; SELECT 'locked';\n",
    )
    client.stdin.flush()
    assert client.stdout.readline() == b"locked\n"
    yield
    client.communicate()


@contextmanager
def locked_in_postgresql(address: str) -> Iterator[None]:
    """Holds a table that the dump must wait for."""
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE t (a INT)")
        connection.commit()
        connection.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        yield


#: What a program does, and what is said of it.
TREACHEROUS = {
    "echo half; kill -9 $$": "sh was killed by SIGKILL, without a word",
    "echo half; echo the disk burns >&2; exit 3": "sh ended with 3: the disk burns",
    "echo half; echo Error: no more >&2": "sh ended with 0, but said: Error: no more",
    "exit 0": "sh wrote nothing",
    "echo ERROR one >&2; seq 9000 >&2; echo whole": "sh ended with 0, but said: ERROR one",
    "echo half": "the dump is not complete: sh ended with 0, but the dump lacks its end",
    "echo url=db://me:hunter22@host/ >&2; exit 1": "sh ended with 1: url=db://me:***@host/",
    "echo $DUMP_PASSWORD is wrong >&2; exit 1": "sh ended with 1: *** is wrong",
}


def test_a_program_is_believed_only_when_all_speaks_for_it(site: AgentSite) -> None:
    site.environment["DUMP_PASSWORD"] = "correct horse"
    jobs = {}
    for number, shell in enumerate(TREACHEROUS):
        site.databases[f"db{number}"] = {**command(shell), "complete": r"whole\s*\Z"}
        jobs[shell] = site.job(f"db{number}")
    site.databases["good"] = {
        **command("echo whole; echo warning: slow >&2"),
        "complete": r"whole\s*\Z",
    }
    site.databases["excused"] = {**command("echo x; echo no error >&2"), "stderr_allow": "no error"}
    good, excused = site.job("good"), site.job("excused")
    said = site.run(expect=1)
    assert "correct horse" not in said
    assert "hunter22" not in said
    for shell, words in TREACHEROUS.items():
        assert judged(site, jobs[shell]) == words
    entry = site.world.entry(good)
    assert (entry.status, entry.agent_logs_summary) == (Status.SUCCESS, "warning: slow")
    assert site.world.entry(excused).status == Status.SUCCESS


def test_a_damaged_or_absent_sqlite_database_fails_and_none_is_made(
    site: AgentSite, tmp_path: Path
) -> None:
    damaged = Sqlite(tmp_path).source
    data = bytearray(damaged.read_bytes())
    data[-6000:-2000] = b"\x07" * 4000
    damaged.write_bytes(data)
    absent = tmp_path / "absent.db"
    site.databases = {
        "damaged": {"kind": "sqlite", "path": damaged},
        "absent": {"kind": "sqlite", "path": absent},
    }
    jobs = [site.job(name) for name in site.databases]
    site.run(expect=1)
    first, second = (judged(site, job) for job in jobs)
    assert first.startswith("sqlite: ")
    assert second == f"there is no database {absent}"
    assert not absent.exists()
