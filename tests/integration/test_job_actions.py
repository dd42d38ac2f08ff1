"""What operators do with a job from its page; every act is audited, and viewers see no buttons."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from backupmon.extensions import db
from backupmon.language.filters import now
from backupmon.models import AuditEvent
from backupmon.services.jobs import pause_job
from tests.integration.conftest import World, at
from tests.integration.web import Browser, ClientAs


@pytest.fixture
def operator(world: World, client_as: ClientAs) -> Browser:
    return client_as("operator")


def last_act() -> tuple[str, str, int]:
    """Of the audit trail: who did what to which job."""
    db.session.rollback()
    event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None
    return event.actor, event.action, event.subject_id


def test_a_viewer_sees_no_buttons_and_an_operator_does(
    world: World, client_as: ClientAs, operator: Browser
) -> None:
    job = world.job("shop")
    for path in (f"/jobs/{job}", f"/jobs/{job}/story", "/"):
        assert "Scan now" in operator.get(path).text
        assert "Scan now" not in client_as("viewer").get(path).text
    assert f'href="/jobs/{job}/edit"' in operator.get(f"/jobs/{job}").text


def test_a_job_is_paused_until_somebody_resumes_it(world: World, operator: Browser) -> None:
    job = world.job("shop")
    answer = operator.send(f"/jobs/{job}/pause")
    assert answer.location == f"/jobs/{job}"
    page = operator.get(f"/jobs/{job}").text
    assert "acme/shop is paused." in page
    assert "Paused until somebody resumes it" in page
    assert last_act() == ("user:operator", "job.pause", job)
    operator.send(f"/jobs/{job}/resume")
    assert last_act() == ("user:operator", "job.resume", job)
    assert world.get(job).is_active


def test_a_pause_until_a_day_ends_at_midnight_where_the_reader_is(
    world: World, operator: Browser
) -> None:
    operator.send("/account/wishes", language="en", timezone="Africa/Douala")
    job = world.job("shop")
    operator.send(f"/jobs/{job}/pause", paused_until="2031-03-06")
    assert world.get(job).paused_until == at(23, days=2)


@pytest.mark.parametrize(
    ("day", "problem"),
    [("2001-01-01", "is in the past"), ("soon", "is no date"), ("\x00", "is no")],
)
def test_a_day_that_cannot_be_is_told_beside_the_field(
    world: World, operator: Browser, day: str, problem: str
) -> None:
    job = world.job("shop")
    answer = operator.send(f"/jobs/{job}/pause", paused_until=day)
    assert answer.status_code == 422
    assert problem in answer.text
    assert '<details class="unfolds" name="action" open>' in answer.text
    assert world.get(job).is_active


def test_deleting_says_what_stays_and_leads_back(world: World, operator: Browser) -> None:
    job = world.job("shop")
    assert "Its history and its files on this server stay" in operator.get(f"/jobs/{job}").text
    assert operator.send(f"/jobs/{job}/delete").location == "/"
    assert "acme/shop is deleted." in operator.get("/").text
    assert operator.get(f"/jobs/{job}").status_code == 404
    assert last_act() == ("user:operator", "job.delete", job)


def test_a_scan_that_nobody_can_do_is_told(world: World, operator: Browser) -> None:
    job = world.job("shop")
    operator.send(f"/jobs/{job}/scan")
    assert "Nobody can look now" in operator.get(f"/jobs/{job}").text
    operator.send("/scan")
    assert "Nobody can look now" in operator.get("/").text


def test_a_paused_job_offers_to_resume(world: World, operator: Browser) -> None:
    job = world.job("shop")
    pause_job(job, None, now(), "test")
    page = operator.get(f"/jobs/{job}").text
    assert f'action="/jobs/{job}/resume"' in page
    assert f'action="/jobs/{job}/pause"' not in page
