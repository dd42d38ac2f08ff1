"""The server's own secret: made once, whole, and for its eyes only."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

from backupmon.config import PROJECT_ROOT
from backupmon.storage.secrets import read_or_make_secret


def test_it_is_made_once_and_then_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret_key"
    first = read_or_make_secret(path)
    assert len(first) == 64
    assert read_or_make_secret(path) == first


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    read_or_make_secret(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_servers_have_different_ones(tmp_path: Path) -> None:
    assert read_or_make_secret(tmp_path / "a") != read_or_make_secret(tmp_path / "b")


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    words = [sys.executable, "-c", _PROGRAM, str(path)]
    started = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert {process.communicate()[0] for process in started} == {path.read_text()}
    assert [p.name for p in tmp_path.iterdir()] == ["secret_key"]


_PROGRAM = f"""
import pathlib, sys
sys.path.insert(0, {str(PROJECT_ROOT)!r})
from backupmon.storage.secrets import read_or_make_secret
print(read_or_make_secret(pathlib.Path(sys.argv[1])))
"""
