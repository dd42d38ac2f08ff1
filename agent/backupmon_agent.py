#!/usr/bin/env python3
"""backupmon-agent: dump the databases of a site, deliver the dumps, and report on it.

One of many possible agents for backupmon: any program that keeps to docs/report-format.md will
do. This one is a single file for Python 3.8 or later and needs nothing but the standard library
and the tools of the databases. docs/agent.md tells how to install it in five minutes.

    backupmon_agent.py example-config > /etc/backupmon-agent.ini
    backupmon_agent.py check            try everything out, and say what to mend
    backupmon_agent.py run              dump, deliver, report
    backupmon_agent.py run --dry-run    say what would be done
    backupmon_agent.py send             deliver reports that could not be delivered earlier

Exit status:
    0   all went well
    1   a database failed (the report says so), or check found something to mend
    2   the configuration or the command line is wrong; nothing was done
    3   another run is going on; nothing was done
    4   a report could not be delivered; it is kept, and the next run or `send` delivers it

What is promised:
    - Every run that begins is reported, for all its databases: failed ones in the words of the
      program that failed, a run that was stopped or killed as such (by the next run).
    - Files are delivered first and the report last, each under a temporary name, then renamed.
    - A dump is called good only where its program ended well, complained of no error, and wrote
      the end that a complete dump has.
    - No secret is on a command line, in a log or in a report.
"""

from __future__ import annotations

import argparse
import configparser
import contextlib
import fcntl
import gzip
import hashlib
import json
import logging
import logging.handlers
import os
import re
import select
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator

VERSION = "1.0"
DEFAULT_CONFIG = "/etc/backupmon-agent.ini"
EXIT_WELL, EXIT_FAILED, EXIT_CONFIG, EXIT_BUSY, EXIT_UNDELIVERED = range(5)

STEPS = ("BACKUP", "COMPRESS", "TRANSFER")
CHUNK = 1024 * 1024
MEGABYTE = 1024 * 1024
#: So much of what a program said is kept: its end, where the reason stands.
MOST_WORDS = 2000
#: So many of the lines that tell of errors.
MOST_ERRORS = 5
#: Undelivered reports beyond this number are dropped, the oldest first.
MOST_REPORTS = 200
#: Set aside at the start of a run, and given back when even the report finds no room.
RESERVE_BYTES = 256 * 1024

log = logging.getLogger("backupmon-agent")


class AgentError(Exception):
    """Something failed; the text says what, for a person."""


class ConfigError(AgentError):
    """The configuration cannot be used; one line for each fault."""


class BusyError(AgentError):
    """Another run holds the lock."""


class Stopped(BaseException):
    """A signal asks the agent to end."""


# --- signals -------------------------------------------------------------------------------------


class Signals:
    """The first signal ends what is being done, and is reported; later ones do not disturb that."""

    def __init__(self) -> None:
        self.heard, self.holding = "", False

    def listen(self) -> None:
        """From now on."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # Under nohup, a hang-up is to be passed over.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._hear)

    def _hear(self, number: int, frame: object) -> None:
        if not self.heard:
            self.heard = signal.Signals(number).name
            if not self.holding:
                raise Stopped(self.heard)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """What must not be cut in two, such as to start a program and to know that it runs."""
        before, self.holding = self.heard, True
        try:
            yield
        finally:
            self.holding = False
        if self.heard != before:
            raise Stopped(self.heard)


SIGNALS = Signals()


# --- words ---------------------------------------------------------------------------------------

_SECRET_NAME = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY", re.IGNORECASE)
_ADDRESS = re.compile(r"(\w+://[^\s:/@]*):[^\s@]+@")
# MariaDB's "using password: YES" tells nothing but what one needs to know.
_ASSIGNED = re.compile(
    r"(?i)(\b(?:password|passwd|pwd|secret|token)\s*[=:]\s*)(?!YES\b|NO\b)('[^']*'|\"[^\"]*\"|\S+)"
)


def without_secrets(words: str) -> str:
    """What a program said, without the passwords of addresses, assignments and the environment."""
    for name, value in os.environ.items():
        if len(value) >= 4 and _SECRET_NAME.search(name) and not value.startswith("/"):
            words = words.replace(value, "***")
    return _ASSIGNED.sub(r"\1***", _ADDRESS.sub(r"\1:***@", words))


def one_line(words: str) -> str:
    """Words on one line, fit for a log."""
    return " | ".join(part.strip() for part in words.split("\n") if part.strip())


def told(words: bytes) -> str:
    """The end of what a program wrote on standard error, fit for a report."""
    text = words.decode("utf-8", "replace").replace("\r", "\n").replace("\0", "")
    return without_secrets(text.strip()[-MOST_WORDS:])


def ended(program: str, code: int, words: str) -> str:
    """How a program ended, and what it said."""
    name = Path(program).name
    how = f"ended with {code}"
    if code < 0:
        with contextlib.suppress(ValueError):
            how = f"was killed by {signal.Signals(-code).name}"
    return f"{name} {how}" + (f": {words}" if words else ", without a word")


def size_words(size: float) -> str:
    """Bytes, for people."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def utc_now() -> str:
    """The time, as the report writes it."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def reason_of(error: BaseException) -> str:
    """An exception in words."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) or type(error).__name__


# --- configuration -------------------------------------------------------------------------------

EXAMPLE = """\
# backupmon-agent: see docs/agent.md. Passwords have no place here: they belong in an option file
# (MariaDB, MySQL), in ~/.pgpass (PostgreSQL), or in the environment of the service.

[agent]
# As the jobs on the server have it; it names this site's folder there.
id = acme_douala
# Dumps in the making, and reports that could not be delivered yet. Needs room for the largest
# compressed dump (SQLite: and for a copy of the database).
work_dir = /var/lib/backupmon-agent
# gzip, zstd or none; the level is the program's own usual one unless given.
compression = gzip
#compression_level = 6
# So many delivered dumps of each database also stay here, in work_dir/kept.
keep_local = 0
# unique: shop_20250612T220000Z.sql.gz; fixed: shop.sql.gz
file_names = unique
# A dump is not begun when less than this would be left.
min_free_mb = 64
# A dump that writes nothing for so long is given up.
stall_minutes = 60
# stderr (under systemd: the journal) or syslog
log = stderr

[delivery]
# rsync:  over ssh; goes on where a cut transfer stopped; verified by a checksum
# sftp:   needs internal-sftp only; goes on where a cut transfer stopped; the size is verified
# ssh:    through a shell on the server; size and SHA-256 are verified there
# folder: a local folder or a mounted share; read back and compared
method = rsync
host = backup.example.org
user = acme_douala
#port = 22
# This agent's folder there, the one with databases/ and log/ in it; a dot where the key is
# bound to that folder (rrsync, chroot). For `folder` the absolute path of the mounted one.
path = .
identity_file = /etc/backupmon-agent/id_ed25519
known_hosts_file = /etc/backupmon-agent/known_hosts
tries = 4
# Seconds before the second try; each further wait is twice as long.
retry_wait = 15
connect_seconds = 20
# One try of one file takes no longer than this.
timeout_minutes = 720
# At most so many KiB a second (rsync and sftp).
#bandwidth_kb = 500
# The mode of delivered files: the server must be able to read them.
mode = 640

# One section for each database, by the name that its job on the server has, letter for letter.
[database shop]
kind = mariadb
# The database's name there, where it is another.
#database = shop
# With [client] user and password; mode 600. Becomes --defaults-extra-file.
option_file = /etc/backupmon-agent/mariadb.cnf
#host = 127.0.0.1
#port = 3306
#socket = /run/mysqld/mysqld.sock
#options = --ignore-table=shop.sessions

[database crm]
kind = postgresql
#host = /var/run/postgresql
#port = 5432
user = backup
#passfile = /etc/backupmon-agent/pgpass
# custom (pg_restore; compressed by pg_dump itself) or plain (psql)
format = custom

[database inventory]
kind = sqlite
path = /srv/inventory/inventory.db

[database ldap]
kind = command
# Any program whose standard output is the dump. It is run without a shell: no pipes, no $NAMES.
command = slapcat -n 1
suffix = ldif
# Regular expression that the end of a complete dump matches.
#complete = \\n\\Z
"""

