"""Adding, changing, pausing and deleting jobs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from backupmon.core.errors import BackupmonError, NotFoundError
from backupmon.core.job_spec import JobDefaults
from backupmon.extensions import db
from backupmon.models import AuditEvent, ExpectedBackupJob
from backupmon.services.history import find_job
from backupmon.services.job_changes import put_jobs
from backupmon.services.job_drafts import JobRow, RowsRefusedError
from backupmon.services.jobs import (
    JobRefusedError,
    StaleJobError,
    add_job,
    delete_job,
    list_jobs,
    pause_job,
    resume_job,
    update_job,
    upsert_job,
)
from tests.integration.conftest import NOON, World, at

MORNING = datetime(2031, 3, 3, 8, 0, tzinfo=UTC)
DEFAULTS = JobDefaults()
DAY = timedelta(days=1)


def shop(**values: object) -> dict[str, object]:
    """A job due at noon."""
    return {
        "company_name": "Acme",
        "city": "Douala",
        "database_name": "shop",
        "agent_id_responsible": "acme",
        "schedule": "0 12 * * *",
        **values,
    }


def add(now: datetime = MORNING, **values: object) -> ExpectedBackupJob:
    return add_job(shop(**values), DEFAULTS, now, "cli:ann")


def change(job: ExpectedBackupJob, now: datetime = MORNING, **values: object) -> ExpectedBackupJob:
    return update_job(job.id, values, DEFAULTS, now, "cli:ann")


def faults_of(error: pytest.ExceptionInfo[JobRefusedError]) -> dict[str, str]:
    return {fault.field: fault.problem for fault in error.value.faults}


def last_act() -> AuditEvent:
    act = db.session.scalar(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1))
    assert act is not None
    return act


@pytest.fixture(autouse=True)
def _app(app: Flask) -> None:
    """Every test here talks to a database."""


def test_a_new_job_waits_for_its_next_cycle() -> None:
    job = add()
    assert (job.expected_due_at, job.deadline_at) == (NOON, NOON + timedelta(minutes=30))
    assert (job.created_at, job.updated_at, job.version) == (MORNING, MORNING, 1)
    assert (job.current_status, job.is_active) == ("UNKNOWN", True)
    assert (job.agent_key, job.final_path_key) == ("acme", "*/acme/douala/shop")


def test_the_defaults_of_the_server_hold() -> None:
    job = add_job(shop(), JobDefaults("Africa/Douala", 45, 10), MORNING, "test")
    assert (job.timezone, job.grace_minutes, job.early_minutes) == ("Africa/Douala", 45, 10)
    assert job.expected_due_at == NOON - timedelta(hours=1)


def test_every_fault_of_a_job_is_told_at_once() -> None:
    with pytest.raises(JobRefusedError) as error:
        add(city="", schedule="0 25 * * *", grace_minutes="-1", agent_id_responsible="a/b")
    assert set(faults_of(error)) == {"city", "schedule", "grace_minutes", "agent_id_responsible"}
    assert len(error.value.message.splitlines()) == 5
    assert list_jobs() == []


def test_an_existing_job_is_refused_whatever_the_case_of_the_agent() -> None:
    job = add()
    with pytest.raises(JobRefusedError) as error:
        add(agent_id_responsible="ACME", city="Yaoundé")
    assert f"is job {job.id} already" in faults_of(error)["database_name"]


def test_the_same_agent_and_database_is_changed_by_an_upsert() -> None:
    job = add()
    again = upsert_job(shop(city="Yaoundé"), DEFAULTS, MORNING, "test")
    assert (again.id, again.city, again.version) == (job.id, "Yaoundé", 2)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({}, {"agent_id_responsible": "other"}, id="two agents, one place"),
        pytest.param({"year": 2031}, {"agent_id_responsible": "other"}, id="a year and any"),
        pytest.param({}, {"agent_id_responsible": "other", "year": 2031}, id="any and a year"),
        pytest.param({}, {"agent_id_responsible": "other", "city": "DOUALA"}, id="case"),
        pytest.param(
            {"final_storage_path_template": "all/{staged_file_name}"},
            {"database_name": "crm", "final_storage_path_template": "all/{staged_file_name}"},
            id="nothing tells them apart",
        ),
    ],
)
def test_a_final_path_that_could_be_shared_is_refused(
    first: dict[str, object], second: dict[str, object]
) -> None:
    job = add(**first)
    with pytest.raises(JobRefusedError) as error:
        add(**second)
    problem = faults_of(error)["final_storage_path_template"]
    assert f"acme/shop (job {job.id})" in problem


def test_two_years_of_one_place_do_not_meet() -> None:
    add(year=2030)
    add(year=2031, agent_id_responsible="other")


def test_a_change_to_another_jobs_path_is_refused() -> None:
    add()
    other = add(database_name="crm")
    with pytest.raises(JobRefusedError) as error:
        change(other, final_storage_path_template="{year}/Acme/Douala/shop/{staged_file_name}")
    assert set(faults_of(error)) == {"final_storage_path_template"}
    assert find_job(other.id).version == 1


def test_a_change_of_other_fields_keeps_its_own_path() -> None:
    job = add()
    assert change(job, notification_recipients="ann@example.org").version == 2


def test_a_change_is_audited_with_what_was_and_what_is() -> None:
    job = add()
    change(job, at(9), city="Yaoundé", grace_minutes="45")
    act = last_act()
    assert (act.actor, act.action, act.subject_type) == ("cli:ann", "job.update", "job")
    assert (act.subject_id, act.at) == (job.id, at(9))
    assert act.before == {"city": "Douala", "grace_minutes": 30}
    assert act.after == {"city": "Yaoundé", "grace_minutes": 45}
    assert find_job(job.id).updated_at == at(9)


def test_a_change_that_changes_nothing_leaves_no_trace() -> None:
    job = add()
    assert change(job, at(9), city="Douala").version == 1
    assert last_act().action == "job.add"
    assert find_job(job.id).updated_at == MORNING


@pytest.mark.parametrize(
    ("values", "due"),
    [
        pytest.param({"schedule": "0 18 * * *"}, at(18), id="schedule"),
        pytest.param({"timezone": "America/New_York"}, at(17), id="zone"),
    ],
)
def test_another_schedule_begins_with_its_next_time(
    values: dict[str, object], due: datetime
) -> None:
    job = change(add(), at(13), **values)
    assert job.expected_due_at == due


def test_another_grace_moves_the_open_deadline_only() -> None:
    job = change(add(), at(13), grace_minutes=90)
    assert (job.expected_due_at, job.deadline_at) == (NOON, NOON + timedelta(minutes=90))


def test_an_overdue_cycle_is_not_forgiven_by_another_city() -> None:
    assert change(add(), at(13), city="Yaoundé").expected_due_at == NOON


def test_a_change_based_on_an_older_version_is_refused() -> None:
    job = add()
    change(job, city="Yaoundé")
    with pytest.raises(StaleJobError, match="version 2"):
        update_job(job.id, {"city": "Edea"}, DEFAULTS, MORNING, "test", version=1)


def test_an_agent_and_database_that_are_taken_are_refused() -> None:
    first, second, gone = add(), add(database_name="crm"), add(database_name="old")
    delete_job(gone.id, MORNING, "test")
    with pytest.raises(JobRefusedError, match=f"job {first.id} already"):
        change(second, database_name="shop", city="Edea")
    with pytest.raises(JobRefusedError, match=f"the deleted job {gone.id}"):
        change(second, database_name="old")


def test_a_pause_and_its_end() -> None:
    job = add()
    paused = pause_job(job.id, None, MORNING, "cli:ann")
    assert (paused.is_active, paused.paused_until, paused.version) == (False, None, 2)
    assert last_act().after == {"is_active": False, "paused_until": None}
    assert [one.id for one in list_jobs()] == [job.id]
    resumed = resume_job(job.id, at(13), "cli:ann")
    assert (resumed.is_active, resumed.expected_due_at) == (True, NOON + DAY)
    assert last_act().action == "job.resume"


def test_a_pause_that_ends_in_the_past_is_refused() -> None:
    job = add()
    with pytest.raises(JobRefusedError, match="in the past"):
        pause_job(job.id, MORNING, MORNING, "test")
    with pytest.raises(JobRefusedError, match="in the past"):
        change(job, paused_until="2031-03-03T07:59Z")
    assert find_job(job.id).is_active


def test_resuming_a_job_that_is_not_paused_forgives_nothing() -> None:
    job = resume_job(add().id, at(13), "test")
    assert (job.expected_due_at, job.version) == (NOON, 1)


def test_paused_until_alone_pauses_and_active_alone_resumes() -> None:
    job = change(add(), paused_until="2031-03-09T00:00Z")
    assert not job.is_active
    job = change(job, at(13), is_active="true")
    assert (job.is_active, job.paused_until) == (True, None)
    assert job.expected_due_at == NOON + DAY
    with pytest.raises(JobRefusedError, match="the job is active"):
        change(job, is_active="true", paused_until="2031-03-09T00:00Z")


def test_a_deleted_job_is_hidden_and_comes_back_with_its_history(world: World) -> None:
    job_id = world.job()
    world.site().deliver(at(11, 50), shop="one")
    world.scan(at(12))
    delete_job(job_id, at(13), "cli:ann")
    assert list_jobs() == []
    for act in (find_job, lambda i: resume_job(i, at(13), "test")):
        with pytest.raises(NotFoundError):
            act(job_id)
    again = add(at(14, 0, days=9), city="Douala", grace_minutes=5)
    assert (again.id, again.deleted_at, again.grace_minutes) == (job_id, None, 5)
    assert again.expected_due_at == NOON + 10 * DAY
    assert again.current_status == "SUCCESS"
    assert (last_act().action, len(world.entries(job_id))) == ("job.revive", 1)


def test_a_path_where_a_deleted_jobs_copy_stands_is_refused(world: World) -> None:
    job_id = world.job()
    world.site().deliver(at(11, 50), shop="one")
    world.scan(at(12))
    delete_job(job_id, at(13), "test")
    for values in ({}, {"year": 2031}):
        with pytest.raises(JobRefusedError) as error:
            add(agent_id_responsible="other", **values)
        problem = faults_of(error)["final_storage_path_template"]
        assert f"the deleted job {job_id}" in problem
    add(agent_id_responsible="other", year=2032)
    assert add(year=2031).id == job_id


def test_a_deleted_job_without_a_copy_frees_its_path() -> None:
    delete_job(add().id, MORNING, "test")
    add(agent_id_responsible="other")


def test_a_path_where_a_copy_stands_that_another_job_left_behind_is_refused(world: World) -> None:
    """Else each good backup of the job would go to quarantine, while all is said to be well."""
    shop, other = world.job(), world.job(agent="other", city="Edea")
    world.site().deliver(at(11, 50), shop="one")
    world.site("other").deliver(at(11, 50), shop="two")
    world.scan(at(12))
    swapped = [
        JobRow(agent, {"agent_id_responsible": agent, "database_name": "shop", "city": city})
        for agent, city in (("acme", "Edea"), ("other", "Douala"))
    ]
    with pytest.raises(RowsRefusedError, match="which had this path") as refused:
        put_jobs(swapped, DEFAULTS, at(13), "test")
    assert len(refused.value.rows) == 2
    update_job(shop, {"city": "Kribi"}, DEFAULTS, at(13), "test")
    with pytest.raises(JobRefusedError, match=f"job {shop}"):
        update_job(other, {"city": "Douala"}, DEFAULTS, at(13), "test")
    # A year of its own is another path; its own former path is open to the job itself.
    update_job(other, {"city": "Douala", "year": 2032}, DEFAULTS, at(13), "test")
    update_job(shop, {"city": "Douala", "year": 2031}, DEFAULTS, at(13), "test")
    update_job(shop, {"grace_minutes": 7}, DEFAULTS, at(13), "test")


def test_no_file_moves_when_the_final_path_changes(world: World) -> None:
    job_id = world.job()
    world.site().deliver(at(11, 50), shop="one")
    world.scan(at(12))
    before = world.every_file()
    changed = update_job(job_id, {"city": "Edea"}, DEFAULTS, at(13), "test")
    assert changed.final_path_key == "*/acme/edea/shop"
    assert world.every_file() == before


@pytest.mark.parametrize("job_id", [0, -1, 7, 2**31, 10**30])
@pytest.mark.parametrize(
    "act",
    [
        pytest.param(find_job, id="get"),
        pytest.param(lambda i: delete_job(i, MORNING, "test"), id="delete"),
        pytest.param(lambda i: pause_job(i, None, MORNING, "test"), id="pause"),
        pytest.param(lambda i: update_job(i, {}, DEFAULTS, MORNING, "test"), id="update"),
    ],
)
def test_a_number_that_no_job_has_is_told(act: Callable[[int], object], job_id: int) -> None:
    with pytest.raises(NotFoundError, match=f"there is no job {job_id}"):
        act(job_id)


def test_jobs_are_listed_by_place_and_filtered_without_regard_to_case() -> None:
    add(city="Édéa")
    add(database_name="crm")
    add(agent_id_responsible="zeta", company_name="Zeta")
    assert [job.title for job in list_jobs()] == ["acme/crm", "acme/shop", "zeta/shop"]
    assert [job.title for job in list_jobs(agent="ACME", city="édéa")] == ["acme/shop"]
    assert [job.title for job in list_jobs(company="zeta")] == ["zeta/shop"]


@pytest.mark.parametrize(
    "name", ["agent_id_responsible", "database_name", "city", "schedule", "timezone"]
)
@pytest.mark.parametrize("bad", ["\ud800", "\0", "x" * 100_000, "{0}" * 99, 7, [], {"a": 1}])
def test_hostile_values_are_refused_in_words(name: str, bad: object) -> None:
    with pytest.raises(JobRefusedError) as error:
        add(**{name: bad})
    assert name in faults_of(error)
    assert isinstance(error.value, BackupmonError)
