"""The count of changes: it grows with all that pages show, and with nothing else."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from backupmon.config import Settings
from backupmon.extensions import begin_write, db
from backupmon.models import BackupEntry, ExpectedBackupJob, StateChange
from backupmon.models.audit import AuditEvent
from backupmon.services.jobs import pause_job
from backupmon.services.state_version import state_version
from tests.integration.conftest import NOON, World, at


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


def test_a_new_job_a_verdict_and_a_pause_are_changes(world: World) -> None:
    seen = [state_version()]
    job = world.job()
    seen.append(state_version())
    world.site().deliver(at(11, 50), shop="monday")
    world.scan(at(12, 0))
    seen.append(state_version())
    pause_job(job, None, at(12, 5), "test")
    seen.append(state_version())
    assert seen == sorted(set(seen))


def test_looking_is_no_change(world: World) -> None:
    job = world.job()
    before = state_version()
    world.get(job)
    world.entries(job)
    db.session.commit()
    assert state_version() == before


def test_what_is_rolled_back_has_not_changed(world: World) -> None:
    job = world.job()
    before = state_version()
    begin_write()
    db.session.execute(update(ExpectedBackupJob).values(city="Kribi"))
    db.session.rollback()
    # Nor does it count for the next transaction on the same connection.
    world.get(job)
    db.session.commit()
    assert state_version() == before


def test_what_no_page_of_backups_shows_is_no_change(world: World) -> None:
    before = state_version()
    begin_write()
    event = AuditEvent(at=NOON, actor="test", action="job.look", subject_type="job", subject_id=1)
    db.session.add(event)
    db.session.commit()
    assert state_version() == before


def test_a_change_in_bulk_counts_once(world: World) -> None:
    job = world.job()
    world.scan(at(13, 0))
    assert world.statuses(job) == ["MISSING"]
    before = state_version()
    begin_write()
    db.session.execute(update(BackupEntry).values(message="changed"))
    db.session.commit()
    assert state_version() == before + 1


def test_the_count_itself_takes_one_row_of_each_process(world: World) -> None:
    for name in ("shop", "crm", "stock"):
        world.job(name)
    assert db.session.scalar(select(func.count()).select_from(StateChange)) == 1