AGENT_DEFAULTS: dict[str, str] = {
    "id": "",
    "work_dir": "/var/lib/backupmon-agent",
    "compression": "gzip",
    "compression_level": "",
    "keep_local": "0",
    "file_names": "unique",
    "min_free_mb": "64",
    "stall_minutes": "60",
    "log": "stderr",
}
DELIVERY_DEFAULTS: dict[str, str] = {
    "method": "rsync",
    "path": "",
    "host": "",
    "user": "",
    "port": "22",
    "identity_file": "",
    "known_hosts_file": "",
    "tries": "4",
    "retry_wait": "15",
    "connect_seconds": "20",
    "timeout_minutes": "720",
    "bandwidth_kb": "0",
    "mode": "640",
}
_EVERY_KIND = {
    "kind": "",
    "compression": "",
    "compression_level": "",
    "keep_local": "",
    "stderr_allow": "",
}
_SERVER = {"database": "", "host": "", "port": "", "user": "", "options": "", "program": ""}
KINDS: dict[str, dict[str, str]] = {
    "mariadb": {**_EVERY_KIND, **_SERVER, "option_file": "", "socket": ""},
    "mysql": {**_EVERY_KIND, **_SERVER, "option_file": "", "socket": ""},
    "postgresql": {**_EVERY_KIND, **_SERVER, "passfile": "", "format": "custom"},
    "sqlite": {**_EVERY_KIND, "path": ""},
    "command": {**_EVERY_KIND, "command": "", "suffix": "dump", "complete": ""},
}
_SECRETS = ("password", "passwd", "pass", "pwd", "secret")


@dataclass(frozen=True)
class Database:
    """One database to back up, as the configuration has it."""

    name: str
    kind: str
    values: dict[str, str]

    def __getitem__(self, key: str) -> str:
        return self.values[key]

    @property
    def safe_name(self) -> str:
        """The name as part of a file's name; two databases never share one."""
        safe = re.sub(r"[^A-Za-z0-9_-]+", "_", self.name)[:80]
        if safe == self.name and not safe.startswith("-"):
            return safe
        return (
            f"{safe.strip('-_') or 'database'}_{hashlib.sha256(self.name.encode()).hexdigest()[:6]}"
        )

    @property
    def compression(self) -> str:
        """gzip, zstd or none; pg_dump's custom format is compressed already."""
        return self["compression"]

    def staged_name(self, config: Config, run_id: str) -> str:
        """The name under which a run delivers this database's dump."""
        suffix = {"mariadb": "sql", "mysql": "sql", "sqlite": "db"}.get(self.kind)
        if self.kind == "postgresql":
            suffix = "dump" if self["format"] == "custom" else "sql"
        suffix = suffix or self["suffix"]
        when = f"_{run_id}" if config.agent["file_names"] == "unique" else ""
        packed = {"gzip": ".gz", "zstd": ".zst", "none": ""}[self.compression]
        return f"{self.safe_name}{when}.{suffix}{packed}"


@dataclass(frozen=True)
class Config:
    """The whole configuration, checked."""

    agent: dict[str, str]
    delivery: dict[str, str]
    databases: tuple[Database, ...]

    @property
    def work(self) -> Path:
        """The agent's own folder."""
        return Path(self.agent["work_dir"])


#: Options that hold a password, of mariadb-dump and of pg_dump (whose -p is the port).
_PASSWORD_OPTION = (r"-p.|--password=", r"-d.|--dbname|.*(://|password\s*=)")


class ConfigReader:
    """Reads the configuration as far as it can be read, so that all faults are named at once."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.faults: list[str] = []
        self.parser = configparser.ConfigParser(interpolation=None, default_section="\0")

    def read(self) -> Config:
        """The configuration.

        Raises
        ------
        ConfigError
            Where anything in it cannot be used, with every fault.
        """
        try:
            with Path(self.path).open(encoding="utf-8-sig") as file:
                self.parser.read_file(file)
        except (OSError, UnicodeDecodeError, configparser.Error) as error:
            raise ConfigError(f"{self.path}: {one_line(reason_of(error))}") from None
        config = Config(self._agent(), self._delivery(), ())
        config = Config(config.agent, config.delivery, tuple(self._databases(config.agent)))
        if self.faults:
            raise ConfigError("\n".join(self.faults))
        return config

    def _fault(self, section: str, words: str) -> None:
        self.faults.append(f"{self.path}: [{section}] {words}")

    def _section(self, section: str, defaults: dict[str, str]) -> dict[str, str]:
        given = dict(self.parser[section]) if self.parser.has_section(section) else {}
        if not self.parser.has_section(section):
            self._fault(section, "is missing; `example-config` shows one")
        for key in sorted(set(given) - set(defaults)):
            if key in _SECRETS:
                self._fault(section, f"{key}: passwords have no place here; see `example-config`")
            else:
                self._fault(section, f"{key} is not known here; known: {', '.join(defaults)}")
        return {**defaults, **{k: v.strip() for k, v in given.items() if k in defaults}}

    def _choice(self, section: str, values: dict[str, str], key: str, *allowed: str) -> None:
        if values[key] not in allowed:
            self._fault(section, f"{key} is {values[key]!r}; one of {', '.join(allowed)} is wanted")
            values[key] = allowed[0]

    def _number(self, section: str, values: dict[str, str], key: str, low: int, high: int) -> None:
        if not re.fullmatch(r"[0-9]{1,9}", values[key]) or not low <= int(values[key]) <= high:
            wanted = f"a whole number from {low} to {high}"
            self._fault(section, f"{key} is {values[key]!r}; {wanted} is wanted")
            values[key] = str(low)

    def _agent(self) -> dict[str, str]:
        values = self._section("agent", AGENT_DEFAULTS)
        if not re.fullmatch(r"[^\s./\\\0-\x1f][^/\\\0-\x1f]*", values["id"]):
            self._fault("agent", f"id is {values['id']!r}; the agent's id on the server is wanted")
        if not values["work_dir"].startswith("/"):
            self._fault("agent", "work_dir: an absolute path is wanted")
        self._choice("agent", values, "compression", "gzip", "zstd", "none")
        self._choice("agent", values, "file_names", "unique", "fixed")
        self._choice("agent", values, "log", "stderr", "syslog")
        self._number("agent", values, "keep_local", 0, 10_000)
        self._number("agent", values, "min_free_mb", 0, 10**8)
        self._number("agent", values, "stall_minutes", 1, 10_000)
        return values

    def _delivery(self) -> dict[str, str]:
        values = self._section("delivery", DELIVERY_DEFAULTS)
        self._choice("delivery", values, "method", "rsync", "sftp", "ssh", "folder")
        self._number("delivery", values, "port", 1, 65_535)
        self._number("delivery", values, "tries", 1, 100)
        self._number("delivery", values, "retry_wait", 0, 86_400)
        self._number("delivery", values, "connect_seconds", 1, 600)
        self._number("delivery", values, "timeout_minutes", 1, 100_000)
        self._number("delivery", values, "bandwidth_kb", 0, 10**8)
        if not re.fullmatch(r"0?[0-7]{3}", values["mode"]):
            self._fault("delivery", f"mode is {values['mode']!r}; such as 640 is wanted")
            values["mode"] = "640"
        if not values["path"] or re.search(r"[\0-\x1f]", values["path"]):
            self._fault(
                "delivery",
                "path: this agent's folder, the one above databases/ and log/, is wanted",
            )
        if values["method"] == "folder":
            if not values["path"].startswith("/"):
                self._fault("delivery", "path: an absolute path is wanted")
        else:
            self._remote(values)
        return values

    def _remote(self, values: dict[str, str]) -> None:
        if not re.fullmatch(r"[A-Za-z0-9:][A-Za-z0-9.:_-]*", values["host"]):
            self._fault("delivery", f"host is {values['host']!r}; the server's name is wanted")
        if not re.fullmatch(r"([A-Za-z0-9_][A-Za-z0-9_.@+-]*)?", values["user"]):
            self._fault("delivery", f"user is {values['user']!r}; a user's name is wanted")
        if values["method"] == "rsync" and not re.fullmatch(r"[A-Za-z0-9._/@+-]*", values["path"]):
            self._fault("delivery", "path: for rsync only letters, digits and ._/@+- can be used")
        if values["method"] == "ssh" and values["bandwidth_kb"] != "0":
            self._fault("delivery", "bandwidth_kb: ssh cannot; rsync and sftp can")

    def _databases(self, agent: dict[str, str]) -> Iterator[Database]:
        known = ("agent", "delivery")
        names = [name for name in self.parser.sections() if name not in known]
        for section in names:
            word, _, name = section.partition(" ")
            if word != "database" or not name.strip():
                self._fault(section, "is not known; [agent], [delivery] and [database NAME] are")
            else:
                yield self._database(section, name.strip(), agent)
        if not names:
            self._fault("database NAME", "is missing: there is no database to back up")

    def _database(self, section: str, name: str, agent: dict[str, str]) -> Database:
        kind = self.parser[section].get("kind", "").strip()
        if kind not in KINDS:
            self._fault(section, f"kind is {kind!r}; one of {', '.join(KINDS)} is wanted")
            return Database(name, "command", {})
        values = self._section(section, KINDS[kind])
        self._of_kind(section, name, kind, values)
        custom = kind == "postgresql" and values["format"] == "custom"
        for key in ("compression", "compression_level", "keep_local"):
            values[key] = values[key] or agent[key]
        if custom and not self.parser[section].get("compression", "").strip():
            values["compression"] = "none"
        self._choice(section, values, "compression", "gzip", "zstd", "none")
        if values["compression"] != "none" and values["compression_level"]:
            self._number(
                section,
                values,
                "compression_level",
                1,
                9 if values["compression"] == "gzip" else 19,
            )
        self._number(section, values, "keep_local", 0, 10_000)
        for key in ("stderr_allow", "complete"):
            self._pattern(section, values, key)
        return Database(name, kind, values)

    def _of_kind(self, section: str, name: str, kind: str, values: dict[str, str]) -> None:
        if kind in ("mariadb", "mysql", "postgresql"):
            values["database"] = values["database"] or name
            if values["database"].startswith("-"):
                self._fault(section, "database: a name cannot begin with a hyphen")
            if values["port"]:
                self._number(section, values, "port", 1, 65_535)
            self._options(section, kind, values)
        if kind == "postgresql":
            self._choice(section, values, "format", "custom", "plain")
        if kind == "sqlite" and not values["path"].startswith("/"):
            self._fault(section, "path: the absolute path of the database's file is wanted")
        if kind == "command":
            self._split(section, values, "command", required=True)
            if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", values["suffix"]):
                self._fault(section, f"suffix is {values['suffix']!r}; such as sql is wanted")

    def _options(self, section: str, kind: str, values: dict[str, str]) -> None:
        for word in self._split(section, values, "options"):
            if re.match(_PASSWORD_OPTION[kind == "postgresql"], word):
                self._fault(section, "options: a password would be seen by all on this machine")
            if re.match(
                r"--(skip-comments|compact|skip-dump-date=|result-file|file)", word
            ) or word in ("-r", "-f"):
                self._fault(
                    section, f"options: with {word} nobody could tell whether a dump is complete"
                )

    def _split(
        self, section: str, values: dict[str, str], key: str, required: bool = False
    ) -> list[str]:
        try:
            words = shlex.split(values[key])
        except ValueError as error:
            self._fault(section, f"{key}: {error}")
            return []
        if required and not words:
            self._fault(section, f"{key}: a program is wanted")
        return words

    def _pattern(self, section: str, values: dict[str, str], key: str) -> None:
        try:
            re.compile(values.get(key, "").encode())
        except re.error as error:
            self._fault(section, f"{key} is no regular expression: {error}")


# --- programs ------------------------------------------------------------------------------------


class LastWords(threading.Thread):
    """Reads what a program writes on standard error, so that the program never waits for it.

    Kept are the end, and the first lines that tell of errors, wherever they stand. Lines in which
    the pattern `allow` is found tell of none.
    """

    def __init__(self, stream: BinaryIO, allow: str = "") -> None:
        super().__init__(daemon=True)
        self.stream, self.allow = stream, allow
        self.end = b""
        self.errors: list[str] = []
        self.start()

    def run(self) -> None:
        """Read until the end."""
        with self.stream as stream:
            # A line without an end must not fill the memory.
            for line in iter(lambda: stream.readline(CHUNK), b""):
                self.end = (self.end + line)[-4 * MOST_WORDS :]
                if len(self.errors) < MOST_ERRORS and self._is_error(line):
                    self.errors.append(told(line))

    def _is_error(self, line: bytes) -> bool:
        if not re.search(rb"\berror\b|\bfatal\b", line, re.IGNORECASE):
            return False
        return not (self.allow and re.search(self.allow.encode(), line))

    def words(self) -> str:
        """The end of what was said, once the program has ended."""
        self.join(5)
        return told(self.end)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program, kindly at first."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def environment(changes: dict[str, str] | None = None) -> dict[str, str]:
    """The environment for a program: messages in English, all else as it is."""
    env = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LANGUAGE")}
    if os.environ.get("LC_ALL"):
        env["LANG"] = os.environ["LC_ALL"]
    return {**env, "LC_MESSAGES": "C", **(changes or {})}


@contextlib.contextmanager
def running(argv: list[str], **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program that does not outlive its purpose, whatever happens.

    Raises
    ------
    AgentError
        Where it cannot be run.
    """
    process = None
    try:
        with SIGNALS.held():
            process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)
        yield process
    except OSError as error:
        if process:
            raise
        raise AgentError(f"{argv[0]} cannot be run: {reason_of(error)}") from None
    finally:
        if process:
            with SIGNALS.held():
                stop(process)
            if process.stdout:
                process.stdout.close()


