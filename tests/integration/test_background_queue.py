"""The queue itself: lost, flushed and restarted; its conditions, its scans, its schedule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from backupmon.config import Settings
from backupmon.core.statuses import Status
from backupmon.extensions import begin_write, db
from backupmon.models import ScanRun
from backupmon.queue import (
    PERIODIC,
    SCAN,
    VERIFY,
    QueueDownError,
    enqueue_verifications,
    queue_named,
    schedule_scans,
    scheduler_on,
)
from backupmon.services.background import (
    request_scan,
    scan_if_due,
    scan_in_background,
    verify_entry,
)
from backupmon.services.background_status import DOWN, background_status
from backupmon.services.context import Watch
from tests.integration.background import Background, background, until
from tests.integration.conftest import World, at
from tests.integration.deliveries import (
    NIGHT,
    all_stored,
    check_each_judged_once,
    deliver,
    runs,
)
from tests.integration.site import section


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


@pytest.fixture
def back(world: World, tmp_path: Path) -> Iterator[Background]:
    with background(world, tmp_path) as found:
        yield found


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
