"""The whole product as deployed: an agent on a real database, and all the way to the restore.

Nothing is called from within: `flask up` runs as a program, the agent as another, and people use
a browser and read their mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from backupmon import create_app
from tests.browser.conftest import PATIENCE
from tests.integration.agent_site import AgentSite
from tests.integration.background import until
from tests.integration.conftest import World
from tests.integration.mailbox import Mailbox, free_port, running, text_of
from tests.integration.sources import PostgreSql
from tests.integration.test_agent_databases import postgresql_section
from tests.integration.test_up import Up, flask_up
from tests.servers import need_programs, postgresql_database

PASSWORD = "four words by chance"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with running(Mailbox(free_port())) as box:
        yield box


@pytest.fixture
def up(tmp_path: Path, mailbox: Mailbox) -> Iterator[Up]:
    with flask_up(
        tmp_path,
        mail_server="127.0.0.1",
        mail_port=mailbox.port,
        mail_default_sender="backups@x.org",
        alert_recipients="ops@x.org",
    ) as found:
        yield found


def begin(page: Page, up: Up) -> None:
    """Make the first admin by the link that the start printed."""
    until(lambda: "/setup/" in up.log(), "the link is printed")
    link = re.search(r"http://\S+/setup/\S+", up.log())
    assert link is not None
    page.goto(link[0])
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same password again").fill(PASSWORD)
    page.get_by_role("button", name="Begin").click()


def log_in(page: Page, up: Up) -> None:
    page.goto(f"http://127.0.0.1:{up.port}/")
    if page.get_by_role("button", name="Log in").is_visible():
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
    expect(page.locator("h1")).to_have_text("No backup is expected yet")


def add_job(page: Page, up: Up) -> None:
    """By the form, as an operator does: due in ten minutes, from half an hour before."""
    page.goto(f"http://127.0.0.1:{up.port}/jobs/new")
    values = {
        "Company": "Acme",
        "City": "Douala",
        "Agent": "acme",
        "Database": "shop",
        "Time": f"{datetime.now(UTC) + timedelta(minutes=10):%H:%M}",
    }
    for label, value in values.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Add job").click()
    expect(page.locator("#verdict-title")).to_contain_text("No backup of this database")


def scan_and_wait(page: Page, up: Up, status: str) -> None:
    """Ask for a scan, and wait until the row shows what came of it, without loading it anew."""
    page.goto(f"http://127.0.0.1:{up.port}/")
    page.get_by_role("button", name="Scan now").click()
    expect(page.locator("#main")).to_contain_text("The server looks now")
    page.evaluate("window.still = 'here'")
    row = page.locator("#jobs [data-status]").first
    # It asks by itself; as often as that takes.
    expect(row).to_have_attribute("data-status", status, timeout=4 * PATIENCE)
    assert page.evaluate("window.still") == "here"


def arrived(mailbox: Mailbox) -> list[str]:
    until(lambda: bool(mailbox.arrived), "a mail arrives")
    return [str(mail["Subject"]) for _, mail in mailbox.arrived]


def test_from_a_real_database_to_its_restore(
    up: Up, tmp_path: Path, mailbox: Mailbox, browser: Browser
) -> None:
    need_programs("pg_dump", "psql", "gzip")
    page = browser.new_context(locale="en-GB").new_page()
    page.set_default_timeout(PATIENCE)
    with postgresql_database() as address, postgresql_database() as empty:
        source = PostgreSql(address, empty)
        begin(page, up)
        log_in(page, up)
        add_job(page, up)

        site = AgentSite(World(create_app(up.settings), up.settings), tmp_path / "site")
        section = {**postgresql_section(address), "format": "plain"}
        site.databases["shop"] = {**section, "database": "no_such_database"}
        site.run(expect=1)
        scan_and_wait(page, up, "FAILED")
        assert arrived(mailbox)[0].startswith("1 problem: acme: shop FAILED")
        (problem,) = mailbox.take()
        assert "no_such_database" in text_of(problem)
        assert site.validated() == []

        site.databases["shop"] = section
        site.run()
        scan_and_wait(page, up, "SUCCESS")
        expect(page.locator("h1")).to_have_text("The one backup is good")
        assert arrived(mailbox)[0].startswith("Recovered: acme: shop")
        (recovery,) = mailbox.take()
        assert recovery["In-Reply-To"] == problem["Message-ID"]

        (copy,) = site.validated()
        source.restore(copy)
        assert source.contents(restored=True) == source.contents(restored=False)
    page.get_by_role("link", name="shop").click()
    expect(page.locator("#verdict-title")).to_contain_text("The file arrived whole")
    page.context.close()