def run_program(
    argv: list[str],
    minutes: float,
    stdin: BinaryIO | None = None,
    text: str = "",
    cwd: Path | None = None,
) -> str:
    """What a program writes on standard output.

    Raises
    ------
    AgentError
        Where it cannot be run, does not end well, or takes longer than `minutes`.
    """
    source = stdin or subprocess.PIPE
    with running(argv, stdin=source, env=environment(), cwd=cwd) as process:
        try:
            out, err = process.communicate(None if stdin else text.encode(), minutes * 60)
        except subprocess.TimeoutExpired:
            name = Path(argv[0]).name
            raise AgentError(f"{name} did not end within {minutes:g} minutes") from None
    if process.returncode:
        raise AgentError(ended(argv[0], process.returncode, told(err)))
    return out.decode("utf-8", "replace")


@dataclass
class Dumper:
    """A program whose standard output is a dump, and how to tell that it is complete.

    Parameters
    ----------
    complete:
        Matches the last 4 KiB of a complete dump.
    begins:
        The first bytes of a dump.
    allow:
        Lines of standard error that match are no errors, whatever they say.
    """

    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    complete: bytes | None = None
    begins: bytes = b""
    allow: str = ""

    def stream(self, write: Callable[[bytes], Any], stall_minutes: float) -> str:
        """Write the dump by `write`; gives what the program said besides.

        Raises
        ------
        AgentError
            Where the dump is not complete, in the program's words.
        """
        env = environment(self.env)
        with running(self.argv, stdin=subprocess.DEVNULL, env=env) as process:
            assert process.stdout
            assert process.stderr
            words = LastWords(process.stderr, self.allow)  # type: ignore[arg-type]
            first, last = self._pour(process.stdout.fileno(), write, stall_minutes)
            code = self._end(process)
        said = words.words()
        self._judge(code, said, words.errors)
        self._look_for_the_end(first, last, said)
        return said

    def _pour(
        self, source: int, write: Callable[[bytes], Any], minutes: float
    ) -> tuple[bytes, bytes]:
        first, last = b"", b""
        while True:
            if not select.select([source], [], [], minutes * 60)[0]:
                name = Path(self.argv[0]).name
                raise AgentError(f"{name} wrote nothing for {minutes:g} minutes and was given up")
            data = os.read(source, CHUNK)
            if not data:
                return first, last
            write(data)
            first = first if len(first) >= 64 else (first + data)[:64]
            last = (last + data)[-4096:]

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait(600)
        except subprocess.TimeoutExpired:
            raise AgentError(
                f"{Path(self.argv[0]).name} closed its output, but did not end"
            ) from None

    def _judge(self, code: int, said: str, errors: list[str]) -> None:
        if code:
            raise AgentError(ended(self.argv[0], code, said))
        if errors:
            name = Path(self.argv[0]).name
            raise AgentError(f"{name} ended with 0, but said: " + "\n".join(errors))

    def _look_for_the_end(self, first: bytes, last: bytes, said: str) -> None:
        name = Path(self.argv[0]).name
        if not first:
            raise AgentError(f"{name} wrote nothing" + (f", but said: {said}" if said else ""))
        whole = first.startswith(self.begins)
        if not whole or (self.complete and not re.search(self.complete, last)):
            raise AgentError(
                f"the dump is not complete: {name} ended with 0, but the dump lacks its end"
            )


# --- databases -----------------------------------------------------------------------------------

_MYSQL_END = rb"(\A|\n)-- Dump completed[^\n]*\s*\Z"
_POSTGRESQL_END = rb"\n-- PostgreSQL database dump complete\n--\s*(\\unrestrict \w+\s*)?\Z"


def program_of(database: Database, *usual: str) -> str:
    """The path of the dump program: the one that is set, or the first that is there."""
    wanted = (database["program"],) if database["program"] else usual
    for name in wanted:
        found = shutil.which(name)
        if found:
            return found
    raise AgentError(f"not on the path: {' or '.join(wanted)}; install the database's client tools")


def dumper_of(database: Database, trial: bool = False) -> Dumper:
    """The program that dumps a database; for a `trial` without its rows."""
    return {
        "mariadb": mysql_dumper,
        "mysql": mysql_dumper,
        "postgresql": postgresql_dumper,
        "command": command_dumper,
    }[database.kind](database, trial)


