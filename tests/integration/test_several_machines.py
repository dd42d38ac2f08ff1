"""Workers on several machines: one PostgreSQL, one Redis, shared roots, and data folders apart."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from backupmon.config import PROJECT_ROOT, Settings
from backupmon.extensions import begin_write, db
from backupmon.models import BackupEntry
from backupmon.queue import SCAN, VERIFY
from backupmon.services.background import request_scan, scan_in_background
from backupmon.services.background_status import background_status
from tests.integration.background import Background, Process, until
from tests.integration.conftest import World
from tests.integration.deliveries import (
    LARGE,
    NIGHT,
    all_stored,
    check_each_judged_once,
    deliver,
    large_backup,
    leased_entries,
    runs,
)
from tests.servers import redis_database


@pytest.fixture
def settings(postgresql_settings: Settings) -> Settings:
    return postgresql_settings


@pytest.fixture
def machines(world: World, tmp_path: Path) -> Iterator[Background]:
    with redis_database() as url:
        found = Background(world.with_settings(redis_url=url), tmp_path)
        try:
            yield found
        finally:
            found.end()


def start_on(machines: Background, name: str, *arguments: str, points: str = "") -> Process:
    """A worker as on a host of its own: another host name, other processes, another data folder."""
    own = machines.logs / name
    own.mkdir()
    apart: list[str] = []
    if os.geteuid() == 0 and shutil.which("unshare"):
        renamed = f'hostname {name} && exec "$@"'
        apart = ["unshare", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        apart += ["sh", "-c", renamed, "sh"]
    command = [*apart, sys.executable, str(PROJECT_ROOT / "worker.py"), *arguments]
    extra = {"BACKUPMON_FAILPOINTS": points} if points else {}
    return machines.run(name, command, {"BACKUPMON_DATA_DIR": str(own), **extra})


def test_workers_with_data_folders_of_their_own_share_the_work(machines: Background) -> None:
    files = deliver(machines.world, 6, 5)
    start_on(machines, "north", VERIFY)
    start_on(machines, "south", VERIFY)
    start_on(machines, "centre", SCAN)
    until(lambda: len(background_status(machines.settings, fresh=True).workers) == 3, "all listen")
    request_scan(machines.settings, NIGHT)
    until(lambda: all_stored(machines.world, files), "all are stored")
    check_each_judged_once(machines.world, files)
    until(lambda: runs(machines.world) == ["done"], "the scan is noted as done")
    for name in ("north", "south"):
        assert "event=verdict" in machines.log(name), "one machine did everything"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a machine of its own")
def test_what_a_dead_machine_held_is_taken_when_its_time_is_up(machines: Background) -> None:
    flag = machines.logs / "held"
    job = large_backup(machines.world)
    scan_in_background(machines.settings, NIGHT)
    points = f"measure.chunk=pause:{flag}"
    dead = start_on(machines, "north", VERIFY, points=points)
    until(flag.exists, "a worker is in the middle of the file")
    machines.kill(dead)
    held = leased_entries()
    scan_in_background(machines.settings, NIGHT)
    assert leased_entries() == held != [], "nobody here can know that it is dead"
    start_on(machines, "south", VERIFY)
    begin_write()
    db.session.execute(update(BackupEntry).values(lease_until=datetime(2001, 1, 1, tzinfo=UTC)))
    db.session.commit()
    scan_in_background(machines.settings, NIGHT)
    until(lambda: all_stored(machines.world, {job: LARGE}), "another machine has concluded it")
    assert machines.world.final().read_bytes() == LARGE
