"""With LOG_FORMAT=json every line is JSON, whoever in the process wrote it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backupmon.config import PROJECT_ROOT, Settings, load_settings
from backupmon.supervision.gunicorn_logger import GunicornLogger
from backupmon.supervision.parts import web_part
from tests.integration.background import background, environment, until
from tests.integration.conftest import World


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def start(settings: Settings, folder: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=folder,
        env={**environment(settings), "FLASK_APP": str(PROJECT_ROOT / "wsgi.py")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path / "new", log_format="json")


def test_migrations_are_events(empty: Settings, tmp_path: Path) -> None:
    process = start(empty, tmp_path, "flask", "db", "upgrade")
    out, told = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert {step["event"] for step in events(told)} == {"schema.step"}
    assert events(told)[0]["migration"] == "0001"


def test_gunicorns_troubles_are_events(empty: Settings, tmp_path: Path) -> None:
    # An address that is nobody's (RFC 5737): gunicorn says so, and tries again.
    options = ["--bind", "203.0.113.1:9", "--pythonpath", str(PROJECT_ROOT)]
    config = str(PROJECT_ROOT / "deploy" / "gunicorn.conf.py")
    process = start(empty, tmp_path, "gunicorn", "wsgi:app", "--config", config, *options)
    assert process.stderr is not None
    first = process.stderr.readline()
    process.kill()
    out, rest = process.communicate(timeout=60)
    assert "203.0.113.1" in events(first)[0]["message"]
    assert {event["event"] for event in events(first + rest)} == {"gunicorn.error"}
    assert out == ""


def test_flask_up_starts_gunicorn_with_our_logger() -> None:
    assert GunicornLogger.__name__ in str(web_part(3, 1).command)


def test_a_workers_troubles_are_events(world: World, tmp_path: Path) -> None:
    world.settings = world.settings.model_copy(update={"log_format": "json"})
    with background(world, tmp_path) as server:
        worker = server.worker("scan")
        until(lambda: len(server.redis.smembers("rq:workers")) == 1, "the worker is at work")
        server.kill_redis()
        until(lambda: "rq.worker" in server.log(), "RQ says that Redis is away")
        server.kill(worker)
        assert {event["level"] for event in events(server.log())} >= {"error"}