def mysql_dumper(database: Database, trial: bool) -> Dumper:
    """``mariadb-dump`` or ``mysqldump``: of one moment, without locking, all that belongs to it.

    Without the date, so that equal databases have equal dumps.
    """
    names = (
        ("mariadb-dump", "mysqldump")
        if database.kind == "mariadb"
        else ("mysqldump", "mariadb-dump")
    )
    argv = [program_of(database, *names)]
    if database["option_file"]:
        argv.append(f"--defaults-extra-file={database['option_file']}")
    argv += [
        "--single-transaction",
        "--quick",
        "--routines",
        "--triggers",
        "--events",
        "--hex-blob",
    ]
    argv += ["--default-character-set=utf8mb4", "--comments", "--skip-dump-date"]
    if database.kind == "mysql":
        # Asking for tablespaces needs a right over the whole server that a backup needs not.
        argv.append("--no-tablespaces")
    for key in ("host", "port", "user", "socket"):
        if database[key]:
            argv.append(f"--{key}={database[key]}")
    argv += shlex.split(database["options"])
    argv += ["--no-data"] if trial else []
    return Dumper(
        [*argv, database["database"]], complete=_MYSQL_END, allow=database["stderr_allow"]
    )


def postgresql_dumper(database: Database, trial: bool) -> Dumper:
    """``pg_dump``; of what, and as whom, tells the environment: there no name is an option."""
    custom = database["format"] == "custom"
    argv = [program_of(database, "pg_dump"), "--no-password", f"--format={database['format']}"]
    if custom and database.compression != "none":
        argv.append("--compress=0")
    argv += shlex.split(database["options"])
    argv += ["--schema-only"] if trial else []
    keys = {"database": "PGDATABASE", "host": "PGHOST", "port": "PGPORT", "user": "PGUSER"}
    env = {name: database[key] for key, name in keys.items() if database[key]}
    if database["passfile"]:
        env["PGPASSFILE"] = database["passfile"]
    env["PGCONNECT_TIMEOUT"] = os.environ.get("PGCONNECT_TIMEOUT", "30")
    begins, complete = (b"PGDMP", None) if custom else (b"", _POSTGRESQL_END)
    return Dumper(argv, env, complete, begins, database["stderr_allow"])


def command_dumper(database: Database, trial: bool) -> Dumper:
    """Any program; a trial only asks whether it is there."""
    argv = shlex.split(database["command"])
    if shutil.which(argv[0]) is None:
        raise AgentError(f"not on the path: {argv[0]}")
    complete = database["complete"].encode() or None
    return Dumper(argv, complete=complete, allow=database["stderr_allow"])


def open_sqlite(path: str) -> sqlite3.Connection:
    """A SQLite database, to read only: a wrong path must not make an empty database."""
    if not Path(path).is_file():
        raise AgentError(f"there is no database {path}")
    address = f"file:{urllib.parse.quote(path)}?mode=ro"
    return sqlite3.connect(address, uri=True, timeout=60, isolation_level=None)


def copy_sqlite(path: str, copy: Path) -> None:
    """A consistent copy by SQLite's own backup, while writers go on; then checked whole.

    Raises
    ------
    AgentError
        Where it cannot be read, or is damaged.
    """
    try:
        with contextlib.closing(open_sqlite(path)) as source, contextlib.closing(
            sqlite3.connect(str(copy), isolation_level=None)
        ) as target:
            # One moment is copied: else each write during the copy would begin it anew.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            # The callback lets signals in, between pages.
            source.backup(target, pages=2048, progress=lambda *_: None)
            source.execute("ROLLBACK")
            # A copy must be whole without a second file beside it.
            target.execute("PRAGMA journal_mode = DELETE").fetchone()
            found = target.execute("PRAGMA integrity_check(3)").fetchall()
    except sqlite3.Error as error:
        raise AgentError(f"sqlite: {path}: {error}") from None
    problems = [str(row[0]) for row in found]
    if problems != ["ok"]:
        raise AgentError(f"sqlite: {path} is damaged: {'; '.join(problems)}")


# --- compressing and measuring -------------------------------------------------------------------


class Measured:
    """A new file that knows the size and the SHA-256 of what was written to it."""

    def __init__(self, path: Path, mode: int) -> None:
        self.file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        os.fchmod(self.file.fileno(), mode)
        self.hash, self.size = hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        self.file.write(data)
        self.hash.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing: what counts is `close`."""

    def close(self) -> None:
        """Make it durable."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()


class Zstd(threading.Thread):
    """The ``zstd`` program between writer and file; this thread carries what comes out of it."""

    def __init__(self, sink: Measured, level: str) -> None:
        super().__init__(daemon=True)
        program = shutil.which("zstd")
        if not program:
            raise AgentError("not on the path: zstd; install it, or set compression = gzip")
        argv = [program, "-q", "-c", "-T1", f"-{level or 3}"]
        self.sink = sink
        self.trouble: BaseException | None = None
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe)
        assert self.process.stdin
        assert self.process.stdout
        assert self.process.stderr
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.last_words = LastWords(self.process.stderr)  # type: ignore[arg-type]
        self.start()

    def run(self) -> None:
        """Carry on until zstd has ended."""
        try:
            for data in iter(lambda: self.stdout.read(CHUNK), b""):
                self.sink.write(data)
        except OSError as error:
            self.trouble = error
            self.process.kill()

    def write(self, data: bytes) -> None:
        """Compress `data`."""
        try:
            self.stdin.write(data)
        except BrokenPipeError:
            self._end()

    def close(self) -> None:
        """Compress what is left."""
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        self._end()

    def _end(self) -> None:
        code = self.process.wait()
        self.join()
        if self.trouble:
            raise self.trouble
        if code:
            raise AgentError(ended("zstd", code, self.last_words.words()))


class Packer:
    """Hashes what is written to it, compresses it, hashes what comes out; in constant memory."""

    def __init__(self, path: Path, compression: str, level: str, mode: int) -> None:
        self.hash, self.size = hashlib.sha256(), 0
        self.out = Measured(path, mode)
        self.inner: Any = self.out
        if compression == "gzip":
            # Neither name nor time in the header: equal dumps give equal files.
            self.inner = gzip.GzipFile("", "wb", int(level or 6), self.out, mtime=0)
        elif compression == "zstd":
            self.inner = Zstd(self.out, level)

    def write(self, data: bytes) -> None:
        """Take in a piece of the dump."""
        self.hash.update(data)
        self.size += len(data)
        self.inner.write(data)

    def close(self) -> None:
        """Finish the file, durably."""
        if self.inner is not self.out:
            self.inner.close()
        self.out.close()

    def drop(self) -> None:
        """Let go of all, whatever state it is in."""
        if isinstance(self.inner, Zstd):
            self.inner.process.kill()
            self.inner.process.wait()
        elif self.inner is not self.out:
            # Not gzip's close: it would write an end to a dump that has none.
            self.inner.fileobj = None
        with contextlib.suppress(OSError):
            self.out.file.close()


# --- delivery ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parcel:
    """A file to deliver: into `folder` (databases or log), under `name`."""

    path: Path
    folder: str
    name: str
    size: int
    sha256: str


def parcel_of(path: Path, folder: str, name: str) -> Parcel:
    """A small file as a parcel."""
    data = path.read_bytes()
    return Parcel(path, folder, name, len(data), hashlib.sha256(data).hexdigest())


class Delivery:
    """How files come to the server: a class for each way. A file appears whole or not at all."""

    program = ""

    def __init__(self, config: Config) -> None:
        self.options = config.delivery
        self.mode = int(config.delivery["mode"], 8)
        self.minutes = float(config.delivery["timeout_minutes"])
        whose = f"{socket.gethostname()}:{config.work}".encode()
        #: Begins the names of unfinished files: of this agent only, and hidden from the server.
        self.mark = f".backupmon-agent.{hashlib.sha256(whose).hexdigest()[:6]}."
        self.trial = f"{self.mark}check"

    def part(self, parcel: Parcel) -> str:
        """The name of a file that is not whole yet."""
        return f"{self.mark}{parcel.name}.part"

    def place(self, *names: str) -> str:
        """A path on the server."""
        return "/".join([self.options["path"].rstrip("/"), *names])

    def send(self, parcel: Parcel) -> None:
        """Deliver one file, verified as far as this way can.

        Raises
        ------
        AgentError
            Where that fails.
        """
        raise NotImplementedError

    def tidy(self) -> None:
        """Remove what cut-off transfers have left on the server."""
        raise NotImplementedError

    def attempt(self, scratch: Path) -> str:
        """Try it out on both folders, without leaving anything that the server would look at."""
        scratch.write_bytes(b"trial\n")
        for folder in ("databases", "log"):
            self.send(parcel_of(scratch, folder, self.trial))
            self.remove(folder, self.trial)
        host = f"{self.options['host']}:" if self.program else ""
        return f"files reach {host}{self.place()}"

    def remove(self, folder: str, name: str) -> None:
        """Remove one file on the server."""
        raise NotImplementedError

    def available(self) -> None:
        """See that the programs are there."""
        for name in {self.program, "ssh"} if self.program else ():
            if shutil.which(name) is None:
                raise AgentError(f"not on the path: {name}; install it")


