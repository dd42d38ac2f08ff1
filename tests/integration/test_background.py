"""Scans in the background: real Redis, real worker processes, killed and restarted at will."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from backupmon.config import Settings
from backupmon.core.statuses import Status
from backupmon.extensions import begin_write, db
from backupmon.models import BackupEntry, ScanRun
from backupmon.queue import (
    PERIODIC,
    SCAN,
    VERIFY,
    QueueDownError,
    enqueue_verifications,
    queue_named,
    schedule_scans,
    scheduler_on,
    verify_later,
)
from backupmon.services.background import (
    request_scan,
    scan_if_due,
    scan_in_background,
    verify_entry,
)
from backupmon.services.background_status import DOWN, background_status
from backupmon.services.context import Watch
from backupmon.services.job_state import lock_jobs
from backupmon.services.progress import current_progress
from backupmon.services.taking import Found, take_pending
from tests.integration.background import Background, background, until
from tests.integration.conftest import World, at
from tests.integration.site import section, sha256
from tests.servers import redis_database

NIGHT = at(12, 0)
#: A file of several chunks, so that one can be held in its middle.
LARGE = b"0123456789abcdef" * (3 << 16)


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


@pytest.fixture
def back(world: World, tmp_path: Path) -> Iterator[Background]:
    with background(world, tmp_path) as found:
        yield found


def large_backup(world: World) -> int:
    job = world.job()
    site = world.site()
    site.put("shop.sql.gz", LARGE)
    site.report(at(11, 50), {"shop": section(LARGE, "shop.sql.gz")})
    return job


def deliver(world: World, agents: int, databases: int) -> dict[int, bytes]:
    """Small backups of several agents; gives the bytes by job."""
    files = {}
    for agent in (f"site{n}" for n in range(agents)):
        contents = {f"db{n}": f"{agent} {n}" for n in range(databases)}
        for name, data in world.site(agent).deliver(at(11, 50), **contents).items():
            files[world.job(name, agent, neighborhood=agent)] = data
    return files


def all_stored(world: World, jobs: dict[int, bytes]) -> bool:
    return all([copy.state for copy in world.stored(job)] == ["stored"] for job in jobs)


def check_each_judged_once(world: World, files: dict[int, bytes]) -> None:
    for job, data in files.items():
        entry = world.entry(job)
        assert (entry.status, entry.server_calculated_staged_hash) == (
            Status.SUCCESS,
            sha256(data),
        )
        (stored,) = world.stored(job)
        assert world.final(*stored.path.split("/")).read_bytes() == data
    until(lambda: not leased_entries(), "all leases are given back")


def runs(world: World) -> list[str]:
    db.session.rollback()
    query = select(ScanRun.state).where(ScanRun.moment >= NIGHT).order_by(ScanRun.id)
    return list(db.session.scalars(query))


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


def leased_entries() -> list[int]:
    db.session.rollback()
    query = select(BackupEntry.id).where(BackupEntry.lease_host.is_not(None))
    return list(db.session.scalars(query))


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


# --- Redis is lost ---------------------------------------------------------------------------


def test_redis_killed_in_the_middle_of_a_scan_everything_is_concluded_once(
    back: Background, tmp_path: Path
) -> None:
    flag = tmp_path / "held"
    files = deliver(back.world, 4, 3)
    scan_in_background(back.settings, NIGHT)
    back.worker(VERIFY, points=f"claim.before=pause:{flag}")
    until(flag.exists, "a worker is at work")
    back.kill_redis()
    flag.unlink()
    back.start_redis()
    # The worker has ended, or goes on; as under a supervisor there is one again.
    back.worker(VERIFY, name="second")
    scan_in_background(back.settings, NIGHT)
    until(lambda: all_stored(back.world, files), "all are stored")
    check_each_judged_once(back.world, files)


def test_a_flushed_redis_loses_nothing_since_the_next_scan_enqueues_anew(
    back: Background,
) -> None:
    files = deliver(back.world, 2, 2)
    scan_in_background(back.settings, NIGHT)
    assert queue_named(VERIFY, back.redis).count == 4
    back.redis.flushall()
    scan_in_background(back.settings, NIGHT)
    back.worker(VERIFY)
    until(lambda: all_stored(back.world, files), "all are stored")


def test_what_waits_on_the_queue_is_not_enqueued_again(back: Background) -> None:
    deliver(back.world, 2, 2)
    for _ in range(3):
        scan_in_background(back.settings, NIGHT)
    assert queue_named(VERIFY, back.redis).count == 4
    assert enqueue_verifications(back.redis, [1, 2, 99], None) == 1


def test_a_scan_goes_on_without_redis_and_verifies_nothing(back: Background) -> None:
    files = deliver(back.world, 1, 2)
    back.kill_redis()
    result = scan_in_background(back.settings, NIGHT)
    assert result is not None
    assert {e.status for job in files for e in back.world.entries(job)} == {Status.PENDING}
    with pytest.raises(QueueDownError, match="does not answer"):
        request_scan(back.settings)
    back.start_redis()
    scan_in_background(back.settings, NIGHT)
    back.worker(VERIFY)
    until(lambda: all_stored(back.world, files), "all are stored")


def test_it_is_told_since_when_the_queue_is_down_and_that_it_is_up_again(
    back: Background,
) -> None:
    assert background_status(back.settings, fresh=True).up
    back.kill_redis()
    first = background_status(back.settings, fresh=True)
    again = background_status(back.settings, fresh=True)
    assert not first.up
    assert first.down_since == again.down_since
    assert first.down_since is not None
    assert DOWN in back.world.conditions()
    # A scan has not looked at the queue, so it does not end what it did not meet.
    back.world.scan(NIGHT)
    assert DOWN in back.world.conditions()
    back.start_redis()
    assert background_status(back.settings, fresh=True).up
    assert DOWN not in back.world.conditions()


# --- what workers meet -----------------------------------------------------------------------


def verify_what_waits(back: Background) -> None:
    """As a worker does, in this process."""
    queue = queue_named(VERIFY, back.redis)
    for task_id in queue.get_job_ids():
        queue.remove(task_id)
        verify_entry(back.settings, int(task_id.split("-")[1]), NIGHT, Watch())


def test_a_condition_that_workers_meet_lasts_until_they_meet_it_no_more(
    back: Background,
) -> None:
    (job,) = deliver(back.world, 1, 1)
    good = set_template(back.world, job, "{unheard_of}/{staged_file_name}")
    for _ in range(3):
        scan_in_background(back.settings, NIGHT)
        verify_what_waits(back)
        # A scan that hands over does not look itself, so it ends nothing of this.
        assert back.world.conditions() == {"path.unusable": f"job {job}"}
    set_template(back.world, job, good)
    scan_in_background(back.settings, NIGHT)
    verify_what_waits(back)
    assert back.world.statuses(job) == [Status.SUCCESS]
    scan_in_background(back.settings, NIGHT)
    assert back.world.conditions() == {}


def test_a_condition_lasts_while_what_was_handed_over_still_waits(back: Background) -> None:
    (job,) = deliver(back.world, 1, 1)
    set_template(back.world, job, "{unheard_of}/{staged_file_name}")
    scan_in_background(back.settings, NIGHT)
    verify_what_waits(back)
    for _ in range(3):
        scan_in_background(back.settings, NIGHT)
    assert back.world.conditions() == {"path.unusable": f"job {job}"}


def set_template(world: World, job_id: int, template: str) -> str:
    """Give a job another deposit template, past all checks; gives the one it had."""
    job = world.get(job_id)
    before = job.agent_deposit_path_template
    begin_write()
    job.agent_deposit_path_template = template
    db.session.add(job)
    db.session.commit()
    return before


# --- scans do not overlap -----------------------------------------------------------------------


def test_asked_for_during_a_scan_one_more_follows(back: Background, tmp_path: Path) -> None:
    flag = tmp_path / "held"
    world = back.world
    world.site("acme").report(at(11, 40), {"x": section(b"x", "x.gz")})
    back.worker(SCAN, points=f"intake.recorded=pause:{flag}", name="holding")
    request_scan(back.settings, NIGHT)
    until(flag.exists, "a scan is under way")
    for _ in range(2):
        assert scan_in_background(back.settings) is None
    scheduled = back.redis.zrange(scheduler_on(back.redis).scheduled_jobs_key, 0, -1)
    assert len([name for name in scheduled if name.startswith(b"scan-again")]) == 1
    flag.unlink()
    until(lambda: runs(world) == ["done"], "the first has ended")
    back.worker("scheduler", name="scheduler")
    until(lambda: latest_run() > NIGHT.replace(year=2000), "another has followed")


def latest_run() -> datetime:
    """The moment of the newest scan that was done as of now."""
    db.session.rollback()
    query = select(ScanRun.moment).where(ScanRun.state == "done").order_by(ScanRun.id.desc())
    moment = db.session.scalars(query).first()
    now = datetime.now(UTC)
    return moment if moment is not None and moment <= now else datetime.min.replace(tzinfo=UTC)


# --- the schedule ----------------------------------------------------------------------------


def periodic(back: Background) -> list[float]:
    key = scheduler_on(back.redis).scheduled_jobs_key
    found = back.redis.zrange(key, 0, -1, withscores=True)
    return [score for name, score in found if name == PERIODIC.encode()]


def test_three_schedulers_in_turn_leave_one_schedule(back: Background) -> None:
    for number in range(3):
        scheduler = back.worker("scheduler", name=f"scheduler{number}")
        until(lambda: len(periodic(back)) == 1, "the scan is scheduled")
        until(lambda: background_status(back.settings, fresh=True).schedulers == 1, "it has begun")
        assert back.stop(scheduler) == 0
    assert len(periodic(back)) == 1
    # Enqueued once: the second and third found it scheduled for later.
    assert queue_named(SCAN, back.redis).count == 1


def test_a_killed_scheduler_is_replaced(back: Background) -> None:
    first = back.worker("scheduler", name="first")
    until(lambda: queue_named(SCAN, back.redis).count == 1, "the first scan is enqueued")
    back.kill(first)
    back.redis.delete(scheduler_on(back.redis).scheduled_jobs_key)
    back.worker("scheduler", name="second")
    until(lambda: len(periodic(back)) == 1, "the second has taken over")


def test_a_schedule_is_entered_once_and_again_with_another_interval(back: Background) -> None:
    now = datetime.now(UTC)
    assert schedule_scans(back.redis, 15, now)
    assert not schedule_scans(back.redis, 15, now + timedelta(minutes=5))
    assert schedule_scans(back.redis, 5, now)
    assert len(periodic(back)) == 1


def test_a_schedule_that_a_jumped_clock_put_out_of_reach_is_entered_anew(
    back: Background,
) -> None:
    now = datetime.now(UTC)
    assert schedule_scans(back.redis, 15, now + timedelta(days=400))
    assert schedule_scans(back.redis, 15, now)
    assert periodic(back) == [pytest.approx(now.timestamp(), abs=1)]


def test_a_scan_of_a_time_to_come_puts_off_none_once_the_clock_is_right_again(
    back: Background,
) -> None:
    ahead = datetime.now(UTC) + timedelta(days=400)
    begin_write()
    db.session.add(ScanRun(started_at=ahead, moment=ahead, host="", pid=1, state="done", counts={}))
    db.session.commit()
    db.session.execute(delete(ScanRun).where(ScanRun.started_at < ahead))
    db.session.commit()
    assert scan_if_due(back.settings) is not None
    assert scan_if_due(back.settings) is None


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


# --- one scan that was asked for, on the command line ------------------------------------------


def test_scan_enqueue_puts_a_scan_on_the_queue(back: Background) -> None:
    runner = back.world.app.test_cli_runner()
    result = runner.invoke(args=["scan", "--enqueue"])
    assert (result.exit_code, result.stdout) == (0, "A scan is on the queue.\n")
    assert queue_named(SCAN, back.redis).count == 1
    assert runner.invoke(args=["scan", "--enqueue", "--dry-run"]).exit_code == 2
    back.kill_redis()
    result = runner.invoke(args=["scan", "--enqueue"])
    assert result.exit_code == 1
    assert "does not answer" in result.stderr
    assert "hint: " in result.stderr
