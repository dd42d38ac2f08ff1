"""The dashboard as a reader gets it: the page, the fragment that keeps it fresh, its state in
the URL."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from backupmon.core.statuses import Status
from backupmon.extensions import begin_write, db
from backupmon.models import ExpectedBackupJob, ServerCondition
from backupmon.services.jobs import pause_job
from backupmon.services.taking import take_idle
from tests.integration.conftest import World, at
from tests.integration.pages import Clock, queries
from tests.integration.web import ClientAs

SCRIPT = "<script>alert(1)</script>"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(world: World, client_as: ClientAs) -> FlaskClient:
    return client_as("viewer")


def stands(job_id: int, status: Status) -> None:
    """Let a job stand like that, whatever led there."""
    begin_write()
    changed = update(ExpectedBackupJob).where(ExpectedBackupJob.id == job_id)
    db.session.execute(changed.values(current_status=status.value))
    db.session.commit()


def seen_in(text: str) -> str:
    """What the fragment says that it has seen."""
    found = re.search(r'id="board" hx-get="([^"]+)"', text)
    assert found
    return parse_qs(urlsplit(unescape(found[1])).query)["seen"][0]


def sentence(text: str) -> str:
    """The one in large type."""
    found = re.search(r"<h1>(.*?)</h1>", text, re.DOTALL)
    assert found
    return unescape(re.sub(r"<[^>]+>", "", found[1])).strip()


# --- the first glance ------------------------------------------------------------------------


def test_without_jobs_the_page_shows_how_to_begin(client: FlaskClient) -> None:
    page = client.get("/").text
    assert sentence(page) == "No backup is expected yet"
    for way in ("flask jobs import FILE", 'href="/discoveries"', "flask demo"):
        assert way in page
    assert "Adding jobs is for operators" in page
    for place in ("/jobs/new", "/jobs/import"):
        assert f'href="{place}"' not in page
    assert "Adopt what agents report already</a>" not in page


def test_an_operator_without_jobs_is_led_to_the_form(world: World, client_as: ClientAs) -> None:
    page = client_as("operator").get("/").text
    assert '<a href="/jobs/new">Add a job</a>' in page
    assert '<a href="/jobs/import">Import many</a>' in page
    assert '<a href="/discoveries">Adopt what agents report already</a>' in page
    assert "Adding jobs is for operators" not in page


def test_an_operator_finds_where_to_add_import_and_export(
    world: World, client_as: ClientAs
) -> None:
    world.job("shop")
    page = client_as("operator").get("/?q=shop").text
    for place in (
        "/jobs/new",
        "/jobs/import",
        "/jobs/export.csv?q=shop",
        "/jobs/export.json?q=shop",
    ):
        assert f'href="{place}"' in page


def test_reported_databases_that_no_job_expects_are_offered(
    client: FlaskClient, world: World
) -> None:
    world.site().deliver(at(11, 50), shop="monday", crm="monday")
    world.scan(at(12))
    assert "2 databases are reported that no job expects" in client.get("/").text


def test_one_sentence_tells_whether_to_worry(client: FlaskClient, world: World) -> None:
    ids = [world.job(name) for name in ("shop", "crm", "stock")]
    assert sentence(client.get("/").text) == "No backup has been judged yet"
    for job_id in ids[:2]:
        stands(job_id, Status.SUCCESS)
    assert sentence(client.get("/").text) == "All backups judged so far are good"
    stands(ids[2], Status.SUCCESS)
    assert sentence(client.get("/").text) == "All 3 backups are good"
    stands(ids[0], Status.FAILED)
    assert sentence(client.get("/").text) == "1 of 3 backups needs you"
    stands(ids[1], Status.HASH_MISMATCH)
    assert sentence(client.get("/").text) == "2 of 3 backups need you"


def test_when_every_job_is_paused_nobody_is_worried(client: FlaskClient, world: World) -> None:
    job = world.job()
    stands(job, Status.FAILED)
    pause_job(job, None, at(9), "test")
    assert sentence(client.get("/").text) == "Every job is paused"


def test_title_and_favicon_tell_the_number_of_problems(client: FlaskClient, world: World) -> None:
    stands(world.job(), Status.MISSING)
    page = client.get("/").text
    assert "<title>(1) Dashboard – backupmon</title>" in page
    assert 'data-title="(1) Dashboard – backupmon"' in page
    icon = re.search(r'rel="icon"[^>]* href="([^"]+)"', page)
    assert icon
    drawing = client.get(icon[1])
    assert drawing.mimetype == "image/svg+xml"
    assert ">1</text>" in drawing.text
    assert ">99+</text>" in client.get("/assets/icon/1234.svg").text


def test_counts_are_filters_and_the_chosen_one_can_be_left(
    client: FlaskClient, world: World
) -> None:
    stands(world.job("shop"), Status.FAILED)
    stands(world.job("crm"), Status.SUCCESS)
    assert 'href="/?status=FAILED"' in client.get("/").text
    page = client.get("/?status=FAILED").text
    assert 'href="/" aria-current="true"' in page
    assert "shop" in page
    assert ">crm<" not in page


# --- the server itself -----------------------------------------------------------------------


def test_a_scanner_that_fell_silent_is_a_red_banner(client: FlaskClient, world: World) -> None:
    world.job()
    assert "The scanner looked" not in client.get("/").text
    late = datetime.now(UTC) - timedelta(minutes=31)
    db.session.execute(
        db.text("UPDATE scan_runs SET started_at = :t"), {"t": late.isoformat(" ")[:26]}
    )
    db.session.commit()
    page = client.get("/").text
    assert "and not since." in page
    assert '<div class="notice error" role="alert">' in page
    assert "flask up" in page


def test_what_is_wrong_with_the_server_is_told_with_its_hint(
    client: FlaskClient, world: World
) -> None:
    world.job()
    begin_write()
    now = datetime.now(UTC)
    condition = ServerCondition(
        code="disk.full",
        subject="VALIDATED_ROOT",
        message=f"no room left for {SCRIPT}",
        hint="free some",
        started_at=now,
        last_seen_at=now,
    )
    db.session.add(condition)
    db.session.commit()
    page = client.get("/").text
    assert "No room left for &lt;script&gt;" in page
    assert "Free some" in page


def test_a_background_that_is_down_is_told_calmly_while_scans_go_on(
    client: FlaskClient, world: World
) -> None:
    world.job()
    page = client.get("/").text
    assert '<div class="notice warning" role="alert">' in page
    assert '<div class="notice error" role="alert">' not in page


# --- the list --------------------------------------------------------------------------------


def test_a_row_reads_like_a_sentence(client: FlaskClient, world: World) -> None:
    job = world.job("shop", neighborhood="Akwa")
    data = world.site().deliver(at(11, 50), shop="monday")["shop"]
    world.scan(at(12))
    world.scan(at(13, days=1))
    page = client.get("/").text
    row = re.search(rf'<tr id="job-{job}".*?</tr>', page, re.DOTALL)
    assert row
    told = row[0]
    assert 'data-status="MISSING"' in told
    assert "Missing" in told
    assert f'<a href="/jobs/{job}" title="shop">shop</a>' in told
    assert "Douala, Akwa · Acme" in told
    assert f"{len(data)}\N{NO-BREAK SPACE}B" in told
    assert "<title>1 missing, 1 good</title>" in told
    assert told.count('<use href="#c-') == 2


def test_a_name_is_a_name_whatever_it_says(client: FlaskClient, world: World) -> None:
    hostile = '"><img src=x onerror=alert(1)>'
    world.job(hostile, company_name=SCRIPT, city="Dou&ala", agent="acme")
    page = client.get("/").text
    assert SCRIPT not in page
    assert hostile not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Dou&amp;ala" in page
    searched = client.get("/", query_string={"q": hostile}).text
    assert hostile not in searched
    assert "1 job found" in searched


def test_nothing_in_a_page_is_inline(client: FlaskClient, world: World) -> None:
    stands(world.job(), Status.FAILED)
    page = client.get("/").text
    assert not re.search(r"\sstyle=|\son\w+=|javascript:|<style", page)
    assert re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL) == [""]


def test_what_is_found_by_nothing_offers_to_clear_the_filter(
    client: FlaskClient, world: World
) -> None:
    world.job("shop")
    page = client.get("/?q=zzz&company=Acme").text
    assert "No job fits this search." in page
    assert '<a href="/">Show all</a>' in page


def test_all_state_is_in_the_url_and_pages_keep_it(client: FlaskClient, world: World) -> None:
    for number in range(52):
        world.job(f"db{number:03}", schedule=f"{number} 12 * * *")
    page = client.get("/?q=db&sort=database").text
    assert 'href="/?q=db&amp;sort=database&amp;page=2" rel="next"' in unescape_once(page)
    second = client.get("/?q=db&sort=database&page=2").text
    assert ">db051<" in second
    assert ">db000<" not in second
    assert '<option value="database" selected>' in second
    assert 'value="db"' in second


def unescape_once(text: str) -> str:
    """Jinja writes ``&amp;`` in addresses; so does this test."""
    return re.sub(r"search=&amp;", "", text)


@pytest.mark.parametrize(
    "query", ["page=-1", "page=x", "page=99999999999", "status=nope", "sort=nope", "hold=x,-1!9"]
)
def test_what_makes_no_sense_in_a_url_is_passed_over(
    client: FlaskClient, world: World, query: str
) -> None:
    world.job()
    assert client.get(f"/?{query}").status_code == 200
    assert client.get(f"/board?{query}").status_code == 200


def test_by_site_the_rows_fold(client: FlaskClient, world: World) -> None:
    stands(world.job("shop"), Status.FAILED)
    stands(world.job("crm"), Status.SUCCESS)
    page = client.get("/?sort=site").text
    assert page.count('<details class="site"') == 1
    assert "1 failed, 1 good" in page
    worst = client.get("/").text
    assert worst.index(">shop<") < worst.index('<details class="site"') < worst.index(">crm<")


# --- staying fresh ---------------------------------------------------------------------------


@pytest.mark.usefixtures("clock")
def test_a_poll_that_has_seen_everything_is_answered_with_204(
    client: FlaskClient, world: World
) -> None:
    job = world.job()
    page = client.get("/").text
    seen = seen_in(page)
    answer = client.get(f"/board?seen={seen}")
    assert (answer.status_code, answer.data) == (204, b"")
    stands(job, Status.FAILED)
    news = client.get(f"/board?seen={seen}")
    assert news.status_code == 200
    assert news.text.startswith('<div id="board"')
    assert "1 of 1 backups needs you" in news.text
    assert client.get(f"/board?seen={seen_in(news.text)}").status_code == 204


def test_an_unchanged_poll_asks_who_reads_and_what_changed(
    client: FlaskClient, world: World
) -> None:
    world.job()
    seen = seen_in(client.get("/").text)
    with queries() as sent:
        assert client.get(f"/board?seen={seen}").status_code == 204
    assert len(sent) == 2
    assert "FROM users" in sent[0]
    assert "FROM state_changes" in sent[1]


def test_a_minute_later_ages_are_told_anew(client: FlaskClient, world: World, clock: Clock) -> None:
    world.job()
    seen = seen_in(client.get("/").text)
    assert client.get(f"/board?seen={seen}").status_code == 204
    clock.pass_a_minute()
    assert client.get(f"/board?seen={seen}").status_code == 200


def test_the_fragment_leaves_the_form_to_the_reader(client: FlaskClient, world: World) -> None:
    world.job()
    assert '<input type="search" id="q"' in client.get("/").text
    fragment = client.get("/board").text
    assert '<form id="filters" data-keep></form>' in fragment
    assert "<html" not in fragment


def test_the_form_is_answered_with_the_fragment_and_the_url_follows(
    client: FlaskClient, world: World
) -> None:
    world.job("shop")
    answer = client.get("/?q=shop&company=&sort=worst", headers=HTMX)
    assert answer.text.startswith('<div id="board"')
    assert answer.headers["HX-Replace-Url"] == "/?q=shop"


def test_rows_that_somebody_reads_stay_where_they_are(client: FlaskClient, world: World) -> None:
    names = ("a", "b", "c")
    ids = {name: world.job(name) for name in names}
    for job_id in ids.values():
        stands(job_id, Status.SUCCESS)
    stands(ids["c"], Status.FAILED)
    order = [ids["c"], ids["a"], ids["b"]]
    held = f"{ids['c']}!{ids['a']},{ids['b']}"
    stands(ids["c"], Status.SUCCESS)
    stands(ids["b"], Status.FAILED)

    def rows(path: str) -> list[int]:
        return [int(n) for n in re.findall(r'<tr id="job-(\d+)"', client.get(path).text)]

    assert rows(f"/board?hold={held}") == order
    assert rows("/board") == [ids["b"], ids["a"], ids["c"]]
    fragment = client.get(f"/board?hold={held}").text
    urgent = re.search(r'<table class="jobs" id="urgent">.*?</table>', fragment, re.DOTALL)
    assert urgent
    assert f'id="job-{ids["c"]}"' in urgent[0]


def test_what_is_being_verified_shows_its_progress(client: FlaskClient, world: World) -> None:
    job = world.job("shop")
    assert "hidden" in client.get("/progress").text
    site = world.site()
    site.deliver(at(11, 50), shop="monday")
    (site.staging / "shop.sql.gz").unlink()
    world.with_settings(settle_seconds=3600).scan(at(12))
    take_idle([world.entry(job).id])
    fragment = client.get("/progress").text
    assert "<progress" in fragment
    assert "shop, Douala" in fragment
    assert 'hx-trigger="every 2s"' in fragment
    assert "<progress" in client.get("/board").text


# --- languages, and how much it costs --------------------------------------------------------


def test_the_dashboard_speaks_french(client: FlaskClient, world: World) -> None:
    stands(world.job("shop"), Status.MISSING)
    page = client.get("/", headers={"Accept-Language": "fr"}).text
    assert sentence(page) == "1 sauvegarde sur 1 a besoin de vous"
    for word in ("Manquante", "1 manquante", "Rechercher", "Derniers cycles"):
        assert word in page
    for word in ("Missing", "Search", "Last cycles", "Looked"):
        assert word not in page


def test_the_number_of_queries_does_not_depend_on_the_number_of_jobs(
    client: FlaskClient, world: World
) -> None:
    world.job("db000")
    world.scan(at(13))
    client.get("/")
    with queries() as for_one:
        client.get("/")
    for number in range(1, 40):
        world.job(f"db{number:03}")
    world.scan(at(13))
    # What lies in quarantine is counted anew once after a change.
    client.get("/")
    with queries() as for_forty:
        client.get("/")
    assert len(for_forty) == len(for_one) <= 16