class FolderDelivery(Delivery):
    """Into a folder of this machine: a mounted share, or the server's own."""

    def _folder(self, name: str) -> Path:
        folder = Path(self.place(name))
        if not folder.is_dir():
            # Never made by the agent: where a share is not mounted, there must be none.
            raise AgentError(f"there is no folder {folder}: is the share mounted?")
        return folder

    def send(self, parcel: Parcel) -> None:
        """Copy, read back, rename."""
        folder = self._folder(parcel.folder)
        part, final = folder / self.part(parcel), folder / parcel.name
        try:
            free = shutil.disk_usage(folder).free
            if free < parcel.size:
                need = size_words(parcel.size)
                raise AgentError(f"{folder} has room for {size_words(free)}; {need} are needed")
            self._copy(parcel, part)
            self._verify(parcel, part)
            part.replace(final)
            sync_folder(folder)
        except OSError as error:
            raise AgentError(reason_of(error)) from None
        finally:
            with contextlib.suppress(OSError):
                part.unlink()

    def _copy(self, parcel: Parcel, part: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        target = Measured(part, self.mode)
        try:
            with parcel.path.open("rb") as source:
                for data in iter(lambda: source.read(CHUNK), b""):
                    target.write(data)
            target.close()
        finally:
            with contextlib.suppress(OSError):
                target.file.close()

    def _verify(self, parcel: Parcel, part: Path) -> None:
        found = hashlib.sha256()
        with part.open("rb") as file:
            for data in iter(lambda: file.read(CHUNK), b""):
                found.update(data)
        if part.stat().st_size != parcel.size or found.hexdigest() != parcel.sha256:
            raise AgentError(f"the copy in {part.parent} differs from what was written to it")

    def tidy(self) -> None:
        """Remove unfinished files."""
        for name in ("databases", "log"):
            for path in self._folder(name).glob(f"{self.mark}*"):
                path.unlink()

    def remove(self, folder: str, name: str) -> None:
        """Remove one file."""
        (self._folder(folder) / name).unlink()


class RemoteDelivery(Delivery):
    """What the three ways over ssh have in common."""

    @property
    def target(self) -> str:
        """The host, as a word that may be followed by a colon."""
        host = self.options["host"]
        return f"[{host}]" if ":" in host else host

    def place(self, *names: str) -> str:
        """A path on the server that no program takes for an option or a home folder."""
        path = super().place(*names)
        return path if path.startswith(("/", "./")) else f"./{path}"

    def ssh_options(self) -> list[str]:
        """For a connection that asks nothing, trusts known hosts only, and notices a dead line."""
        given = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "LogLevel": "ERROR",
            "ConnectTimeout": self.options["connect_seconds"],
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "4",
            "Port": self.options["port"],
            "User": self.options["user"],
            "IdentityFile": self.options["identity_file"],
            "IdentitiesOnly": "yes" if self.options["identity_file"] else "",
            "UserKnownHostsFile": self.options["known_hosts_file"],
        }
        quoted = {k: f'"{v}"' if " " in v else v for k, v in given.items()}
        return [word for k, v in quoted.items() if v for word in ("-o", f"{k}={v}")]


class SshDelivery(RemoteDelivery):
    """Through a shell on the server, which verifies size and SHA-256 before it renames."""

    program = "ssh"

    def _remote(self, script: str, stdin: BinaryIO | None = None) -> str:
        argv = ["ssh", "-T", *self.ssh_options(), self.options["host"]]
        return run_program([*argv, f"exec sh -c {shlex.quote(script)}"], self.minutes, stdin)

    def send(self, parcel: Parcel) -> None:
        """Feed the file to a script there; only its last word is believed."""
        part, final = (
            self.place(parcel.folder, self.part(parcel)),
            self.place(parcel.folder, parcel.name),
        )
        script = RECEIVE.format(
            part=shlex.quote(part),
            final=shlex.quote(final),
            size=parcel.size,
            sha256=parcel.sha256,
            mode=f"{self.mode:o}",
        )
        with parcel.path.open("rb") as source:
            said = self._remote(script, source)
        if f"received {parcel.sha256}" not in said:
            raise AgentError(
                "the server did not confirm that the file arrived: " + told(said.encode())
            )

    def tidy(self) -> None:
        """Remove unfinished files."""
        places = [f"{shlex.quote(self.place(name, self.mark))}*" for name in ("databases", "log")]
        self._remote(f"rm -f -- {' '.join(places)}")

    def remove(self, folder: str, name: str) -> None:
        """Remove one file."""
        self._remote(f"rm -f -- {shlex.quote(self.place(folder, name))}")


#: What the server's shell runs. `cat` ends well where the line is cut, so the size decides.
RECEIVE = """\
umask 027
cat > {part} || exit 64
size=$(($(wc -c < {part})))
[ "$size" = {size} ] || {{ echo "$size of {size} bytes arrived" >&2; rm -f {part}; exit 65; }}
if command -v sha256sum >/dev/null; then
  hash=$(sha256sum < {part} | cut -c 1-64)
  [ "$hash" = {sha256} ] || {{ echo "another SHA-256 arrived" >&2; rm -f {part}; exit 66; }}
fi
chmod {mode} {part}
sync {part} 2>/dev/null || :
mv -f {part} {final} && echo "received {sha256}"
"""


class SftpDelivery(RemoteDelivery):
    """Where the server gives no shell: the size is verified, then the file renamed."""

    program = "sftp"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        #: What this run has tried to send: only of these is what lies there a beginning.
        self.begun: set[str] = set()

    def _batch(self, *commands: str, cwd: Path | None = None) -> str:
        argv = ["sftp", "-b", "-", *self.ssh_options()]
        if self.options["bandwidth_kb"] != "0":
            argv += ["-l", str(int(self.options["bandwidth_kb"]) * 8)]
        return run_program(
            [*argv, self.target], self.minutes, text="\n".join(commands) + "\n", cwd=cwd
        )

    def _quoted(self, *names: str, glob: str = "") -> str:
        # In quotes nothing is a pattern for sftp.
        path = re.sub(r'(["\\])', r"\\\1", self.place(*names))
        return f'"{path}"{glob}'

    def send(self, parcel: Parcel) -> None:
        """Put, look, rename; a further try goes on where the last one was cut."""
        part = self._quoted(parcel.folder, self.part(parcel))
        look = f"-ls -ln {part}"
        arrived = _size_in(self._batch(look)) if parcel.name in self.begun else 0
        self.begun.add(parcel.name)
        # The server has written what it was sent in that order, so what it has is the beginning.
        how = "put -a -f" if 0 < arrived < parcel.size else "put -f"
        if how != "put -f":
            log.info("%s: going on after %s", parcel.name, size_words(arrived))
        put = f'{how} "{parcel.path.name}" {part}'
        arrived = _size_in(self._batch(put, look, cwd=parcel.path.parent))
        if arrived != parcel.size:
            self.begun.discard(parcel.name)
            raise AgentError(f"{arrived} of {parcel.size} bytes arrived")
        self._batch(f"rename {part} {self._quoted(parcel.folder, parcel.name)}")

    def tidy(self) -> None:
        """Remove unfinished files."""
        self._batch(
            *(f"-rm {self._quoted(name, self.mark, glob='*')}" for name in ("databases", "log"))
        )

    def remove(self, folder: str, name: str) -> None:
        """Remove one file."""
        self._batch(f"rm {self._quoted(folder, name)}")


def _size_in(listing: str) -> int:
    """The size of the only file that sftp lists; 0 where there is none."""
    sizes = re.findall(r"^-\S+\s+\S+\s+\S+\s+\S+\s+(\d+)\s", listing, re.MULTILINE)
    return int(sizes[0]) if len(sizes) == 1 else 0


