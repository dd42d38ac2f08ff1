"""A refresh brings what is new, and leaves the reader alone."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect
from sqlalchemy import update

from backupmon.core.statuses import Status
from backupmon.extensions import begin_write, db
from backupmon.models import ExpectedBackupJob
from tests.browser.conftest import Site, refresh
from tests.integration.conftest import World, at

Open = Callable[..., Page]


def stands(job_id: int, status: Status) -> None:
    """Let a job stand like that, whatever led there."""
    begin_write()
    changed = update(ExpectedBackupJob).where(ExpectedBackupJob.id == job_id)
    db.session.execute(changed.values(current_status=status.value))
    db.session.commit()


def test_a_row_turns_green_without_reloading(world: World, open_page: Open) -> None:
    job = world.job("shop")
    stands(job, Status.FAILED)
    page = open_page("/")
    page.evaluate("window.still = 'here'")
    row = page.locator(f"#job-{job}")
    expect(row.locator("[data-status]")).to_have_attribute("data-status", "FAILED")
    expect(page).to_have_title("(1) Dashboard – backupmon")
    world.site().deliver(at(11, 50), shop="monday")
    world.scan(at(12))
    refresh(page)
    expect(row.locator("[data-status]")).to_have_attribute("data-status", "SUCCESS")
    expect(page.locator("h1")).to_have_text("The one backup is good")
    expect(page).to_have_title("Dashboard – backupmon")
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", "/assets/icon/0.svg")
    assert page.evaluate("window.still") == "here"


def test_focus_and_typed_text_survive(world: World, open_page: Open) -> None:
    job = world.job("shop")
    page = open_page("/")
    search = page.get_by_label("Search")
    search.click()
    page.keyboard.type("sho")
    expect(page).to_have_url("/?q=sho")
    page.keyboard.press("ArrowLeft")
    stands(job, Status.FAILED)
    refresh(page)
    expect(page.locator("h1")).to_have_text("1 of 1 backups needs you")
    expect(search).to_be_focused()
    expect(search).to_have_value("sho")
    assert page.evaluate("document.activeElement.selectionStart") == 2
    page.keyboard.type("_")
    expect(search).to_have_value("sh_o")


def test_scroll_and_selection_survive(world: World, open_page: Open) -> None:
    ids = [world.job(f"db{number:02}") for number in range(40)]
    page = open_page("/", viewport={"width": 1000, "height": 400})
    page.locator(f"#job-{ids[20]}").scroll_into_view_if_needed()
    page.locator(f"#job-{ids[20]} th").dblclick()
    before = page.evaluate("[scrollY, getSelection().toString()]")
    assert before[0] > 0
    stands(ids[39], Status.FAILED)
    refresh(page)
    expect(page.locator("h1")).to_have_text("1 of 40 backups needs you")
    assert page.evaluate("[scrollY, getSelection().toString()]") == before


def test_a_row_that_is_read_stays_where_it_is(world: World, open_page: Open) -> None:
    for name in ("a", "b"):
        world.job(name)
    job = world.job("c")
    page = open_page("/")
    page.locator("#jobs tbody tr").first.hover()
    stands(job, Status.FAILED)
    refresh(page)
    expect(page.locator("h1")).to_have_text("1 of 3 backups needs you")
    names = page.locator("#jobs tbody th")
    expect(names).to_have_text(["a", "b", "c"])
    page.locator("h1").hover()
    stands(job, Status.MISSING)
    refresh(page)
    expect(names).to_have_text(["c", "a", "b"])


def test_a_fold_stays_as_the_reader_left_it(world: World, open_page: Open) -> None:
    job = world.job("shop")
    page = open_page("/?sort=site")
    page.locator("details.site summary").click()
    stands(job, Status.FAILED)
    refresh(page)
    expect(page.locator("h1")).to_have_text("1 of 1 backups needs you")
    assert page.locator("details.site").get_attribute("open") is None


def test_a_hidden_tab_does_not_ask(world: World, open_page: Open) -> None:
    world.job("shop")
    page = open_page("/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, writable: true})")
    refresh(page)
    page.evaluate("document.hidden = false")
    with page.expect_request("**/board?**"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert len([url for url in asked if "/board?" in url]) == 1


def test_a_server_that_is_gone_is_told(world: World, open_page: Open, site: Site) -> None:
    world.job("shop")
    page = open_page("/")
    expect(page.locator("#offline")).to_be_hidden()
    site.stop()
    refresh(page)
    expect(page.locator("#offline")).to_be_visible()


def test_an_entry_unfolds_in_place_and_stays_through_a_refresh(
    world: World, open_page: Open
) -> None:
    job = world.job("shop")
    world.site().deliver(at(11, 50), shop="monday")
    world.scan(at(12))
    page = open_page(f"/jobs/{job}")
    entry = page.locator("details.entry").first
    entry.locator("summary").click()
    expect(entry).to_contain_text("What the server measured")
    world.scan(at(13, days=1))
    refresh(page)
    expect(page.locator("details.entry")).to_have_count(2)
    opened = page.locator("details.entry[open]")
    expect(opened).to_have_count(1)
    expect(opened).to_contain_text("What the server measured")


def test_a_fold_that_a_refresh_brings_is_open(world: World, open_page: Open) -> None:
    job = world.job("shop")
    stands(job, Status.FAILED)
    page = open_page("/")
    expect(page.locator("details.site")).to_have_count(0)
    stands(job, Status.SUCCESS)
    refresh(page)
    expect(page.locator("h1")).to_have_text("The one backup is good")
    expect(page.locator(f"details.site[open] #job-{job}")).to_be_visible()
