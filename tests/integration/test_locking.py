"""Whom a scan believes about the one that is running."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pytest

from backupmon.services.locking import ScanLock, ScanRunningError
from backupmon.storage.locks import FileLock, ProcessName, this_process
from tests.integration.conftest import World

SINCE = datetime(2031, 3, 3, 9, 30, tzinfo=UTC)


def refused(world: World, holder: ProcessName) -> ScanRunningError:
    """What a scan says while the lock is held under the name of `holder`."""
    lock = FileLock(world.settings.data_dir / "scan.lock")
    assert lock.acquire(json.dumps({"since": SINCE.isoformat(), **asdict(holder)}))
    try:
        with pytest.raises(ScanRunningError) as raised, ScanLock(world.settings):
            pass
    finally:
        lock.release()
    return raised.value


def test_the_holder_is_named_with_since_when(world: World) -> None:
    me = this_process()
    error = refused(world, me)
    assert error.since == SINCE
    assert "a scan is running since 2031-03-03 09:30:00 UTC" in error.message
    assert error.message.endswith(f", process {me.pid}")


def test_a_holder_on_another_host_is_believed(world: World) -> None:
    assert refused(world, replace(this_process(), host="elsewhere")).since == SINCE


def test_the_word_of_a_holder_that_died_is_not_taken_for_the_new_ones(world: World) -> None:
    """The new one writes its word just after it has the lock."""
    me = this_process()
    error = refused(world, replace(me, start=me.start - 1))
    assert error.since is None
    assert error.message == "a scan is running"


def test_the_lock_is_free_when_it_was_given_back(world: World) -> None:
    for _ in range(2):
        with ScanLock(world.settings):
            pass