class RsyncDelivery(RemoteDelivery):
    """By rsync, which writes under a hidden name, compares a checksum of the whole, and renames.

    What a cut transfer has sent stays on the server, and the next try goes on from there; but the
    rrsync of rsync 3.5 keeps nothing of it.
    """

    program = "rsync"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.empty_folder = config.work / "tmp" / "empty"

    def _rsync(self, *words: str) -> None:
        shell = " ".join(shlex.quote(word) for word in ("ssh", *self.ssh_options()))
        argv = [
            "rsync",
            f"--rsh={shell}",
            "--timeout=300",
            f"--bwlimit={self.options['bandwidth_kb']}",
        ]
        run_program([*argv, *words], self.minutes)

    def send(self, parcel: Parcel) -> None:
        """Copy; the mode is that of the file here."""
        keep = f"--partial-dir={self.mark}partial"
        target = f"{self.target}:{self.place(parcel.folder, parcel.name)}"
        self._rsync("--ignore-times", keep, str(parcel.path), target)

    def tidy(self) -> None:
        """Empty the folders of unfinished files; there is no other way to remove them by rsync."""
        self.empty_folder.mkdir(exist_ok=True)
        for folder in ("databases", "log"):
            self._empty(folder)
        # Newer versions of rrsync have theirs in the folder that they are bound to.
        with contextlib.suppress(AgentError):
            self._empty()
        self.empty_folder.rmdir()

    def _empty(self, *folder: str) -> None:
        target = f"{self.target}:{self.place(*folder, f'{self.mark}partial')}/"
        self._rsync("--recursive", "--delete", f"{self.empty_folder}/", target)

    def remove(self, folder: str, name: str) -> None:
        """Nothing: rsync removes no single file, and the next trial takes this one's place."""


def delivery_of(config: Config) -> Delivery:
    """The way that the configuration asks for."""
    ways = {
        "folder": FolderDelivery,
        "ssh": SshDelivery,
        "sftp": SftpDelivery,
        "rsync": RsyncDelivery,
    }
    return ways[config.delivery["method"]](config)


# --- the work folder -----------------------------------------------------------------------------


