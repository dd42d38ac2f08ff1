"""Scans in the background: real Redis, real worker processes, killed and restarted at will."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.core.statuses import Status
from backupmon.extensions import begin_write, db
from backupmon.models import BackupEntry
from backupmon.queue import (
    SCAN,
    VERIFY,
    scheduler_on,
    verify_later,
)
from backupmon.services.background import (
    request_scan,
    scan_in_background,
    verify_entry,
)
from backupmon.services.background_status import background_status
from backupmon.services.context import Watch
from backupmon.services.job_state import lock_jobs
from backupmon.services.progress import current_progress
from backupmon.services.taking import Found, take_pending
from tests.integration.background import Background, background, until
from tests.integration.conftest import World, at
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
from tests.integration.site import section
from tests.servers import redis_database


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


@pytest.fixture
def back(world: World, tmp_path: Path) -> Iterator[Background]:
    with background(world, tmp_path) as found:
        yield found


# --- judged by workers ----------------------------------------------------------------------


def test_a_deposited_backup_is_judged_by_a_worker(back: Background) -> None:
    files = deliver(back.world, 1, 1)
    request_scan(back.settings, NIGHT)
    back.worker()
    until(lambda: all_stored(back.world, files), "it is stored")
    until(lambda: runs(back.world) == ["done"], "the scan is noted as done")
    check_each_judged_once(back.world, files)


def test_a_redis_server_of_the_machine_does_as_well(world: World, tmp_path: Path) -> None:
    with redis_database() as url:
        served = Background(world.with_settings(redis_url=url), tmp_path)
        try:
            files = deliver(world, 2, 2)
            served.worker("scheduler", name="scheduler")
            served.worker()
            request_scan(served.settings, NIGHT)
            until(lambda: all_stored(world, files), "all are stored")
            check_each_judged_once(world, files)
        finally:
            served.end()


def test_two_workers_share_forty_files_and_none_is_judged_twice(back: Background) -> None:
    files = deliver(back.world, 8, 5)
    back.worker(VERIFY, name="first")
    back.worker(VERIFY, name="second")
    back.worker(SCAN, name="scanner")
    until(lambda: len(background_status(back.settings, fresh=True).workers) == 3, "all listen")
    request_scan(back.settings, NIGHT)
    until(lambda: all_stored(back.world, files), "all are stored")
    check_each_judged_once(back.world, files)
    for name in ("first", "second"):
        assert "event=verdict" in back.log(name), "one worker did everything"


def test_a_large_file_holds_up_no_other_job(back: Background, tmp_path: Path) -> None:
    flag = tmp_path / "held"
    large = large_backup(back.world)
    scan_in_background(back.settings, NIGHT)
    held = back.worker(VERIFY, points=f"measure.chunk=pause:{flag}", name="held")
    until(flag.exists, "a worker is in the middle of the large file")
    small = deliver(back.world, 1, 3)
    scan_in_background(back.settings, NIGHT)
    back.worker(VERIFY, name="free")
    until(lambda: all_stored(back.world, small), "the small ones are stored")
    assert back.world.entry(large).status == Status.PENDING
    flag.unlink()
    until(lambda: back.world.entry(large).status == Status.SUCCESS, "the large one is judged")
    assert held.poll() is None


# --- leases ----------------------------------------------------------------------------------


def test_a_task_for_an_entry_that_is_gone_or_concluded_ends_quietly(back: Background) -> None:
    files = deliver(back.world, 1, 1)
    scan_in_background(back.settings, NIGHT)
    (job,) = files
    entry = back.world.entry(job)
    assert verify_entry(back.settings, entry.id, NIGHT, Watch()) is Found.TAKEN
    for wanted in (entry.id, 999_999):
        assert verify_entry(back.settings, wanted, NIGHT, Watch()) is Found.GONE
    assert len(back.world.stored(job)) == 1


@pytest.mark.parametrize("shared", ["job", "file"])
def test_what_is_connected_with_another_workers_entry_waits_for_it(
    back: Background, shared: str
) -> None:
    """A job's entries are judged in turn; a file answers one of the reports that wait for it."""
    world, site = back.world, back.world.site()
    jobs = [world.job("shop")] + ([world.job("crm")] if shared == "file" else [])
    for number, name in enumerate(["shop", "shop" if shared == "job" else "crm"]):
        data = b"dump %d" % number if shared == "job" else b"dump"
        staged = f"file{number if shared == 'job' else ''}.gz"
        site.put(staged, data)
        site.report(at(11, 40 + number), {name: section(data, staged)})
    scan_in_background(back.settings, NIGHT)
    first, second = [e for job in jobs for e in world.entries(job)]
    lease_elsewhere(first)
    assert verify_entry(back.settings, second.id, NIGHT, Watch()) is Found.BLOCKED
    assert verify_entry(back.settings, first.id, NIGHT, Watch()) is Found.HELD
    assert {e.status for job in jobs for e in world.entries(job)} == {Status.PENDING}
    # It is put on the schedule again, and taken once the other has ended.
    scheduled = back.redis.zrange(scheduler_on(back.redis).scheduled_jobs_key, 0, -1)
    assert [name for name in scheduled if name.startswith(b"verify-%d-" % second.id)]
    lease_elsewhere(first, seconds=-1)
    assert verify_entry(back.settings, second.id, NIGHT, Watch()) is Found.TAKEN
    assert Status.PENDING not in {e.status for job in jobs for e in world.entries(job)}


def lease_elsewhere(entry: BackupEntry, seconds: int = 60) -> None:
    begin_write()
    entry.lease_host, entry.lease_pid, entry.lease_process_start = "elsewhere/1/2", 7, 7
    entry.lease_until = datetime.now(UTC) + timedelta(seconds=seconds)
    db.session.add(entry)
    db.session.commit()


