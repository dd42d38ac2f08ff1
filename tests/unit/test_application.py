"""The application's pages are there when they are asked for, and cost nothing until then."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from flask import Flask

from backupmon.application import Application
from backupmon.config import PROJECT_ROOT

HEAVY = ("flask_wtf", "wtforms", "flask_login", "argon2", "backupmon.web")

#: Says which of the heavy modules a command has imported.
PROBE = f"""
import sys
from backupmon import create_app
app = create_app()
result = app.test_cli_runner().invoke(args=["scan", "--help"])
print(result.exit_code, sorted(m for m in {HEAVY!r} if m in sys.modules))
app.test_client().get("/health")
print(sorted(m for m in {HEAVY!r} if m in sys.modules))
"""


def test_a_command_does_without_the_pages(tmp_path: Path) -> None:
    environment = {"BACKUPMON_DATA_DIR": str(tmp_path), "PYTHONPATH": str(PROJECT_ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, check=True
    )
    command, page = done.stdout.splitlines()
    assert command == "0 []"
    assert "backupmon.web" in page


def made(wiring: Callable[[Flask], None]) -> Application:
    return Application(__name__, wiring=wiring)


def test_many_first_requests_at_once_wire_once_and_all_wait_for_it() -> None:
    calls, may_end = [], Event()

    def wiring(app: Flask) -> None:
        calls.append(app)
        app.add_url_rule("/early", view_func=lambda: "", endpoint="early")
        assert may_end.wait(30)
        app.add_url_rule("/late", view_func=lambda: "late", endpoint="late")

    app = made(wiring)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(lambda: app.test_client().get("/late").text) for _ in range(4)]
        may_end.set()
        assert [answer.result() for answer in answers] == ["late"] * 4
    assert len(calls) == 1


def test_a_wiring_that_failed_is_tried_again() -> None:
    troubles = [OSError("no room"), OSError("no room")]

    def wiring(app: Flask) -> None:
        if troubles:
            raise troubles.pop()
        app.add_url_rule("/x", view_func=lambda: "x", endpoint="x")

    app = made(wiring)
    for _ in range(2):
        with pytest.raises(OSError, match="no room"):
            app.test_client().get("/x")
    assert app.test_client().get("/x").text == "x"