def sync_folder(folder: Path) -> None:
    """Make a rename durable, where the filesystem lets one."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file, so that it holds the old or the new whatever happens."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    sync_folder(path.parent)


class Work:
    """The agent's own folder: ``tmp``, ``outbox``, ``kept``, and what it remembers."""

    def __init__(self, config: Config) -> None:
        self.root = config.work
        self.tmp, self.outbox, self.kept = (self.root / n for n in ("tmp", "outbox", "kept"))
        self.state, self.sizes = self.root / "running.json", self.root / "sizes.json"
        self.reserve, self.leftovers = self.root / "reserve", self.root / "leftovers"
        self.last = self.root / "last_run.json"

    def prepare(self) -> None:
        """Make the folders."""
        try:
            for folder in (self.root, self.tmp, self.outbox, self.kept):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"work_dir cannot be used: {reason_of(error)}") from None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock; the kernel gives it back however the agent ends.

        Raises
        ------
        BusyError
            Where another run holds it.
        """
        self.prepare()
        path = self.root / "lock"
        try:
            number = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            # A filesystem that has become read-only is for the run to report.
            number = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise BusyError("another run is going on; nothing was done") from None
        finally:
            os.close(number)

    def tidy(self) -> None:
        """Remove what killed runs have left, and set room aside for the report."""
        shutil.rmtree(self.tmp, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.tmp.mkdir(exist_ok=True)
            for path in [*self.root.glob(".*.part"), *self.outbox.glob(".*.part")]:
                path.unlink()
            self.reserve.write_bytes(b"\0" * RESERVE_BYTES)

    def empty(self) -> None:
        """Remove unfinished files."""
        for path in self.tmp.glob("*"):
            with contextlib.suppress(OSError):
                path.unlink()

    def read(self, path: Path) -> dict[str, Any]:
        """An object that was kept; an empty one where there is none, or none that can be read."""
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def put_report(self, name: str, data: bytes) -> None:
        """Into the outbox, even when the disk is full."""
        with contextlib.suppress(OSError):
            self.reserve.unlink()
        write_durably(self.outbox / name, data)

    def waiting(self) -> list[Path]:
        """The reports that are not delivered yet, oldest first."""
        found = sorted(self.outbox.glob("STATUS_*.json"))
        for path in found[:-MOST_REPORTS]:
            log.warning("outbox: %s is dropped: there are more than %d", path.name, MOST_REPORTS)
            path.unlink()
        return found[-MOST_REPORTS:]

    def keep(self, database: Database, path: Path, name: str) -> None:
        """Keep a dump here, or remove it; and of those kept the newest only."""
        many, folder = int(database["keep_local"]), self.kept / database.safe_name
        if not many:
            path.unlink()
        else:
            folder.mkdir(exist_ok=True)
            path.replace(folder / name)
        if folder.is_dir():
            kept = sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)
            for old in kept[many:]:
                old.unlink()


# --- the report ----------------------------------------------------------------------------------


class Section:
    """What the report says of one database, filled in as the run goes on."""

    def __init__(self, staged_name: str) -> None:
        self.steps: dict[str, dict[str, Any]] = {step: {"status": False} for step in STEPS}
        self.staged_name = staged_name
        self.said: list[str] = []

    def begin(self, step: str) -> None:
        """A step begins."""
        self.steps[step]["start_time"] = utc_now()

    def done(self, step: str, sha256: str = "", size: int = -1) -> None:
        """A step went well."""
        self.steps[step].update(status=True, end_time=utc_now())
        if sha256:
            self.steps[step].update(sha256_checksum=sha256, size=size)

    def fail(self, words: str) -> None:
        """The first step that is not done failed, and so all after it."""
        for step in STEPS:
            if not self.steps[step]["status"]:
                self.steps[step].update(end_time=utc_now(), error_message=words)
                break
        self.steps["TRANSFER"]["error_message"] = words

    @property
    def failed(self) -> bool:
        """Whether a step failed."""
        return bool(self.steps["TRANSFER"].get("error_message"))

    @property
    def well(self) -> bool:
        """Whether all steps are done."""
        return all(step["status"] for step in self.steps.values())

    def as_dict(self) -> dict[str, Any]:
        """As the report has it."""
        section: dict[str, Any] = {**self.steps, "staged_file_name": self.staged_name}
        section["TRANSFER"].setdefault("error_message", None)
        if self.said:
            section["logs_summary"] = "\n".join(self.said)
        return section


def report_bytes(
    agent: str, start: str, end: str, sections: dict[str, Any], status: str = ""
) -> bytes:
    """The report of one run."""
    failed = [s for s in sections.values() if not all(s[step]["status"] for step in STEPS)]
    told_as = "failed" if len(failed) == len(sections) else "completed_with_errors"
    report = {
        "operation_start_time": start,
        "operation_end_time": end,
        "agent_id": agent,
        "agent_version": f"backupmon-agent {VERSION}",
        "overall_status": status or (told_as if failed else "completed"),
        "databases": sections,
    }
    return json.dumps(report, indent=1, ensure_ascii=False).encode("utf-8", "replace")


# --- the run -------------------------------------------------------------------------------------


class Run:
    """One run: all databases, one after the other, and the report."""

    def __init__(self, config: Config, databases: tuple[Database, ...]) -> None:
        self.config, self.databases = config, databases
        self.work, self.delivery = Work(config), delivery_of(config)
        self.started, self.id = self._beginning()
        self.sections: dict[str, Section] = {}
        self.stopped_by = ""
        #: Once the line has failed, further files get one try each.
        self.line_is_bad = False
        #: Something may be left on the server, for the next run to remove.
        self.owes_tidying = False

    def go(self) -> int:
        """Do it all; gives the exit status."""
        self.work.tidy()
        log.info("run %s begins: %d databases", self.id, len(self.databases))
        self.report_killed_run()
        self.sections = {
            d.name: Section(d.staged_name(self.config, self.id)) for d in self.databases
        }
        try:
            self._remember("")
            self._tidy_server()
            for database in self.databases:
                self._back_up(database)
        except Stopped as signal_name:
            self._stopped(str(signal_name))
        self._write_report()
        delivered = self.send_reports()
        log.info("run %s ends", self.id)
        well = all(section.well for section in self.sections.values())
        return EXIT_UNDELIVERED if not delivered else EXIT_WELL if well else EXIT_FAILED

    def _beginning(self) -> tuple[str, str]:
        """When the run began, and its id: no two runs have the same."""
        last = self.work.read(self.work.last).get("id")
        while True:
            started = utc_now()
            run_id = re.sub(r"[-:]", "", started)
            if run_id != last:
                break
            time.sleep(0.05)
        with contextlib.suppress(OSError):
            write_durably(self.work.last, json.dumps({"id": run_id}).encode())
        return started, run_id

    def _stopped(self, signal_name: str) -> None:
        self.stopped_by = signal_name
        log.error("told to stop by %s: reporting what is not done as failed", signal_name)
        for section in self.sections.values():
            if not section.well and not section.failed:
                section.fail(f"the agent was told to stop ({signal_name}) before this was done")

    # One database.

    def _back_up(self, database: Database) -> None:
        section = self.sections[database.name]
        path = self.work.tmp / section.staged_name
        try:
            self._dump(database, section, path)
            self._transfer(database, section, path)
            self._keep(database, path, section.staged_name)
        except (AgentError, OSError) as error:
            self._failed(database, section, reason_of(error))
        except Exception as error:
            self._failed(database, section, f"unexpected {type(error).__name__}: {error}")
        finally:
            self.work.empty()
            self._remember("")

    def _failed(self, database: Database, section: Section, words: str) -> None:
        words = without_secrets(words)
        section.fail(words)
        log.error("%s: failed: %s", database.name, one_line(words))

    def _dump(self, database: Database, section: Section, path: Path) -> None:
        section.begin("BACKUP")
        section.begin("COMPRESS")
        self._remember(database.name)
        self._need_room(database)
        packer = Packer(
            path, database.compression, database["compression_level"], self.delivery.mode
        )
        begun = time.monotonic()
        try:
            said = self._read(database, packer)
            packer.close()
        except OSError as error:
            raise AgentError(f"the dump cannot be written: {reason_of(error)}") from None
        finally:
            packer.drop()
        section.done("BACKUP", packer.hash.hexdigest(), packer.size)
        section.done("COMPRESS", packer.out.hash.hexdigest(), packer.out.size)
        if said:
            section.said.append(said)
            log.warning("%s: the dump's program said: %s", database.name, one_line(said))
        sizes = {**self.work.read(self.work.sizes), database.name: packer.out.size}
        with contextlib.suppress(OSError):
            write_durably(self.work.sizes, json.dumps(sizes).encode())
        sizes_told = f"dumped {size_words(packer.size)}, {size_words(packer.out.size)} to deliver"
        log.info("%s: %s, in %.1f s", database.name, sizes_told, time.monotonic() - begun)

    def _read(self, database: Database, packer: Packer) -> str:
        if database.kind != "sqlite":
            return dumper_of(database).stream(
                packer.write, float(self.config.agent["stall_minutes"])
            )
        copy = self.work.tmp / "copy.db"
        copy_sqlite(database["path"], copy)
        with copy.open("rb") as file:
            for data in iter(lambda: file.read(CHUNK), b""):
                packer.write(data)
        return ""

    def _need_room(self, database: Database) -> None:
        last = self.work.read(self.work.sizes).get(database.name)
        need = int(last * 1.1) if isinstance(last, int) else 0
        if database.kind == "sqlite" and Path(database["path"]).is_file():
            need += Path(database["path"]).stat().st_size
        least = int(self.config.agent["min_free_mb"]) * MEGABYTE
        free = shutil.disk_usage(self.work.tmp).free
        if free < need + least:
            have, want = size_words(free), size_words(need + least)
            raise AgentError(
                f"not enough room in {self.work.root}: {have} are free, {want} are needed"
            )

    def _transfer(self, database: Database, section: Section, path: Path) -> None:
        section.begin("TRANSFER")
        self._remember(database.name)
        packed = section.steps["COMPRESS"]
        name = section.staged_name
        try:
            self._send(Parcel(path, "databases", name, packed["size"], packed["sha256_checksum"]))
        except AgentError:
            self._keep(database, path, name)
            raise
        section.done("TRANSFER")
        log.info("%s: delivered %s", database.name, name)

    def _keep(self, database: Database, path: Path, name: str) -> None:
        try:
            self.work.keep(database, path, name)
        except OSError as error:
            log.warning("%s: %s is not kept here: %s", database.name, name, reason_of(error))

    # Delivery.

    def _send(self, parcel: Parcel) -> None:
        hopeless = self.line_is_bad and parcel.folder != "log"
        tries = 1 if hopeless or self.stopped_by else int(self.config.delivery["tries"])
        wait = float(self.config.delivery["retry_wait"])
        for number in range(1, tries + 1):
            try:
                self._send_once(parcel)
            except AgentError as error:
                log.warning(
                    "%s: try %d of %d failed: %s", parcel.name, number, tries, one_line(str(error))
                )
                self.owes_tidying = True
                if number == tries:
                    self.line_is_bad = True
                    often = f" (after {tries} tries)" if tries > 1 else ""
                    raise AgentError(f"delivery failed{often}: {error}") from None
                time.sleep(min(wait * 2 ** (number - 1), 900))
            else:
                return

    def _send_once(self, parcel: Parcel) -> None:
        """Remembers, while it lasts, that something may be left on the server."""
        with contextlib.suppress(OSError):
            self.work.leftovers.touch()
        self.delivery.available()
        try:
            self.delivery.send(parcel)
        except OSError as error:
            raise AgentError(reason_of(error)) from None
        if not self.owes_tidying:
            with contextlib.suppress(OSError):
                self.work.leftovers.unlink()

    def _tidy_server(self) -> None:
        if not self.work.leftovers.exists():
            return
        try:
            self.delivery.tidy()
            self.work.leftovers.unlink()
            log.info("removed what an earlier, cut-off transfer left on the server")
        except (AgentError, OSError) as error:
            self.owes_tidying = True
            log.warning("the server could not be tidied: %s", one_line(reason_of(error)))

    # The report.

    def _write_report(self) -> None:
        sections = {name: section.as_dict() for name, section in self.sections.items()}
        status = "interrupted" if self.stopped_by else ""
        data = report_bytes(self.config.agent["id"], self.started, utc_now(), sections, status)
        name = f"STATUS_{self.id}.json"
        try:
            self.work.put_report(name, data)
        except OSError as error:
            log.error("the report cannot be written to the outbox: %s", reason_of(error))
            self._send_from_memory(name, data)
        with contextlib.suppress(OSError):
            self.work.state.unlink()

    def _send_from_memory(self, name: str, data: bytes) -> None:
        """The disk is full: write the report anywhere, and send it from there."""
        for folder in ("/dev/shm", "/run", "/tmp"):
            path = Path(folder) / f"backupmon-agent-{os.getpid()}.json"
            try:
                file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self.delivery.mode)
                with os.fdopen(file, "wb") as out:
                    out.write(data)
                self._send(parcel_of(path, "log", name))
                log.info("delivered the report %s, out of %s", name, folder)
                return
            except (OSError, AgentError) as error:
                log.warning("from %s: %s", folder, one_line(reason_of(error)))
            finally:
                with contextlib.suppress(OSError):
                    path.unlink()
        raise AgentError("the report could neither be kept nor delivered")

    def send_reports(self) -> bool:
        """Deliver all that waits, oldest first; gives whether nothing is left."""
        for path in self.work.waiting():
            try:
                path.chmod(self.delivery.mode)
                self._send(parcel_of(path, "log", path.name))
            except (AgentError, OSError) as error:
                log.error(
                    "%s is not delivered, and kept for the next run: %s",
                    path.name,
                    one_line(reason_of(error)),
                )
                return False
            except Stopped as signal_name:
                log.error("%s is not delivered: told to stop by %s", path.name, signal_name)
                return False
            path.unlink()
            log.info("delivered the report %s", path.name)
        return True

    # What a killed run leaves behind, and what the next one makes of it.

    def _remember(self, now: str) -> None:
        sections = {name: section.as_dict() for name, section in self.sections.items()}
        state = {
            "id": self.id,
            "start": self.started,
            "at": utc_now(),
            "now": now,
            "databases": sections,
        }
        with contextlib.suppress(OSError):
            write_durably(self.work.state, json.dumps(state).encode())

    def report_killed_run(self) -> None:
        """Report the last run, where it could not do so itself."""
        state = self.work.read(self.work.state)
        if not state:
            return
        try:
            path = self.work.outbox / f"STATUS_{state['id']}.json"
            if not path.exists():
                log.warning("the run of %s was killed: reporting it", state["start"])
                write_durably(path, self._killed(state))
            self.work.state.unlink()
        except (KeyError, TypeError, AttributeError):
            log.warning("%s cannot be read, and is dropped", self.work.state)
            self.work.state.unlink()
        except OSError as error:
            log.warning("the killed run could not be reported: %s", reason_of(error))

    def _killed(self, state: dict[str, Any]) -> bytes:
        words = f"the agent was killed, or its machine stopped, after {state['at']}"
        for name, section in state["databases"].items():
            where = " in the midst of this database" if name == state["now"] else ""
            failed = [step for step in STEPS if not section[step]["status"]]
            if failed and not section["TRANSFER"].get("error_message"):
                section[failed[0]]["error_message"] = words + where
                section["TRANSFER"]["error_message"] = words + where
        return report_bytes(
            self.config.agent["id"], state["start"], state["at"], state["databases"], "interrupted"
        )


# --- commands ------------------------------------------------------------------------------------


def command_run(config: Config, names: list[str], dry_run: bool) -> int:
    """Dump, deliver, report."""
    unknown = sorted(set(names) - {database.name for database in config.databases})
    if unknown:
        raise ConfigError(f"there is no [database {unknown[0]}]")
    chosen = tuple(d for d in config.databases if not names or d.name in names)
    if dry_run:
        return tell_plan(config, chosen)
    with Work(config).locked():
        return Run(config, chosen).go()


def command_send(config: Config) -> int:
    """Deliver the reports that wait."""
    work = Work(config)
    with work.locked():
        run = Run(config, ())
        run.report_killed_run()
        return EXIT_WELL if run.send_reports() else EXIT_UNDELIVERED


def tell_plan(config: Config, databases: tuple[Database, ...]) -> int:
    """What a run would do."""
    run_id = re.sub(r"[-:]", "", utc_now())
    code = EXIT_WELL
    for database in databases:
        try:
            what = (
                f"copy {database['path']}"
                if database.kind == "sqlite"
                else " ".join(shlex.quote(word) for word in dumper_of(database).argv)
            )
        except AgentError as error:
            what, code = f"cannot: {error}", EXIT_FAILED
        print(f"{database.name}: {without_secrets(what)}")
        print(f"  -> databases/{database.staged_name(config, run_id)}")
    where = (
        config.delivery["path"]
        if config.delivery["method"] == "folder"
        else (f"{config.delivery['host']}:{config.delivery['path']}")
    )
    print(f"report -> log/STATUS_{run_id}.json, by {config.delivery['method']} to {where}")
    return code


class Check:
    """Tries everything, and says of each whether it is well and what to mend."""

    def __init__(self, config: Config) -> None:
        self.config, self.bad = config, 0

    def go(self) -> int:
        """Try it all; gives the exit status."""
        self._try("work folder", self._work_folder)
        for database in self.config.databases:
            self._try(f"database {database.name}", lambda d=database: self._database(d))  # type: ignore[misc]
        self._try(f"delivery by {self.config.delivery['method']}", self._delivery)
        waiting = len(Work(self.config).waiting()) if not self.bad else 0
        if waiting:
            print(f"note  {waiting} reports wait to be delivered: `send` does so at once")
        return EXIT_FAILED if self.bad else EXIT_WELL

    def _try(self, what: str, attempt: Callable[[], str]) -> None:
        try:
            print(f"ok    {what}: {attempt()}")
        except (AgentError, OSError) as error:
            words = one_line(without_secrets(reason_of(error)))
            print(f"BAD   {what}: {words}")
            hint = next((hint for text, hint in HINTS if text in words), "")
            if hint:
                print(f"      to mend it: {hint}")
            self.bad += 1

    def _work_folder(self) -> str:
        work = Work(self.config)
        work.prepare()
        if work.root.stat().st_mode & 0o077:
            raise AgentError(
                f"{work.root} is open to others, and dumps lie in it; chmod 700 {work.root}"
            )
        with contextlib.closing(Measured(work.tmp / f"check-{os.getpid()}", 0o600)) as file:
            file.write(b"trial\n")
        (work.tmp / f"check-{os.getpid()}").unlink()
        free = shutil.disk_usage(work.root).free
        if free < int(self.config.agent["min_free_mb"]) * MEGABYTE:
            raise AgentError(f"only {size_words(free)} are free in {work.root}")
        return f"{work.root}, {size_words(free)} free"

    def _database(self, database: Database) -> str:
        if database.compression == "zstd" and shutil.which("zstd") is None:
            raise AgentError("not on the path: zstd; install it, or set compression = gzip")
        if database.kind == "sqlite":
            return self._sqlite(database)
        for key in ("option_file", "passfile"):
            self._secret_file(database.values.get(key, ""))
        dumper = dumper_of(database, trial=True)
        if database.kind == "command":
            return f"{dumper.argv[0]} is there; it is not run by a check"
        said = dumper.stream(lambda data: None, 5)
        if database.kind == "mariadb":
            self._may_see_routines(database)
        return "its structure can be dumped" + (f"; {one_line(said)}" if said else "")

    def _sqlite(self, database: Database) -> str:
        try:
            with contextlib.closing(open_sqlite(database["path"])) as source:
                count = source.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        except sqlite3.Error as error:
            raise AgentError(f"{database['path']}: {error}") from None
        return f"{count} tables, indexes and views can be read"

    def _may_see_routines(self, database: Database) -> None:
        """Where it may not, MariaDB leaves stored routines out of a dump without a word."""
        client = shutil.which("mariadb") or shutil.which("mysql")
        if client is None:
            return
        # What the dump takes of these, the client takes as well.
        options = re.compile(r"--(defaults|host|port|user|socket|protocol|ssl)")
        argv = [client, *filter(options.match, dumper_of(database).argv[1:]), "--batch"]
        try:
            run_program([*argv, "--execute=SELECT COUNT(*) FROM mysql.proc"], 5)
        except AgentError as error:
            if "denied" in str(error):
                raise AgentError(f"stored routines would be left out silently: {error}") from None

    def _secret_file(self, path: str) -> None:
        if path and Path(path).stat().st_mode & 0o077:
            raise AgentError(f"{path} is open to others, and holds a password; chmod 600 {path}")

    def _delivery(self) -> str:
        delivery = delivery_of(self.config)
        delivery.available()
        work = Work(self.config)
        work.prepare()
        scratch = work.tmp / f"check-{os.getpid()}"
        try:
            return delivery.attempt(scratch)
        finally:
            with contextlib.suppress(OSError):
                scratch.unlink()


#: What to do about words that programs say.
HINTS = (
    ("left out silently", "GRANT SELECT ON mysql.proc TO the user of the backup"),
    ("Access denied", "put the right user and password under [client] in option_file"),
    ("Unknown database", "set database = to the name that the server has for it"),
    (
        "password authentication failed",
        "put the password in ~/.pgpass or passfile: host:port:database:user:password",
    ),
    ("no password supplied", "put the password in ~/.pgpass or passfile, mode 600"),
    ("does not exist", "set database = and user = to names that the server knows"),
    (
        "Host key verification failed",
        "ssh-keyscan HOST, compare with the server's key, add it to known_hosts_file",
    ),
    ("Permission denied (", "add this agent's public key to the server's authorized_keys"),
    ("No such file or directory", "make databases/ and log/ in the agent's folder on the server"),
    ("Directory nonexistent", "make databases/ and log/ in the agent's folder on the server"),
    (
        "receiver option dir",
        "this agent's folder there, above databases/ and log/, must be its own",
    ),
    ("there is no folder", "mount the share; make databases/ and log/ on it"),
    ("Connection refused", "is the server's sshd running, and port = right?"),
    ("Connection timed out", "is the line up, and does a firewall let ssh out?"),
    ("Could not resolve hostname", "is host = right, and does DNS work here?"),
)


def set_up_log(config: Config) -> None:
    """One line for each event, on standard error or to syslog."""
    handler: logging.Handler = logging.StreamHandler()
    text = "%(asctime)s %(levelname)s %(message)s"
    if config.agent["log"] == "syslog":
        with contextlib.suppress(OSError):
            handler = logging.handlers.SysLogHandler("/dev/log")
            text = "backupmon-agent[%(process)d]: %(levelname)s %(message)s"
    formatter = logging.Formatter(text, "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description="Dump databases, deliver the dumps, and report on it to backupmon.",
        epilog="Exit status: 0 well; 1 a database failed, or something is to be mended; "
        "2 the configuration is wrong; 3 another run is going on; 4 a report is not delivered.",
    )
    parser.add_argument("--version", action="version", version=f"backupmon-agent {VERSION}")
    default = os.environ.get("BACKUPMON_AGENT_CONFIG", DEFAULT_CONFIG)
    parser.add_argument("-c", "--config", default=default, help=f"default: {default}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True
    run = commands.add_parser("run", help="dump, deliver, report")
    run.add_argument("names", nargs="*", metavar="NAME", help="these databases only")
    run.add_argument("--dry-run", action="store_true", help="say what would be done")
    commands.add_parser("check", help="try everything out, and say what to mend")
    commands.add_parser("send", help="deliver reports that could not be delivered earlier")
    commands.add_parser("example-config", help="print a configuration to begin with")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """The command; gives the exit status."""
    asked = arguments(words)
    if asked.command == "example-config":
        print(EXAMPLE, end="")
        return EXIT_WELL
    os.umask(0o077)
    try:
        config = ConfigReader(asked.config).read()
        set_up_log(config)
        SIGNALS.listen()
        if asked.command == "check":
            return Check(config).go()
        if asked.command == "send":
            return command_send(config)
        return command_run(config, asked.names, asked.dry_run)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    except BusyError as error:
        log.error("%s", error)
        return EXIT_BUSY
    except Stopped as signal_name:
        log.error("told to stop by %s", signal_name)
        return EXIT_FAILED
    except (AgentError, OSError) as error:
        log.error("%s", one_line(reason_of(error)))
        return EXIT_UNDELIVERED


if __name__ == "__main__":
    sys.exit(main())
