"""Pausing, resuming and deleting many jobs from the list: asked once, done as one."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from backupmon.extensions import db
from backupmon.language.filters import now
from backupmon.models import AuditEvent
from backupmon.services.jobs import delete_job, pause_job
from tests.integration.conftest import World, at
from tests.integration.web import SCRIPT, Browser, ClientAs


@pytest.fixture
def operator(world: World, client_as: ClientAs) -> Browser:
    return client_as("operator")


def asked(client: Browser, action: str, jobs: list[int], place: str = "") -> TestResponse:
    """The question that stands between ticks and deeds."""
    ticked = "&".join(f"job={job}" for job in jobs)
    return client.get(f"/jobs/bulk/{action}?{ticked}{place}")


def fields(page: TestResponse) -> dict[str, list[str]]:
    """What the question would send with its answer."""
    form = re.search(r'<form class="bulk-form".*?</form>', page.text, re.DOTALL)
    assert form, page.text
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[0]):
        found.setdefault(name, []).append(unescape(value))
    return found


def answered(client: Browser, page: TestResponse, action: str, **changes: Any) -> TestResponse:
    return client.send(f"/jobs/bulk/{action}", **{**fields(page), **changes})


def acts() -> list[tuple[str, str, int]]:
    """Of the audit trail: who did what to which job."""
    db.session.rollback()
    query = select(AuditEvent).where(AuditEvent.actor == "user:operator").order_by(AuditEvent.id)
    return [(e.actor, e.action, e.subject_id) for e in db.session.scalars(query)]


def test_ticked_jobs_are_paused_resumed_and_deleted_with_an_act_for_each(
    world: World, operator: Browser
) -> None:
    jobs = [world.job(name) for name in ("a", "b", "c")]
    for action, told in (
        ("pause", "2 jobs are paused."),
        ("resume", "2 jobs are expected again"),
        ("delete", "2 jobs are deleted."),
    ):
        page = asked(operator, action, jobs[:2])
        assert f"{action.capitalize()} 2 jobs?" in page.text
        assert ">a</a>" in page.text
        assert ">c</a>" not in page.text
        before = len(acts())
        assert answered(operator, page, action).location == "/"
        assert [act[1:] for act in acts()[before:]] == [(f"job.{action}", j) for j in jobs[:2]]
        assert told in operator.get("/").text
    assert world.get(jobs[0]).deleted_at is not None
    assert world.get(jobs[2]).deleted_at is None
    assert world.get(jobs[2]).is_active


def test_a_pause_may_end_by_itself(world: World, operator: Browser) -> None:
    jobs = [world.job("a"), world.job("b")]
    pause_job(jobs[0], None, now(), "test")
    page = asked(operator, "pause", jobs)
    assert "One is paused already: its date becomes the one given here." in page.text
    answered(operator, page, "pause", paused_until="2031-03-06")
    assert {world.get(job).paused_until for job in jobs} == {at(0, days=3)}


@pytest.mark.parametrize(
    ("day", "problem"),
    [("2001-01-01", "is in the past"), ("soon", "is no date"), ("0001-01-01", "is no date")],
)
def test_a_day_that_cannot_be_is_told_and_nothing_is_lost(
    world: World, operator: Browser, day: str, problem: str
) -> None:
    operator.send("/account/wishes", language="en", timezone="Africa/Douala")
    jobs = [world.job("a"), world.job("b")]
    page = asked(operator, "pause", jobs, "&q=acme")
    answer = answered(operator, page, "pause", paused_until=day)
    assert answer.status_code == 422
    assert problem in answer.text
    assert f'value="{day}"' in answer.text
    assert fields(answer) == fields(page) == {**fields(page), "q": ["acme"]}
    assert all(world.get(job).is_active for job in jobs)


def test_jobs_that_are_like_that_already_stay_as_they_are(world: World, operator: Browser) -> None:
    jobs = [world.job("a"), world.job("b")]
    page = asked(operator, "resume", jobs)
    assert "2 are not paused, and stay as they are." in page.text
    answered(operator, page, "resume")
    assert "all of them are like that already" in operator.get("/").text
    assert acts() == []


@pytest.mark.parametrize("action", ["pause", "resume", "delete"])
def test_where_somebody_else_was_there_meanwhile_nothing_is_done_and_it_is_said(
    world: World, operator: Browser, action: str
) -> None:
    jobs = [world.job(name) for name in ("a", "b", "c")]
    page = asked(operator, action, jobs)
    pause_job(jobs[0], None, now(), "bob")
    delete_job(jobs[1], now(), "bob")
    answer = answered(operator, page, action)
    assert answer.status_code == 409
    assert "Nothing has been done." in answer.text
    assert "One of these jobs was changed" in answer.text
    assert '<li class="changed">' in answer.text
    assert "left out now: acme/b." in answer.text
    assert acts() == []
    # Now the person has seen it, and means it.
    assert answered(operator, answer, action).location == "/"
    assert {act[2] for act in acts()} <= {jobs[0], jobs[2]}
    assert len(acts()) == {"pause": 1, "resume": 1, "delete": 2}[action]


def test_when_all_of_them_are_gone_the_list_says_so(world: World, operator: Browser) -> None:
    job = world.job("a")
    world.job("b")
    page = asked(operator, "delete", [job])
    delete_job(job, now(), "bob")
    assert answered(operator, page, "delete").location == "/"
    assert "somebody else deleted them" in operator.get("/").text
    assert asked(operator, "delete", [job]).location == "/"


def test_nothing_ticked_is_told(world: World, operator: Browser) -> None:
    world.job("a")
    for query in ("", "?job=x&job=-1&job=99999999999&job=0&q=a"):
        answer = operator.get(f"/jobs/bulk/delete{query}")
        assert answer.status_code == 302
        assert "No job is ticked." in operator.get("/").text
    assert operator.send("/jobs/bulk/delete", job=["x.y", "1", "1.", ".2"]).status_code == 302
    assert operator.get("/jobs/bulk/explode").status_code == 404
    assert operator.send("/jobs/bulk/explode").status_code == 404


def test_a_long_list_folds_and_a_part_that_is_gone_is_told(world: World, operator: Browser) -> None:
    jobs = [world.job(f"db{number:02}") for number in range(12)]
    delete_job(jobs[0], now(), "bob")
    page = asked(operator, "delete", jobs)
    assert "Delete 11 jobs?" in page.text
    assert "One of the jobs that were ticked is no longer there." in page.text
    assert "<summary>and one more</summary>" in page.text
    assert "Their history and their files on this server stay" in page.text


def test_one_is_told_which_have_a_good_copy(world: World, operator: Browser) -> None:
    jobs = [world.job("a"), world.job("b")]
    world.site().deliver(at(11, 50), a="monday")
    world.scan(at(12))
    assert "One has a good copy, which stays." in asked(operator, "delete", jobs).text


def test_one_comes_back_to_the_same_part_of_the_list(world: World, operator: Browser) -> None:
    jobs = [world.job("a"), world.job("b")]
    page = asked(operator, "pause", jobs, "&q=acme&sort=site")
    cancel = f"/?q=acme&amp;sort=site&amp;ticked={jobs[0]}-{jobs[1]}"
    assert f'href="{cancel}"' in page.text
    assert operator.get(unescape(cancel)).text.count(" checked>") == 2
    assert operator.get(f"/?ticked={jobs[1]}-x").text.count(" checked>") == 1
    assert answered(operator, page, "pause").location == "/?q=acme&sort=site"


def test_only_operators_have_boxes_to_tick(
    world: World, operator: Browser, client_as: ClientAs
) -> None:
    job = world.job("a")
    page = operator.get("/?ticked=all").text
    assert f'name="job" value="{job}" form="bulk"' in page
    assert page.count(" checked>") == 1
    for path in ("/", "/board", "/?ticked=all"):
        shown = client_as("viewer").get(path).text
        assert 'form="bulk"' not in shown
        assert "/jobs/bulk" not in shown


def test_names_are_shown_and_not_run(world: World, operator: Browser) -> None:
    job = world.job(SCRIPT, company_name=SCRIPT, city="\u200f<b>")
    page = asked(operator, "delete", [job])
    assert "<script>alert" not in page.text
    delete_job(world.job("other"), now(), "bob")
    assert "<script>alert" not in answered(operator, page, "pause").text
