"""A file that is being verified: the bar moves, and the row turns green by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backupmon.queue import VERIFY
from backupmon.services.background import scan_in_background
from tests.browser.conftest import refresh
from tests.integration.background import Background, background, until
from tests.integration.conftest import World, at
from tests.integration.site import section

Open = Callable[..., Page]
#: A file of several chunks, so that it can be held in its middle.
LARGE = b"0123456789abcdef" * (3 << 16)


@pytest.fixture
def back(world: World, tmp_path: Path) -> Iterator[Background]:
    with background(world, tmp_path) as found:
        yield found


def test_the_bar_moves_while_a_file_is_read_and_goes_when_it_is_judged(
    back: Background, tmp_path: Path, open_page: Open
) -> None:
    world, flag = back.world, tmp_path / "held"
    job = world.job("shop")
    site = world.site()
    site.put("shop.sql.gz", LARGE)
    site.report(at(11, 50), {"shop": section(LARGE, "shop.sql.gz")})
    scan_in_background(world.settings, at(12))
    page = open_page("/")
    page.evaluate("window.still = 'here'")
    expect(page.locator("#progress")).to_be_hidden()
    back.worker(VERIFY, points=f"measure.chunk=pause:{flag}")
    until(flag.exists, "the worker is held in the middle of the file")
    refresh(page)
    bar = page.locator("#progress progress")
    expect(bar).to_be_visible()
    expect(page.locator("#progress")).to_contain_text("of 3.1\N{NO-BREAK SPACE}MB")
    assert 0 < int(bar.get_attribute("value") or 0) < len(LARGE)
    expect(page.locator(f"#job-{job}")).to_contain_text("Being verified")
    flag.unlink()
    # Without anybody asking: the bar asks by itself until there is none.
    expect(page.locator("#progress")).to_be_hidden()
    refresh(page)
    status = page.locator(f"#job-{job} [data-status]").first
    expect(status).to_have_attribute("data-status", "SUCCESS")
    assert page.evaluate("window.still") == "here"
