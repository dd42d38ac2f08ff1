"""The pages of reports: what was taken in, what is wrong with it, what came of it, the file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from backupmon.extensions import db
from backupmon.models import AgentReport
from backupmon.services.jobs import delete_job
from backupmon.services.reports import MOST_SHOWN, PAGE_SIZE
from tests.integration.conftest import World, at
from tests.integration.pages import queries
from tests.integration.site import dump_of, iso, section
from tests.integration.web import SCRIPT, Browser, ClientAs, make_user

HIDDEN = "&lt;script&gt;alert(1)&lt;/script&gt;"


@pytest.fixture
def viewer(world: World, client_as: ClientAs) -> Browser:
    return client_as("viewer")


def reports() -> list[AgentReport]:
    """Newest first."""
    db.session.rollback()
    db.session.expire_all()
    return list(db.session.scalars(select(AgentReport).order_by(AgentReport.id.desc())))


def newest() -> AgentReport:
    return reports()[0]


def archived(world: World, report: AgentReport) -> Path:
    return world.settings.report_archive_root / report.archive_path


def many(number: int) -> None:
    """Reports without files, as a year leaves them."""
    moment = at(12)
    for n in range(number):
        report = AgentReport(
            agent_id=f"site{n % 3}",
            agent_key=f"site{n % 3}",
            sha256=f"{n:064}",
            valid=True,
            folder=f"site{n % 3}/log",
            file_name=f"STATUS_{n:03}.json",
            size=1,
            landed_at=moment,
            changed_at=moment,
            received_at=moment,
            archive_path=f"x/{n}",
        )
        db.session.add(report)
    db.session.commit()


def drop_bad(world: World, databases: object, agent: str = "acme", **extra: object) -> AgentReport:
    said = {"agent_id": agent, "databases": databases, **extra}
    world.site(agent).drop("STATUS.json", json.dumps(said).encode())
    world.scan(at(12))
    return newest()


def test_nothing_yet_says_how_reports_come(viewer: Browser) -> None:
    page = viewer.get("/reports").text
    assert "No report has been taken in yet" in page
    assert "No report fits." in viewer.get("/reports?q=x").text


def test_each_report_is_told_with_its_verdicts(world: World, viewer: Browser) -> None:
    world.job("shop")
    world.job("crm")
    site = world.site()
    data = dump_of("x")
    site.put("shop.sql.gz", data)
    good, bad = section(data, "shop.sql.gz"), section(data, "crm.sql.gz", BACKUP__status=False)
    site.report(at(11, 50), {"shop": good, "crm": bad, "new": good})
    world.scan(at(12))
    page = viewer.get("/reports").text
    assert f'<a href="/reports/{newest().id}">STATUS_0001.json</a>' in page
    for words in ("1 failed", "1 good", "1 not expected", "3 Mar 2031, 11:50"):
        assert words in page
    assert "cannot be used" not in page


def test_what_cannot_be_used_stands_first_with_every_fault(world: World, viewer: Browser) -> None:
    world.job("shop")
    bad = section(b"x", "shop.sql.gz", COMPRESS__status=1)
    report = drop_bad(world, {"shop": bad, SCRIPT: "nothing"})
    page = viewer.get("/reports").text
    assert "The last report of one agent cannot be used" in page
    assert "become failed at their deadline" in page
    assert "<code>databases.shop.COMPRESS.status</code>" in page
    assert "is 1; true or false is required" in page
    assert f"<code>databases.{HIDDEN}</code>" in page
    assert SCRIPT not in page
    own = viewer.get(f"/reports/{report.id}").text
    assert "This report cannot be used: 3 faults" in own
    assert "<code>operation_end_time</code>" in own
    assert "Unless something else is heard before its deadline" in own
    assert "What to do:" in own
    assert SCRIPT not in own


def test_a_valid_report_after_it_is_its_end(world: World, viewer: Browser) -> None:
    world.job("shop")
    report = drop_bad(world, {})
    world.site().deliver(at(11, 55), shop="good")
    world.scan(at(12, 10))
    assert "cannot be used" not in viewer.get("/reports").text
    own = viewer.get(f"/reports/{report.id}").text
    assert "nothing more is to be done" in own
    assert f'href="/reports/{newest().id}"' in own
    assert "What to do:" not in own


def test_the_jobs_that_failed_by_it_are_named(world: World, viewer: Browser) -> None:
    job = world.job("shop")
    report = drop_bad(world, {})
    world.scan(at(13))
    own = viewer.get(f"/reports/{report.id}").text
    assert "One job has failed by it" in own
    assert f'<a href="/jobs/{job}">shop</a>' in own
    assert f'href="/entries/{world.entry(job).id}"' in own


def test_faults_are_french_on_french_pages_and_old_ones_are_readable(
    world: World, client_as: ClientAs
) -> None:
    report = drop_bad(world, [])
    french = client_as("viewer")
    french.set_cookie("language", "fr")
    assert "vaut une liste\xa0; il faut un objet" in french.get(f"/reports/{report.id}").text
    report.faults = [{"path": "databases", "problem": "is a list; an object is required"}]
    db.session.commit()
    for address in ("/reports", f"/reports/{report.id}"):
        assert '<span lang="en">is a list; an object is required</span>' in french.get(address).text


def test_the_filters_are_in_the_address(world: World, viewer: Browser) -> None:
    world.job("shop")
    world.site().deliver(at(11, 50), shop="good")
    world.scan(at(12))
    drop_bad(world, {}, agent="Bank")

    def rows(query: str) -> int:
        return viewer.get(f"/reports?{query}").text.count('<th scope="row">')

    assert rows("") == 2
    assert rows("agent=ACME") == rows("state=valid") == rows("q=status_0001") == 1
    assert rows("agent=bank") == rows("state=invalid") == 1
    assert rows("q=100%25") == rows("agent=nobody") == rows("q=%00") == 0
    assert rows("since=2031-03-04") == rows("until=2031-03-02") == 0
    assert rows("since=2031-03-03&until=2031-03-03") == 2
    assert rows("since=yesterday&until=9999-12-31&page=x&state=odd") == 2
    assert "1 report found" in viewer.get("/reports?agent=acme").text


def test_a_day_begins_where_the_reader_is(world: World, client_as: ClientAs) -> None:
    world.site("acme").deliver(at(11, 50), shop="x")
    world.scan(at(12))
    user = make_user("kiri")
    user.timezone = "Pacific/Kiritimati"
    db.session.commit()
    page = client_as("viewer", "kiri").get("/reports?since=2031-03-04").text
    assert "1 report found" in page


def test_pages_lead_on_and_keep_the_filter(viewer: Browser) -> None:
    many(PAGE_SIZE * 2 + 1)
    first = viewer.get("/reports?q=STATUS").text
    assert "Page 1 of 3" in first
    assert 'href="/reports?page=2&amp;q=STATUS" rel="next"' in first
    assert f"STATUS_{PAGE_SIZE * 2:03}.json" in first
    last = viewer.get("/reports?q=STATUS&page=3").text
    assert last.count('<th scope="row">') == 1
    assert "STATUS_000.json" in last
    assert "There are no reports on this page" in viewer.get("/reports?page=9999").text


def test_the_number_of_queries_does_not_depend_on_the_number_of_reports(
    world: World, viewer: Browser
) -> None:
    many(1)
    viewer.get("/reports")  # What waits in each area is counted once after a change.
    with queries() as for_one:
        viewer.get("/reports")
    many_names = {f"db{n}": section(b"x", f"{n}.gz") for n in range(20)}
    for name in many_names:
        world.job(name)
    world.site().report(at(11, 50), many_names)
    world.scan(at(12))
    viewer.get("/reports")
    with queries() as for_more:
        viewer.get("/reports")
    assert len(for_more) == len(for_one) <= 11
    with queries() as own:
        viewer.get(f"/reports/{newest().id}")
    assert len(own) <= 7


def test_a_reports_page_leads_to_jobs_entries_and_discoveries(
    world: World, client_as: ClientAs
) -> None:
    job, gone = world.job("shop"), world.job("old")
    good = section(dump_of("x"), "x.gz")
    world.site().report(
        at(11, 50), {"shop": section(b"", "../..", TRANSFER=1), "old": good, SCRIPT: good}
    )
    world.scan(at(13))
    delete_job(gone, at(13), "test")
    page = client_as("operator").get(f"/reports/{newest().id}").text
    assert f'<a href="/jobs/{job}">shop</a>' in page
    assert f'href="/entries/{world.entry(job).id}"' in page
    assert "<code>databases.shop.staged_file_name</code>" in page
    assert f'href="/jobs/{gone}"' not in page
    assert "(job deleted)" in page
    assert "/jobs/new?agent=acme&amp;database=%3Cscript%3E" in page
    assert SCRIPT not in page
    entry = client_as("viewer").get(f"/entries/{world.entry(job).id}").text
    assert f'<a href="/reports/{newest().id}">STATUS_0001.json</a>' in entry
    assert "Adopt" not in client_as("viewer").get(f"/reports/{newest().id}").text


def test_what_is_odd_about_a_report_is_told(world: World, viewer: Browser) -> None:
    world.site().report(at(11, 50), {}, overall_status=5)
    world.scan(at(12))
    page = viewer.get(f"/reports/{newest().id}").text
    assert "the report names no database" in page
    assert "overall_status is not a string" in page
    assert "<dd>5</dd>" in page


def test_the_archived_file_is_shown_as_text_and_sent_as_an_attachment(
    world: World, viewer: Browser
) -> None:
    text = f'{{"{SCRIPT}": "\u202e backwards"}}'
    site = world.site()
    site.drop('"a  b";\u00e9 <script>.json', text.encode())
    world.scan(at(12))
    report = newest()
    page = viewer.get(f"/reports/{report.id}").text
    assert f"{HIDDEN}" in page
    assert "\u202e" not in page
    assert SCRIPT not in page
    answer = viewer.get(f"/reports/{report.id}/file", buffered=True)
    assert answer.data == text.encode()
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert viewer.get("/reports/99/file").status_code == 404


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_report_in_another_encoding_is_shown_as_text(
    world: World, viewer: Browser, encoding: str
) -> None:
    world.site().drop("STATUS.json", '{"naïve": 1}'.encode(encoding))
    world.scan(at(12))
    assert "{&#34;naïve&#34;: 1}" in viewer.get(f"/reports/{newest().id}").text


def test_a_huge_file_is_shown_in_part_and_sent_whole(world: World, viewer: Browser) -> None:
    data = b'{"a": "' + b"x" * 6_000_000 + b'"}'
    world.site().drop("STATUS.json", data)
    world.scan(at(12))
    report = newest()
    page = viewer.get(f"/reports/{report.id}")
    assert "is larger than 5 MiB" in page.text
    assert "The first 262.1\xa0kB of 6.0\xa0MB:" in page.text
    assert MOST_SHOWN < len(page.data) < MOST_SHOWN + 30_000
    assert viewer.get(f"/reports/{report.id}/file", buffered=True).data == data


def test_a_file_that_is_gone_changed_or_replaced_is_told_plainly(
    world: World, viewer: Browser, tmp_path: Path
) -> None:
    world.site().drop("STATUS.json", b"[]")
    world.scan(at(12))
    report = newest()
    address, path = f"/reports/{report.id}", archived(world, newest())
    path.write_bytes(b"[1]")
    assert "somebody has changed it since" in viewer.get(address).text
    path.unlink()
    secret = tmp_path / "secret"
    secret.write_text("top secret")
    path.symlink_to(secret)
    assert "Something else lies where the file was archived" in viewer.get(address).text
    assert viewer.get(f"{address}/file").status_code == 404
    path.unlink()
    path.mkdir()
    assert "Something else lies" in viewer.get(address).text
    path.rmdir()
    page = viewer.get(address).text
    assert "The file is no longer where it was archived." in page
    assert f'href="{address}/file"' not in page
    lost = viewer.get(f"{address}/file")
    assert lost.status_code == 404
    assert "no longer where it was archived" in lost.text
    (world.settings.report_archive_root / ".backupmon").unlink()
    assert "its disk may not be mounted" in viewer.get(address).text


def test_what_waits_and_what_was_passed_over_is_told(world: World, viewer: Browser) -> None:
    patient = world.with_settings(settle_seconds=3600)
    site = world.site("slow")
    site.drop("STATUS.json", b'{"half')
    (site.log_folder / "link.json").symlink_to("/etc/passwd")
    patient.scan(datetime.now(UTC))
    page = viewer.get("/reports").text
    assert "Waiting to settle" in page
    assert 'href="/reports?agent=slow"' in page
    assert "The last scan passed over one file in a log folder" in page
    assert "Waiting to settle" not in viewer.get("/reports?agent=slow").text


def test_the_end_of_a_report_is_shown_where_the_reader_is(world: World, viewer: Browser) -> None:
    world.site().report(at(11, 50), {}, operation_start_time=iso(at(9)))
    world.scan(at(12))
    page = viewer.get(f"/reports/{newest().id}").text
    assert 'title="2031-03-03 09:00:00 UTC"' in page
