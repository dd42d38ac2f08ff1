"""Ticking jobs in the list: through a refresh, by the keyboard, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from backupmon.core.statuses import Status
from tests.browser.conftest import refresh
from tests.browser.test_refresh import stands
from tests.integration.conftest import World

Open = Callable[..., Page]


def test_ticks_survive_a_refresh_and_go_where_their_rows_go(world: World, open_page: Open) -> None:
    ids = [world.job(name, city=city) for name, city in zip("abcd", "xyxy", strict=True)]
    page = open_page("/")
    bar = page.locator("#bulk")
    expect(bar).to_be_hidden()
    page.locator(f"#tick-{ids[0]}").check()
    page.locator(f"#tick-{ids[3]}").check()
    expect(bar).to_contain_text("Ticked: 2")
    page.locator("h1").hover()
    page.locator("h1").click()
    stands(ids[3], Status.FAILED)
    refresh(page)
    expect(page.locator("h1")).to_have_text("1 of 4 backups needs you")
    ticked = page.locator("input[name=job]:checked")
    expect(ticked).to_have_count(2)
    expect(bar).to_contain_text("Ticked: 2")
    names = page.locator("#jobs tbody th")
    # Rows stay while some are ticked.
    expect(names).to_have_text(["a", "c", "b", "d"])
    # A row may move to another table when the reader asks for another order.
    page.get_by_label("Order").select_option("database")
    expect(names).to_have_text(["a", "b", "c", "d"])
    expect(ticked).to_have_count(2)
    expect(page.locator(f"#tick-{ids[3]}")).to_be_checked()
    page.get_by_label("Search").fill("x")
    expect(names).to_have_text(["a", "c"])
    expect(bar).to_contain_text("Ticked: 1")


def test_all_and_none_and_back_from_the_question(world: World, open_page: Open) -> None:
    for name in "abc":
        world.job(name)
    page = open_page("/?sort=database")
    page.get_by_role("link", name="Tick all on this page").click()
    expect(page.locator("#bulk")).to_contain_text("Ticked: 3")
    page.get_by_role("link", name="Tick none").click()
    expect(page.locator("#bulk")).to_be_hidden()
    page.locator("input[name=job]").first.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Pause…").click()
    expect(page.locator("h1")).to_have_text("Pause one job?")
    page.get_by_role("link", name="Cancel").click()
    expect(page.locator("input[name=job]:checked")).to_have_count(1)
    expect(page.locator("#bulk")).to_contain_text("Ticked: 1")
    expect(page).to_have_url(re.compile("sort=database"))


def test_jobs_are_paused_without_scripts(world: World, open_page: Open) -> None:
    ids = [world.job(name) for name in "abc"]
    page = open_page("/", java_script_enabled=False)
    expect(page.locator("#bulk")).to_be_hidden()
    page.get_by_role("link", name="Tick all on this page").click()
    expect(page.locator("input[name=job]:checked")).to_have_count(3)
    page.locator(f"#tick-{ids[1]}").uncheck()
    page.get_by_role("button", name="Pause…").click()
    expect(page.locator("h1")).to_have_text("Pause 2 jobs?")
    page.get_by_label("Until").fill("2001-01-01")
    page.get_by_role("button", name="Pause these 2 jobs").click()
    expect(page.locator(".fault")).to_contain_text("is in the past")
    page.get_by_label("Until").fill("")
    page.get_by_role("button", name="Pause these 2 jobs").click()
    expect(page.locator("#notices")).to_contain_text("2 jobs are paused.")
    assert [world.get(job).is_active for job in ids] == [False, True, False]
