"""Named points where a test can kill or hold the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_SCRIPT = """
from backupmon.storage.failpoints import failpoint
for i in range(5):
    failpoint("step")
    print(i, flush=True)
"""


def _start(points: str | None) -> subprocess.Popen[str]:
    environ = {k: v for k, v in os.environ.items() if k != "BACKUPMON_FAILPOINTS"}
    environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    if points is not None:
        environ["BACKUPMON_FAILPOINTS"] = points
    return subprocess.Popen(
        [sys.executable, "-c", _SCRIPT], env=environ, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("points", [None, "", "other=kill", "step", "step=unknown"])
def test_as_a_rule_nothing_happens(points: str | None) -> None:
    with _start(points) as process:
        assert process.communicate()[0].split() == list("01234")
    assert process.returncode == 0


@pytest.mark.parametrize(("action", "printed"), [("kill", ""), ("kill@3", "01")])
def test_the_process_is_killed_at_the_pass_that_was_asked_for(action: str, printed: str) -> None:
    with _start(f"other=kill, step={action}") as process:
        assert process.communicate()[0].split() == list(printed)
    assert process.returncode == -signal.SIGKILL


def test_the_process_is_held_until_the_file_has_gone(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    with _start(f"step=pause:{flag}") as process:
        end = time.monotonic() + 20
        while not flag.exists():
            assert time.monotonic() < end
            time.sleep(0.005)
        assert process.poll() is None
        flag.unlink()
        assert process.communicate()[0].split() == list("01234")
