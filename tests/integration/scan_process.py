"""``flask scan`` in a process of its own, that can be killed at any moment.

The processes are forked from a server that has imported everything already (forkserver), so
that hundreds of them cost little.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import sys
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from pydantic import SecretStr

from backupmon import create_app
from backupmon.config import PROJECT_ROOT, Settings, load_settings
from backupmon.storage import failpoints

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.integration.scan_process"])


def _ensure_server() -> None:
    """Start it where it finds what to import: else it does without, and says nothing of it."""
    with contextlib.chdir(PROJECT_ROOT):
        forkserver.ensure_running()


@dataclass(frozen=True)
class Limits:
    """What holds for the process: its user, and the largest file that it may write."""

    user: int | None = None
    file_size: int | None = None


def start_scan(
    settings: Settings,
    arguments: list[str],
    points: dict[str, str] | None = None,
    limits: Limits | None = None,
) -> ForkServerProcess:
    """Start ``flask scan ARGUMENTS`` with failpoints; the caller waits for it or kills it."""
    return start_command(settings, ["scan", *arguments], points, limits)


def start_command(
    settings: Settings,
    arguments: list[str],
    points: dict[str, str] | None = None,
    limits: Limits | None = None,
) -> ForkServerProcess:
    """Start ``flask ARGUMENTS``; the caller waits for it or kills it."""
    dumped = settings.model_dump().items()
    plain = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in dumped}
    values = {k: str(v) for k, v in plain.items() if v is not None}
    given = (values, arguments, points or {}, limits or Limits())
    _ensure_server()
    process = _context.Process(target=_run, args=given, daemon=True)
    process.start()
    return process


def run_to_end(
    settings: Settings,
    arguments: list[str],
    points: dict[str, str] | None = None,
    limits: Limits | None = None,
) -> int:
    """Run it to its end; gives its exit code, negative for a signal."""
    return run_command_to_end(settings, ["scan", *arguments], points, limits)


def run_command_to_end(
    settings: Settings,
    arguments: list[str],
    points: dict[str, str] | None = None,
    limits: Limits | None = None,
) -> int:
    """Run any ``flask`` command to its end; gives its exit code, negative for a signal."""
    process = start_command(settings, arguments, points, limits)
    process.join(60)
    assert process.exitcode is not None, "the scan did not end"
    return process.exitcode


def _run(
    values: dict[str, str], arguments: list[str], points: dict[str, str], limits: Limits
) -> None:
    if limits.file_size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_size, limits.file_size))
    if limits.user is not None:
        os.setgroups([])
        os.setgid(limits.user)
        os.setuid(limits.user)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.chdir(Path(values["data_dir"]))
    failpoints._active.update(points)
    app = create_app(load_settings(**values))
    with app.app_context():
        sys.exit(app.cli.main(arguments, prog_name="flask", standalone_mode=True))
