"""The page of a job and of an entry: the verdict and why, the charts, the copies, the history."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from backupmon.services.jobs import delete_job, pause_job
from tests.integration.conftest import World, at
from tests.integration.pages import queries
from tests.integration.site import dump_of, section
from tests.integration.web import ClientAs

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def client(world: World, client_as: ClientAs) -> FlaskClient:
    return client_as("viewer")


def words(text: str) -> str:
    """What a reader reads, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text)).split())


def cut_short(world: World) -> int:
    """A job whose newest file arrived short of what was sent, after a good night."""
    job = world.job("shop")
    site = world.site()
    site.deliver(at(11, 50), shop="monday")
    world.scan(at(12))
    whole = dump_of("tuesday " * 50)
    site.put("shop.sql.gz", whole[:-20])
    site.report(at(11, 50, days=1), {"shop": section(whole, "shop.sql.gz")})
    world.scan(at(13, days=1))
    return job


# --- the verdict -----------------------------------------------------------------------------


def test_the_verdict_is_a_sentence_with_its_culprit_and_the_next_step(
    client: FlaskClient, world: World
) -> None:
    told = words(client.get(f"/jobs/{cut_short(world)}").text)
    assert "Broken in transfer" in told
    assert "The file arrived 20 B short of what the agent sent" in told
    assert "Likely culprit: the line." in told
    assert "What to do: Let the agent send it again" in told


def test_findings_tell_what_was_expected_beside_what_was_observed(
    client: FlaskClient, world: World
) -> None:
    page = client.get(f"/jobs/{cut_short(world)}").text
    table = re.search(r'<table class="findings">.*?</table>', page, re.DOTALL)
    assert table
    (bad,) = re.findall(r'<tr class="level-bad">.*?</tr>', table[0], re.DOTALL)
    assert "Size" in words(bad)
    assert len(re.findall(r"\d+\N{NO-BREAK SPACE}B", bad)) == 2
    assert table[0].count('<tr class="level-good">') == 4


def test_a_good_backup_says_so_plainly(client: FlaskClient, world: World) -> None:
    job = world.job("shop")
    world.site().deliver(at(11, 50), shop="monday")
    world.scan(at(12))
    told = words(client.get(f"/jobs/{job}").text)
    assert "The file arrived whole, byte for byte as the agent made it." in told
    assert "Likely culprit" not in told


def test_a_job_that_was_never_judged_says_when_the_first_one_is_due(
    client: FlaskClient, world: World
) -> None:
    told = words(client.get(f"/jobs/{world.job('shop')}").text)
    assert "No backup of this database has been judged yet. The first one is expected" in told
    assert "No good copy yet" in told


def test_the_verdict_is_that_of_the_best_entry_of_the_newest_cycle(
    client: FlaskClient, world: World
) -> None:
    job = world.job("shop")
    world.scan(at(12, 45))
    world.site().deliver(at(11, 50), shop="monday")
    world.scan(at(13))
    told = words(client.get(f"/jobs/{job}").text)
    assert "The file arrived whole" in told
    assert "came after the deadline" in told or "arrived after the deadline" in told


def test_a_paused_job_says_until_when(client: FlaskClient, world: World) -> None:
    job = world.job("shop")
    pause_job(job, at(9, days=3), at(9), "test")
    assert "Paused until 6 Mar 2031, 09:00" in words(client.get(f"/jobs/{job}").text)


def test_verdicts_are_told_in_french(client: FlaskClient, world: World) -> None:
    page = client.get(f"/jobs/{cut_short(world)}", headers={"Accept-Language": "fr"}).text
    told = words(page)
    for said in ("Abîmée en route", "En cause, sans doute : la ligne.", "Vérifié", "Constaté"):
        assert said in told
    for said in ("Likely culprit", "Broken", "History", "smaller than"):
        assert said not in told


# --- charts, copies --------------------------------------------------------------------------


def test_every_cycle_has_its_square_and_every_size_its_point(
    client: FlaskClient, world: World
) -> None:
    job = world.job("shop")
    site = world.site()
    for day in range(4):
        site.deliver(at(11, 50, days=day), shop=f"night {day}")
        world.scan(at(12, days=day))
    world.scan(at(13, days=4))
    page = client.get(f"/jobs/{job}").text
    assert page.count('<use href="#k-SUCCESS" class="is-SUCCESS"') == 4
    assert page.count('<use href="#k-MISSING" class="is-MISSING"') == 1
    assert "2031-03-03 12:00 Good" in page
    assert 'role="img" aria-label="1 missing, 4 good"' in page
    assert '<path class="line" d="M0 ' in page
    table = re.search(r'<table class="measures">.*?</table>', page, re.DOTALL)
    assert table
    assert table[0].count("<tr>") == 1 + 5


