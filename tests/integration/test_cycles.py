"""Cycles as they go by: on time, late, early, missed, twice a day, and after an outage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from backupmon.core.job_spec import JobDefaults
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.services.jobs import pause_job, resume_job, update_job
from tests.integration.conftest import NOON, World, at
from tests.integration.site import dump_of, section

SUCCESS, MISSING, FAILED, UNKNOWN = (
    Status.SUCCESS,
    Status.MISSING,
    Status.FAILED,
    Status.UNKNOWN,
)


def fresh(world: World, **values: object) -> int:
    """A job whose first cycle is the noon of that day."""
    return world.job(created=at(8), **values)


def test_nothing_by_the_deadline_is_missing_once(world: World) -> None:
    job = fresh(world)
    world.scan(at(12, 30))
    assert world.statuses(job) == []
    for minute in (31, 45, 59):
        world.scan(at(12, minute))
    assert world.statuses(job) == [MISSING]
    assert world.get(job).current_status == MISSING
    assert world.get(job).expected_due_at == NOON + timedelta(days=1)


def test_the_first_cycle_is_the_next_one_due_after_creation(world: World) -> None:
    job = world.job(created=at(12, 5))
    assert world.get(job).expected_due_at == NOON + timedelta(days=1)
    world.scan(at(13))
    assert world.statuses(job) == []


def test_a_late_report_is_judged_and_ends_the_missing(world: World) -> None:
    job = fresh(world)
    world.scan(at(12, 31))
    world.site().deliver(at(12, 50), shop="late")
    world.scan(at(13))
    missing, late = world.entries(job)
    assert (missing.status, late.status, late.late) == (MISSING, SUCCESS, True)
    assert world.codes(job) == {"cycle.late"}
    assert world.get(job).current_status == SUCCESS


def test_a_report_made_in_time_that_arrives_late_is_marked_late(world: World) -> None:
    job = fresh(world)
    world.scan(at(12, 31))
    world.site().deliver(at(12, 10), shop="slow line")
    world.scan(at(13))
    assert world.entries(job)[-1].late


def test_a_report_that_came_too_early_is_named_when_the_cycle_is_missing(world: World) -> None:
    job = fresh(world)
    world.site().deliver(at(11, 20), shop="early")
    world.scan(at(11, 25))
    (early,) = world.entries(job)
    assert early.cycle_due_at == NOON - timedelta(days=1)
    world.scan(at(12, 31))
    assert world.statuses(job) == [SUCCESS, MISSING]
    assert "report.early" in world.codes(job)
    assert "10 min before" in world.entries(job)[-1].message


def test_an_early_report_within_the_window_counts(world: World) -> None:
    job = fresh(world)
    world.site().deliver(at(11, 30), shop="just so")
    world.scan(at(11, 31))
    assert world.entry(job).cycle_due_at == NOON
    world.scan(at(13))
    assert world.statuses(job) == [SUCCESS]


def test_an_invalid_report_at_the_deadline_is_a_failure_that_names_it(world: World) -> None:
    job = fresh(world)
    world.site().drop("STATUS.json", b"{}")
    world.scan(at(12, 10))
    assert world.statuses(job) == []
    world.scan(at(12, 31))
    entry = world.entry(job)
    assert entry.status == FAILED
    assert "STATUS.json" in entry.message
    world.site().deliver(at(12, 40), shop="mended")
    world.scan(at(12, 45))
    assert world.get(job).current_status == SUCCESS


def test_an_invalid_report_of_one_cycle_does_not_fail_the_next(world: World) -> None:
    job = fresh(world)
    world.site().drop("STATUS.json", b"{}")
    world.scan(at(12, 10))
    world.scan(at(12, 31, days=1))
    assert world.statuses(job) == [FAILED, MISSING]


def test_a_report_that_does_not_name_the_database_is_told(world: World) -> None:
    job = fresh(world)
    world.site().deliver(at(11, 50), SHOP="spelt otherwise")
    world.scan(at(12, 31))
    assert world.statuses(job) == [MISSING]
    assert "spelt otherwise" in world.entry(job).message
    assert "SHOP" in world.entry(job).message


def test_a_failed_rerun_after_a_success_is_history_with_a_warning(world: World) -> None:
    job = fresh(world)
    site = world.site()
    site.deliver(at(11, 40), shop="good")
    world.scan(at(11, 45))
    site.report(at(11, 50), {"shop": section(b"x", "shop.sql.gz", BACKUP__status=False)})
    world.scan(at(12))
    assert world.statuses(job) == [SUCCESS, FAILED]
    assert "cycle.already_good" in world.codes(job)
    assert world.get(job).current_status == SUCCESS


def test_older_news_goes_to_history_and_does_not_move_the_status(world: World) -> None:
    job = fresh(world)
    site = world.site()
    site.deliver(at(11, 50, days=1), shop="newer")
    world.scan(at(12, 0, days=1))
    site.report(at(11, 50), {"shop": section(b"x", "other.gz", BACKUP__status=False)})
    world.scan(at(12, 5, days=1))
    assert world.statuses(job) == [MISSING, FAILED, SUCCESS]
    assert world.get(job).current_status == SUCCESS


def test_a_cycle_due_before_the_job_existed_is_history(world: World) -> None:
    job = fresh(world)
    world.site().deliver(at(11, 50, days=-1), shop="yesterday")
    world.scan(at(9))
    assert world.entry(job).before_job
    assert world.get(job).current_status == SUCCESS


def test_two_runs_a_day_are_two_cycles(world: World) -> None:
    job = world.job(schedule="0 0,12 * * *", created=at(8))
    site = world.site()
    site.deliver(at(11, 50), shop="noon")
    world.scan(at(12))
    site.deliver(at(0, 5, days=1), shop="midnight")
    world.scan(at(0, 10, days=1))
    world.scan(at(13, 0, days=1))
    assert world.statuses(job) == [SUCCESS, SUCCESS, MISSING]


def test_both_dst_nights_have_one_cycle_each(world: World) -> None:
    for night, due in (
        (datetime(2031, 3, 30, tzinfo=UTC), "01:00"),  # 02:30 does not exist; run at 03:00
        (datetime(2031, 10, 26, tzinfo=UTC), "00:30"),  # 02:30 comes twice; run at the first
    ):
        database = f"db{night.month}"
        job = world.job(
            database,
            schedule="30 2 * * *",
            timezone="Europe/Paris",
            created=night - timedelta(hours=12),
        )
        world.scan(night + timedelta(hours=12))
        world.scan(night + timedelta(hours=20))
        (entry,) = world.entries(job)
        assert entry.cycle_due_at.strftime("%H:%M") == due


def test_after_an_outage_of_three_days_each_missed_cycle_is_entered(world: World) -> None:
    job = fresh(world)
    world.site().deliver(at(11, 50), shop="before")
    world.scan(at(12))
    world.scan(at(13, 0, days=3))
    assert world.statuses(job) == [SUCCESS, MISSING, MISSING, MISSING]
    assert world.get(job).expected_due_at == NOON + timedelta(days=4)


def test_an_outage_of_the_monitor_during_which_agents_went_on_loses_nothing(
    world: World,
) -> None:
    job = fresh(world)
    site = world.site()
    for day in range(3):
        data = dump_of(f"day {day}")
        site.put(f"shop_{day}.gz", data)
        site.report(at(11, 50, days=day), {"shop": section(data, f"shop_{day}.gz")})
    world.scan(at(13, 0, days=3))
    assert world.statuses(job) == [SUCCESS, SUCCESS, SUCCESS, MISSING]


def test_after_a_long_outage_the_newest_31_cycles_are_entered(world: World) -> None:
    job = fresh(world)
    world.scan(at(13, 0, days=50))
    entries = world.entries(job)
    assert len(entries) == 31
    assert entries[-1].cycle_due_at == NOON + timedelta(days=50)


def test_a_missing_that_turns_out_to_lie_ahead_is_withdrawn(world: World) -> None:
    job = fresh(world)
    world.scan(at(13, 0, days=2))
    assert world.statuses(job) == [MISSING] * 3
    world.scan(at(12, 0))
    assert world.statuses(job) == []
    again = world.get(job)
    assert (again.current_status, again.expected_due_at) == (UNKNOWN, NOON)
    world.scan(at(12, 31))
    assert world.statuses(job) == [MISSING]


def test_a_paused_job_is_judged_and_never_missing(world: World) -> None:
    job = fresh(world)
    pause_job(job, None, at(9), "test")
    world.site().deliver(at(11, 50), shop="quiet")
    world.scan(at(12))
    world.scan(at(13, 0, days=2))
    assert world.statuses(job) == [SUCCESS]
    resume_job(job, at(13, 0, days=2), "test")
    assert world.get(job).expected_due_at == NOON + timedelta(days=3)


def test_a_pause_ends_by_itself(world: World) -> None:
    job = fresh(world)
    pause_job(job, at(0, 0, days=2), at(9), "test")
    world.scan(at(13, 0, days=1))
    assert world.statuses(job) == []
    world.scan(at(11, 0, days=2))
    world.scan(at(13, 0, days=2))
    assert [e.cycle_due_at for e in world.entries(job)] == [NOON + timedelta(days=2)]


def test_a_pause_that_ended_while_nobody_looked_forgives_nothing_that_was_missed_since(
    world: World,
) -> None:
    job = fresh(world)
    pause_job(job, at(0, 0, days=2), at(9), "test")
    world.scan(at(13, 0, days=3))
    assert [e.cycle_due_at for e in world.entries(job)] == [at(12, days=2), at(12, days=3)]


def test_a_pause_that_a_trial_of_the_future_outlives_lasts_until_its_time(world: World) -> None:
    job = fresh(world)
    pause_job(job, at(0, 0, days=2), at(9), "test")
    world.scan(at(13, 0, days=4))
    assert len(world.entries(job)) == 3
    world.scan(at(10))
    again = world.get(job)
    assert (again.is_active, again.paused_until) == (False, at(0, 0, days=2))
    world.scan(at(13, 0, days=1))
    assert world.entries(job) == []
    # By the next look it may be over: its first cycle is that of the same day.
    world.scan(at(13, 0, days=9))
    world.scan(at(0, 5, days=2))
    world.scan(at(13, 0, days=2))
    assert [e.cycle_due_at for e in world.entries(job)] == [at(12, days=2)]


def test_a_pause_that_somebody_ended_after_a_trial_of_the_future_stays_ended(world: World) -> None:
    job, edited = fresh(world), world.job("crm")
    for number in (job, edited):
        pause_job(number, at(0, 0, days=9), at(9), "test")
    world.scan(at(13, 0, days=10))
    pause_job(job, at(0, 0, days=8), at(10), "test")
    resume_job(job, at(10), "test")
    values = {"is_active": "false", "paused_until": "2031-03-20T00:00Z"}
    update_job(edited, values, JobDefaults(), at(10), "test")
    update_job(edited, {"is_active": "true"}, JobDefaults(), at(10), "test")
    world.scan(at(10, 15))
    assert world.get(job).is_active
    assert world.get(edited).is_active


def test_a_scan_notes_that_it_found_a_job_on_time(world: World) -> None:
    job = fresh(world)
    world.scan(at(10))
    assert world.get(job).last_checked_timestamp == at(10)
    version = world.get(job).version
    assert version == 1
    db.session.rollback()
