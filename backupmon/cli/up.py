"""``flask up``: the whole server in one terminal."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import cast

import click
from flask import current_app

from backupmon.application import Application
from backupmon.cli.edge import settings, told_plainly
from backupmon.cli.up_log import UpLog
from backupmon.config import Settings, unknown_settings
from backupmon.core.errors import BackupmonError
from backupmon.extensions import db
from backupmon.services.roots import mark_roots
from backupmon.services.schema import upgrade_schema
from backupmon.services.setup import setup_link
from backupmon.storage.locks import FileLock
from backupmon.supervision.parts import Part, scheduler_part, web_part, worker_parts
from backupmon.supervision.redis_server import (
    redis_command,
    set_aside,
    wait_for_redis,
    why_silent,
)
from backupmon.supervision.supervisor import Supervisor

_REDIS = "redis"
#: Seconds that the embedded Redis has for reading what it kept.
_REDIS_SECONDS = 20.0
#: Seconds that the parts of one that was killed have for ending.
_LOCK_SECONDS = 3.0
#: Deaths in a row after which it is taken that Redis cannot read what it kept.
_UNREADABLE_AFTER = 2


@click.command("up")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=min(4, os.cpu_count() or 1),
    show_default="one for each processor, 4 at the most",
    help="How many files to hash at once.",
)
@told_plainly
def up_command(host: str, port: int, workers: int) -> None:
    """Start everything: database, queue, pages, workers, scheduler. Ctrl-C stops all of it."""
    configuration = settings()
    for sentence in unknown_settings():
        click.secho(f"warning: {sentence}", fg="yellow", err=True)
    with _only_one(configuration) as lock, _listening(host, port) as listener:
        upgrade_schema()
        mark_roots(configuration, datetime.now(UTC))
        # What the pages cannot do without, such as their key, is told of now.
        cast("Application", current_app).wire()
        door = _door(configuration, _address(listener))
        db.engine.dispose()
        _run(configuration, lock, listener, workers, door)


@contextmanager
def _only_one(configuration: Settings) -> Iterator[FileLock]:
    """Hold the lock of this data folder; a Redis that one which was killed left may still end."""
    lock = FileLock(configuration.data_dir / "up.lock")
    end = time.monotonic() + _LOCK_SECONDS
    while not lock.acquire(str(os.getpid())):
        if time.monotonic() > end:
            raise BackupmonError(
                f"flask up runs already for {configuration.data_dir}, process {lock.word()}",
                "stop that one first, or set another BACKUPMON_DATA_DIR",
            )
        time.sleep(0.1)
    try:
        yield lock
    finally:
        lock.release()


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens, before anything is started that would have to be stopped again."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        # The system's own words: `create_server` adds the address, which stands here already.
        known = error.errno is not None and error.errno > 0
        reason = os.strerror(error.errno or 0) if known else error.strerror
        raise BackupmonError(
            f"{host}:{port} cannot be listened on: {reason}",
            "choose another with --port, or stop what is there",
        ) from error
    with listener:
        yield listener


def _door(configuration: Settings, address: str) -> str:
    """How to log in; as long as there is no user, by a link that makes the first one."""
    link = setup_link(configuration, address)
    if link is None:
        return f"open {configuration.base_url or address} in a browser, and log in"
    return f"there is no user yet: open {link} in a browser to make the first, an admin"


def _run(
    configuration: Settings, lock: FileLock, listener: socket.socket, workers: int, door: str
) -> None:
    log = UpLog(coloured=sys.stdout.isatty(), as_json=configuration.log_format == "json")

    def on_death(part: Part, deaths: int) -> None:
        if part.name == _REDIS and deaths >= _UNREADABLE_AFTER:
            aside = set_aside(configuration, time.time())
            if aside is not None:
                log.say(_REDIS, f"what it kept is set aside in {aside}; scans fill the queue")

    supervisor = Supervisor(log.say, on_death)
    signals = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        # Under nohup it is to go on when the terminal has gone.
        signals.append(signal.SIGHUP)
    for signum in signals:
        signal.signal(signum, supervisor.request_stop)
    try:
        _start_queue(configuration, lock, supervisor, log)
        if not supervisor.stopping:
            listener.set_inheritable(True)
            # Two, so that one long request holds up nobody.
            supervisor.start([web_part(listener.fileno(), 2)])
            supervisor.start([*worker_parts(workers), scheduler_part()])
            log.say("up", f"{door}; Ctrl-C stops everything")
        supervisor.watch()
    finally:
        log.say("up", "stopping")
        supervisor.stop()
    log.say("up", "stopped")


def _start_queue(
    configuration: Settings, lock: FileLock, supervisor: Supervisor, log: UpLog
) -> None:
    """Start the embedded Redis, or look whether the one that is set answers."""
    url = configuration.queue_url
    if configuration.redis_url is not None:
        if reason := why_silent(url):
            log.say("up", f"BACKUPMON_REDIS_URL does not answer: {reason}")
            log.say("up", "hint: start it, or correct the address; the pages go on without it")
        return
    # It holds our lock too: no second Redis may write to its files while this one lives.
    command = tuple(redis_command(configuration))
    supervisor.start([Part(_REDIS, command, last=True, keeps=(lock.fileno(),))])

    def waiting() -> bool:
        supervisor.look()
        return not supervisor.stopping

    if not wait_for_redis(url, seconds=_REDIS_SECONDS, alive=waiting) and not supervisor.stopping:
        log.say("up", "the embedded Redis does not answer yet; the pages go on without it")


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = "localhost" if host in ("0.0.0.0", "::") else host  # noqa: S104
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"
