"""The forms for jobs: what is wrong stands beside its field, and nothing typed is lost."""

from __future__ import annotations

from typing import Any

import pytest

from backupmon.extensions import db
from backupmon.models import ExpectedBackupJob
from tests.integration.conftest import World
from tests.integration.web import SCRIPT, Browser, ClientAs

NEW = {
    "company_name": "Acme",
    "city": "Douala",
    "agent_id_responsible": "acme",
    "database_name": "crm",
    "by": "days",
    "mon": "on",
    "fri": "on",
    "time": "22:30",
    "timezone": "Africa/Douala",
    "grace_minutes": "45",
    "early_minutes": "30",
    "content_policy": "must_change",
    "promotion_mode": "move",
}


@pytest.fixture
def operator(client_as: ClientAs) -> Browser:
    return client_as("operator")


def jobs() -> list[ExpectedBackupJob]:
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.query(ExpectedBackupJob))


def templates_of(job: ExpectedBackupJob) -> dict[str, str]:
    return {
        name: getattr(job, name)
        for name in (
            "agent_deposit_path_template",
            "agent_log_deposit_path_template",
            "final_storage_path_template",
        )
    }


def test_a_job_is_added_with_days_and_a_time(world: World, operator: Browser) -> None:
    form = operator.get("/jobs/new")
    assert 'name="timezone" type="text" autocomplete="off" value="UTC"' in form.text
    answer = operator.send("/jobs/new", **NEW)
    (job,) = jobs()
    assert answer.location == f"/jobs/{job.id}"
    assert (job.schedule, job.timezone, job.grace_minutes) == ("30 22 * * 1,5", "Africa/Douala", 45)
    assert job.agent_deposit_path_template == "{agent_id}/databases/{staged_file_name}"
    assert "acme/crm is expected from now on." in operator.get(answer.location).text


def test_a_cron_expression_goes_as_well(world: World, operator: Browser) -> None:
    operator.send("/jobs/new", **{**NEW, "by": "cron", "schedule": "*/20 * * * *"})
    (job,) = jobs()
    assert job.schedule == "*/20 * * * *"
    form = operator.get(f"/jobs/{job.id}/edit").text
    assert 'value="*/20 * * * *"' in form
    assert '<input type="radio" id="by-cron" name="by" value="cron" checked>' in form


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"city": ""}, "is required"),
        ({"mon": "", "fri": ""}, "is required"),
        ({"by": "cron", "schedule": "whenever"}, "schedule-fault"),
        ({"timezone": "Mars/Olympus"}, "timezone-fault"),
        ({"grace_minutes": "-1"}, "grace_minutes-fault"),
        ({"agent_id_responsible": "../x"}, "agent_id_responsible-fault"),
        ({"final_storage_path_template": "/etc/{x}"}, "final_storage_path_template-fault"),
    ],
)
def test_what_is_wrong_is_told_beside_its_field_and_all_else_is_kept(
    world: World, operator: Browser, changes: dict[str, str], told: str
) -> None:
    answer = operator.send("/jobs/new", **{**NEW, "neighborhood": SCRIPT, **changes})
    assert answer.status_code == 422
    assert told in answer.text
    assert 'value="Acme"' in answer.text
    assert "&lt;script&gt;" in answer.text
    assert SCRIPT not in answer.text
    assert jobs() == []


def test_a_job_is_edited_and_its_copy_is_a_new_one(world: World, operator: Browser) -> None:
    operator.send("/jobs/new", **NEW)
    (job,) = jobs()
    form = operator.get(f"/jobs/{job.id}/edit").text
    assert 'id="day-mon" name="mon" value="on" checked' in form
    assert 'id="day-tue" name="tue" value="on">' in form
    assert 'value="22:30"' in form
    changed: dict[str, Any] = {**NEW, **templates_of(job), "city": "Yaoundé", "tue": "on"}
    operator.send(f"/jobs/{job.id}/edit", **changed, version=str(job.version))
    (job,) = jobs()
    assert (job.city, job.schedule, job.version) == ("Yaoundé", "30 22 * * 1,2,5", 2)
    copied = operator.get(f"/jobs/new?copy={job.id}")
    assert 'value="Yaoundé"' in copied.text
    assert operator.get("/jobs/new?copy=99").status_code == 404


def test_a_field_that_the_form_did_not_bear_keeps_its_value(
    world: World, operator: Browser
) -> None:
    operator.send("/jobs/new", **NEW, alert_when="first_of_run", alert_reminders="weekly")
    (job,) = jobs()
    assert 'value="weekly" selected' in operator.get(f"/jobs/{job.id}/edit").text
    operator.send(f"/jobs/{job.id}/edit", **{**NEW, "city": "Kribi"}, version="1")
    (job,) = jobs()
    assert (job.city, job.alert_when, job.alert_reminders) == ("Kribi", "first_of_run", "weekly")


def test_of_two_who_edit_at_once_the_second_is_told_and_loses_nothing(
    world: World, client_as: ClientAs
) -> None:
    job_id = world.job()
    first, second = client_as("operator", "ann"), client_as("operator", "bob")
    (job,) = jobs()
    fields = {**NEW, **templates_of(job), "database_name": "shop", "version": "1"}
    assert first.send(f"/jobs/{job_id}/edit", **{**fields, "city": "Kribi"}).status_code == 302
    late = second.send(f"/jobs/{job_id}/edit", **{**fields, "city": "Limbe"})
    assert late.status_code == 409
    assert "Somebody else changed this job meanwhile" in late.text
    assert 'value="Limbe"' in late.text
    assert jobs()[0].city == "Kribi"
    again = second.send(f"/jobs/{job_id}/edit", **{**fields, "city": "Limbe", "version": "2"})
    assert again.status_code == 302
    assert jobs()[0].city == "Limbe"


def test_what_follows_is_shown_as_one_types(world: World, operator: Browser) -> None:
    told = operator.send("/jobs/preview", **NEW).text
    assert told.count("<li>") == 5 + 2
    assert "22:30 where the job is" in told
    assert "<code>acme/databases/dump.sql.gz</code>" in told
    assert "/Acme/Douala/crm/dump.sql.gz" in told


@pytest.mark.parametrize(
    "changes", [{"time": ""}, {"by": "cron", "schedule": "x"}, {"timezone": "Mars/Olympus"}]
)
def test_while_the_schedule_is_wrong_the_paths_are_shown_all_the_same(
    world: World, operator: Browser, changes: dict[str, str]
) -> None:
    told = operator.send("/jobs/preview", **{**NEW, **changes}).text
    assert "The next times it is due" not in told
    assert "<code>acme/databases/dump.sql.gz</code>" in told
    assert operator.send("/jobs/preview").status_code == 200