def test_copies_tell_where_they_lie(client: FlaskClient, world: World) -> None:
    job = cut_short(world)
    page = client.get(f"/jobs/{job}").text
    told = words(page)
    assert "Last good copy" in told
    assert "In quarantine" in told
    for row in world.stored(job):
        root = "validated" if row.destination == "validated" else "quarantine"
        assert f"/{root}/{row.path}</code>" in page
        if row.sha256:
            assert f'title="{row.sha256}"' in page
            assert f'data-copy="{row.sha256}"' in page


# --- history and entries ---------------------------------------------------------------------


def test_the_history_is_paged_and_filtered_by_the_url(client: FlaskClient, world: World) -> None:
    job = world.job("shop", schedule="*/5 * * * *", grace_minutes=1, early_minutes=1)
    world.scan(at(9, 57))
    page = client.get(f"/jobs/{job}").text
    assert page.count('<details class="entry"') == 20
    assert f'href="/jobs/{job}?page=2#history" rel="next"' in page
    assert client.get(f"/jobs/{job}?page=2").text.count('<details class="entry"') == 3
    filtered = client.get(f"/jobs/{job}?status=SUCCESS").text
    assert '<details class="entry"' not in filtered
    assert "No entry of this status." in filtered
    assert '<option value="SUCCESS" selected>' in filtered


def test_an_entry_unfolds_into_all_that_was_said_and_measured(
    client: FlaskClient, world: World
) -> None:
    job = cut_short(world)
    entry = world.entries(job)[-1]
    page = client.get(f"/jobs/{job}").text
    assert f'hx-get="/entries/{entry.id}" hx-trigger="toggle from:closest details once"' in page
    assert f'<a href="/entries/{entry.id}">' in page
    fragment = client.get(f"/entries/{entry.id}", headers={"HX-Request": "true"}).text
    assert "<html" not in fragment
    told = words(fragment)
    for said in (
        "What the agent said",
        "What the server measured",
        "Dump went well",
        "STATUS_0002",
    ):
        assert said in told
    assert entry.agent_compress_hash_post_compress in fragment
    full = client.get(f"/entries/{entry.id}").text
    assert "<html" in full
    assert words(fragment) in words(full)


def test_the_words_of_an_agent_are_shown_as_words(client: FlaskClient, world: World) -> None:
    job = world.job("shop")
    said = {"status": False, "error_message": SCRIPT}
    report = section(b"x", "shop.sql.gz", TRANSFER=said, logs_summary=f"{SCRIPT}\x1b[31m")
    world.site().report(at(11, 50), {"shop": report})
    world.scan(at(12))
    entry = world.entry(job)
    for path in (f"/jobs/{job}", f"/entries/{entry.id}"):
        page = client.get(path).text
        assert SCRIPT not in page
        assert "\x1b" not in page
    assert "&lt;script&gt;" in client.get(f"/entries/{entry.id}").text


# --- freshness and what is not there ---------------------------------------------------------


@pytest.mark.usefixtures("clock")
def test_the_page_of_a_job_keeps_itself_fresh(client: FlaskClient, world: World) -> None:
    job = world.job("shop")
    page = client.get(f"/jobs/{job}").text
    found = re.search(r'<article id="job" hx-get="([^"]+)"', page)
    assert found
    address = unescape(found[1])
    assert client.get(address).status_code == 204
    world.site().deliver(at(11, 50), shop="monday")
    world.scan(at(12))
    news = client.get(address)
    assert news.text.startswith('<article id="job"')
    assert "The file arrived whole" in news.text


def test_the_fragment_stays_on_its_page_of_the_history(client: FlaskClient, world: World) -> None:
    job = world.job("shop")
    page = client.get(f"/jobs/{job}?status=MISSING&page=2").text
    found = re.search(r'<article id="job" hx-get="([^"]+)"', page)
    assert found
    query = parse_qs(urlsplit(unescape(found[1])).query)
    assert (query["status"], query["page"]) == (["MISSING"], ["2"])


@pytest.mark.parametrize(
    "path", ["/jobs/99", "/jobs/99999999999999999999", "/entries/99", "/entries/9999999999999"]
)
def test_what_is_not_there_is_a_404(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_deleted_job_and_its_entries_are_not_there(client: FlaskClient, world: World) -> None:
    job = world.job("shop")
    world.scan(at(13))
    entry = world.entry(job)
    delete_job(job, at(14), "test")
    assert client.get(f"/jobs/{job}").status_code == 404
    assert client.get(f"/entries/{entry.id}").status_code == 404


def test_the_number_of_queries_does_not_depend_on_the_history(
    client: FlaskClient, world: World
) -> None:
    job = world.job("shop")
    world.scan(at(13))
    client.get(f"/jobs/{job}")
    with queries() as for_one:
        client.get(f"/jobs/{job}")
    world.scan(at(13, days=25))
    # What lies in quarantine is counted anew once after a change.
    client.get(f"/jobs/{job}")
    with queries() as for_many:
        client.get(f"/jobs/{job}")
    assert len(world.entries(job)) == 26
    assert len(for_many) == len(for_one) <= 14
