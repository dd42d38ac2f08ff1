"""The story of a morning: log in, see trouble, open it, do what it says, and see it turn green."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import refresh
from tests.integration.background import background, until
from tests.integration.conftest import World
from tests.integration.web import PASSWORD, make_user

Open = Callable[..., Page]


def test_a_schedule_that_is_wrong_is_mended_and_the_row_turns_green(
    world: World, tmp_path: Path, open_page: Open
) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    due = now - timedelta(minutes=20)
    job = world.job(
        "shop",
        schedule=f"{due.minute} {due.hour} * * *",
        early_minutes=5,
        grace_minutes=0,
        created=now - timedelta(hours=3),
    )
    world.job("crm", created=now - timedelta(hours=3), schedule="0 0 1 1 *")
    world.site().deliver(due - timedelta(minutes=30), shop="monday")
    world.scan(now)
    make_user("ada", "operator")

    page = open_page("/", role="stranger")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("h1")).to_have_text("1 of 2 backups needs you")

    page.get_by_role("link", name="shop").click()
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text("Likely culprit: the schedule")
    expect(verdict).to_contain_text("What to do:")

    page.get_by_role("link", name="Edit").click()
    wanted = now + timedelta(minutes=10)
    page.get_by_label("Time", exact=True).fill(wanted.strftime("%H:%M"))
    page.get_by_label("Early, in minutes").fill("30")
    expect(page.locator("#consequence")).to_contain_text(wanted.strftime("%H:%M"))
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile(f"/jobs/{job}$"))

    world.site().deliver(now, shop="monday, once more")
    with background(world, tmp_path) as back:
        page.goto("/")
        page.get_by_role("button", name="Scan now").click()
        expect(page.locator("#main")).to_contain_text("The server looks now")
        page.evaluate("window.still = 'here'")
        row = page.locator(f"#job-{job} [data-status]").first
        expect(row).to_have_attribute("data-status", "MISSING")
        back.worker()
        until(lambda: world.get(job).current_status == "SUCCESS", "a worker has judged it")
    refresh(page)
    expect(row).to_have_attribute("data-status", "SUCCESS")
    expect(page.locator("h1")).to_contain_text("good")
    assert page.evaluate("window.still") == "here"
