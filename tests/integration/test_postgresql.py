"""The same server on PostgreSQL: the same verdicts, and a lock that all hosts share.

Bodies of tests that other modules wrote for SQLite are run here again: what they bring is
named in the imports, `settings` makes the difference.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from backupmon.config import Settings
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.services.locking import ADVISORY_KEY, ScanLock, ScanRunningError
from tests.integration.conftest import World, at

# ruff: noqa: F401
from tests.integration.test_cycles import (
    test_a_late_report_is_judged_and_ends_the_missing,
    test_a_missing_that_turns_out_to_lie_ahead_is_withdrawn,
    test_a_pause_ends_by_itself,
    test_after_a_long_outage_the_newest_31_cycles_are_entered,
    test_after_an_outage_of_three_days_each_missed_cycle_is_entered,
    test_an_invalid_report_at_the_deadline_is_a_failure_that_names_it,
    test_an_outage_of_the_monitor_during_which_agents_went_on_loses_nothing,
    test_both_dst_nights_have_one_cycle_each,
    test_nothing_by_the_deadline_is_missing_once,
    test_two_runs_a_day_are_two_cycles,
)
from tests.integration.test_intake import (
    test_a_database_that_no_job_expects_is_a_discovery_once,
    test_a_dry_run_changes_nothing_and_says_what_would_be,
    test_a_report_in_utf_16_with_huge_numbers_is_read,
    test_a_scan_of_one_agent_leaves_the_others_alone,
    test_names_that_agents_write_are_stored_without_control_characters,
    test_the_folder_is_the_agents_in_whatever_case,
    test_the_same_report_again_is_not_taken_in_twice,
)
from tests.integration.test_verdicts import (
    test_a_damaged_file_goes_to_quarantine_with_its_reason,
    test_a_good_backup_is_promoted_byte_for_byte,
    test_a_shrunken_dump_is_good_with_a_warning,
    test_a_step_that_the_agent_says_failed_is_a_failure_and_the_file_stays,
    test_the_same_content_again_is_a_mismatch_but_still_the_newest_copy,
    test_what_must_not_change_and_did_goes_to_quarantine_and_the_old_copy_stands,
    test_without_a_reported_checksum_nothing_is_called_good,
)
from tests.servers import postgresql_database


@pytest.fixture
def settings(postgresql_settings: Settings) -> Settings:
    return postgresql_settings


def connect(settings: Settings) -> psycopg.Connection[tuple[object, ...]]:
    """A connection beside the application's own."""
    return psycopg.connect(settings.database_url.replace("+psycopg", ""), autocommit=True)


def test_these_tests_run_on_postgresql(world: World) -> None:
    assert db.engine.dialect.name == "postgresql"
    assert not list(world.settings.data_dir.glob("*.db"))


def test_a_scan_beside_another_says_since_when_that_one_runs(world: World) -> None:
    job = world.job()
    world.site().deliver(at(11, 50), shop="monday")
    before = datetime.now(UTC)
    with connect(world.settings) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_KEY])
        taken = datetime.now(UTC)
        with pytest.raises(ScanRunningError, match="a scan is running since") as raised:
            world.scan(at(12, 0))
        assert raised.value.since is not None
        # Server and test may read different clocks.
        assert before - timedelta(minutes=1) <= raised.value.since <= taken + timedelta(minutes=1)
        assert world.statuses(job) == []
        holder.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_KEY])
    world.scan(at(12, 0))
    assert world.statuses(job) == [Status.SUCCESS]


def test_since_when_is_told_in_utc_whatever_zone_the_database_speaks(world: World) -> None:
    name = sql.Identifier(db.engine.url.database or "")
    with connect(world.settings) as holder:
        statement = sql.SQL("ALTER DATABASE {} SET timezone TO 'Asia/Kathmandu'")
        holder.execute(statement.format(name))
        holder.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_KEY])
        db.engine.dispose()
        with pytest.raises(ScanRunningError) as raised:
            world.scan(at(12, 0))
    since = raised.value.since
    assert since is not None
    assert since.utcoffset() == timedelta(hours=5, minutes=45)
    assert f"since {since.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" in raised.value.message


def test_the_lock_is_free_at_once_when_a_scan_has_ended(world: World) -> None:
    with connect(world.settings) as other:
        for _ in range(20):
            with ScanLock(world.settings):
                pass
            # A connection that is open already asks sooner than another scan could.
            taken = other.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_KEY]).fetchone()
            assert taken == (True,)
            other.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_KEY])


def test_a_scan_of_another_database_on_the_server_is_not_in_the_way(world: World) -> None:
    with postgresql_database() as url, psycopg.connect(url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_KEY])
        world.scan(at(12, 0))


def test_a_lock_whose_connection_broke_ends_without_a_word(world: World) -> None:
    with connect(world.settings) as other, ScanLock(world.settings):
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    world.scan(at(12, 0))