def test_a_report_is_taken_in_while_a_verdict_on_its_jobs_is_being_written(
    back: Background, tmp_path: Path
) -> None:
    """Else the two could wait for each other: a report names its jobs in an order of its own."""
    flag = tmp_path / "held"
    files = deliver(back.world, 1, 3)
    lock_jobs(files)
    back.worker(SCAN, points=f"intake.recorded=pause:{flag}", name="scanner")
    request_scan(back.settings, NIGHT)
    until(flag.exists, "the report is taken in", 20)
    db.session.rollback()
    flag.unlink()
    until(lambda: runs(back.world) == ["done"], "the scan has ended")


def test_an_entry_that_has_to_wait_is_scheduled_once_however_often_it_is_handed_over(
    back: Background,
) -> None:
    (job,) = deliver(back.world, 1, 1)
    scan_in_background(back.settings, NIGHT)
    entry = back.world.entry(job)
    for _ in range(3):
        verify_later(back.redis, entry.id, datetime.now(UTC) + timedelta(seconds=5), None)
    assert len(back.redis.zrange(scheduler_on(back.redis).scheduled_jobs_key, 0, -1)) == 1


def test_a_foreground_scan_leaves_to_workers_what_they_work_on(back: Background) -> None:
    deliver(back.world, 2, 1)
    scan_in_background(back.settings, NIGHT)
    entries = list(db.session.scalars(select(BackupEntry).order_by(BackupEntry.id)))
    lease_elsewhere(entries[0])
    assert take_pending() == [entries[1].id]


# --- killed ----------------------------------------------------------------------------------


def test_killed_in_the_middle_of_a_file_another_worker_concludes_it(
    back: Background, tmp_path: Path
) -> None:
    flag = tmp_path / "held"
    job = large_backup(back.world)
    scan_in_background(back.settings, NIGHT)
    victim = back.worker(VERIFY, points=f"measure.chunk=pause:{flag}", name="victim")
    until(flag.exists, "the worker is in the middle of the file")
    back.kill(victim)
    back.worker(VERIFY, name="heir")
    scan_in_background(back.settings, NIGHT)
    until(lambda: bool(back.world.stored(job)), "another has concluded it")
    until(lambda: all_stored(back.world, {job: LARGE}), "it is stored")
    assert back.world.final().read_bytes() == LARGE
    assert [e.status for e in back.world.entries(job)] == [Status.SUCCESS]


@pytest.mark.parametrize("point", ["conclude.done", "place.done", "place.recorded"])
def test_killed_after_the_verdict_the_next_scan_finishes_it(back: Background, point: str) -> None:
    files = deliver(back.world, 1, 1)
    scan_in_background(back.settings, NIGHT)
    victim = back.worker(VERIFY, points=f"{point}=kill", name="victim")
    victim.wait(60)
    scan_in_background(back.settings, NIGHT)
    assert all_stored(back.world, files)
    check_each_judged_once(back.world, files)
    assert not list((back.settings.deposit_root / ".claimed").glob("[0-9]*"))


def test_a_newer_copy_leaves_alone_what_a_killed_worker_had_put_in_place(
    back: Background, tmp_path: Path
) -> None:
    """Of the older copy nobody had noted yet that it stands there."""
    flag, world = tmp_path / "held", back.world
    (job,) = deliver(world, 1, 1)
    scan_in_background(back.settings, NIGHT)
    victim = back.worker(VERIFY, points=f"place.done=pause:{flag}", name="victim")
    until(flag.exists, "the first copy is in its place, and that is not noted")
    world.site("site0").deliver(at(11, 55), db0="the run of five to twelve")
    scan_in_background(back.settings, NIGHT)
    back.kill(victim)
    first, second = sorted(world.entries(job), key=lambda entry: entry.id)
    assert verify_entry(back.settings, second.id, NIGHT, Watch()) is Found.TAKEN
    older, newer = world.stored(job)
    assert (older.entry_id, older.state) == (first.id, "previous")
    assert world.final(*older.path.split("/")).is_file()
    assert (newer.entry_id, newer.state) == (second.id, "stored")
    scan_in_background(back.settings, NIGHT)
    assert world.conditions() == {}


def test_told_to_end_a_worker_gives_back_what_it_reads(back: Background, tmp_path: Path) -> None:
    flag = tmp_path / "held"
    job = large_backup(back.world)
    scan_in_background(back.settings, NIGHT)
    leaving = back.worker(VERIFY, points=f"measure.chunk=pause:{flag}", name="leaving")
    until(flag.exists, "the worker is in the middle of the file")
    leaving.terminate()
    flag.unlink()
    assert leaving.wait(20) == 0
    assert back.world.entry(job).status == Status.PENDING
    assert leased_entries() == []
    # It is on the queue again at once, for another.
    back.worker(VERIFY, name="heir")
    until(lambda: all_stored(back.world, {job: LARGE}), "another has concluded it")


# --- progress --------------------------------------------------------------------------------


def test_progress_is_seen_while_a_file_is_read(back: Background, tmp_path: Path) -> None:
    flag = tmp_path / "held"
    job = large_backup(back.world)
    scan_in_background(back.settings, NIGHT)
    back.worker(VERIFY, points=f"measure.chunk=pause:{flag}")
    until(flag.exists, "the worker is in the middle of the file")
    until(lambda: bool(current_progress(back.redis)), "its progress is noted")
    entry = back.world.entry(job)
    progress = current_progress(back.redis)[entry.id]
    assert progress.total == len(LARGE)
    assert 0 < progress.done < len(LARGE)
    flag.unlink()
    until(lambda: not current_progress(back.redis), "it has been read")
