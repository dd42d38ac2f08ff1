"""Locks that die with their process, and names of processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from backupmon.storage.faults import ServerFault
from backupmon.storage.locks import FileLock, ProcessName, folder_lock, this_host, this_process

_HOLDER = """
import sys, time
from pathlib import Path
from backupmon.storage.locks import FileLock
print(FileLock(Path(sys.argv[1])).acquire("holder"), flush=True)
time.sleep(60)
"""


@contextmanager
def _holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _HOLDER, str(path)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        try:
            yield process
        finally:
            process.kill()


def test_one_holds_it_and_the_next_may_when_it_is_released(tmp_path: Path) -> None:
    path = tmp_path / "new" / "lock"
    one, other = FileLock(path), FileLock(path)
    assert one.acquire("a long word")
    assert not other.acquire("other")
    assert not one.acquire("again")
    assert other.word() == "a long word"
    one.release()
    one.release()
    assert other.acquire("short")
    assert one.word() == "short"
    other.release()


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    with _holder(lock.path) as holder:
        assert not lock.acquire()
        assert lock.word() == "holder"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert lock.acquire()
        assert lock.word() == "holder", "without a word of ours the last one's stays"
    lock.release()


def test_a_lock_that_cannot_be_opened_is_the_servers_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "lock"):
        with pytest.raises(ServerFault):
            FileLock(path).acquire()


def test_a_lock_that_cannot_be_written_is_told_and_not_kept(tmp_path: Path) -> None:
    # The largest file that may be written stands in for the room that is left.
    import resource

    lock = FileLock(tmp_path / "lock")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(ServerFault) as caught:
            lock.acquire("word")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.code == "disk.full"
    other = FileLock(lock.path)
    assert other.acquire("word")
    other.release()


def test_this_process_lives() -> None:
    me = this_process()
    assert me.alive() is True
    assert me == this_process()
    assert me.host == this_host()


def test_a_process_that_has_ended_is_dead_even_before_it_is_waited_for(tmp_path: Path) -> None:
    with _holder(tmp_path / "lock") as holder:
        stat = Path(f"/proc/{holder.pid}/stat").read_text()
        start = int(stat.rpartition(")")[2].split()[19])
        name = ProcessName(this_host(), holder.pid, start)
        assert name.alive() is True
        holder.kill()
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        assert name.alive() is False, "a zombie works on nothing"
        holder.wait()
        assert name.alive() is False


def test_a_pid_that_came_round_again_is_another_process() -> None:
    assert replace(this_process(), start=this_process().start - 1).alive() is False


def test_of_another_host_or_without_a_start_nothing_is_known() -> None:
    assert replace(this_process(), host="elsewhere").alive() is None
    assert ProcessName(this_host(), 2**22 + 1, -1).alive() is None


_BEHIND_HIDEPID = """
import os, subprocess, sys
from dataclasses import replace
from backupmon.storage.locks import ProcessName, this_host
subprocess.run(["mount", "-t", "proc", "-o", "hidepid=2", "proc", "/proc"], check=True)
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
living, dead = (ProcessName(this_host(), int(pid), 1) for pid in sys.argv[1:3])
print(living.alive(), dead.alive())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount another /proc")
def test_a_process_that_proc_hides_is_not_taken_for_dead() -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = ["unshare", "-m", sys.executable, "-c", _BEHIND_HIDEPID]
    done = subprocess.run(
        [*command, str(os.getpid()), str(gone.pid)],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "None False\n", done.stderr


def test_a_folder_is_locked_by_one_at_a_time_and_nothing_is_written(tmp_path: Path) -> None:
    with folder_lock(tmp_path) as first, folder_lock(tmp_path) as second:
        assert (first, second) == (True, False)
    with folder_lock(tmp_path) as again:
        assert again
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_keeps_nobody_out(tmp_path: Path) -> None:
    with folder_lock(tmp_path / "away") as ours:
        assert ours
