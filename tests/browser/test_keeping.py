"""Quarantine and the system's page in a browser: with and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import unfold_all
from tests.browser.test_everywhere import PHONE, paths, scrolls_sideways, violations
from tests.integration.conftest import World

__all__ = ["paths"]

Open = Callable[..., Page]


@pytest.mark.parametrize("scripted", [True, False])
def test_files_are_filtered_and_deleted_after_one_question(
    open_page: Open, world: World, paths: dict[str, str], scripted: bool
) -> None:
    page = open_page("/quarantine", java_script_enabled=scripted, viewport=PHONE)
    page.get_by_label("Reason").select_option("changed, though it must not")
    if not scripted:
        page.get_by_role("button", name="Show").click()
    expect(page.locator("#kept")).to_contain_text("No file fits this filter.")
    expect(page).to_have_url(re.compile("reason=HASH_MISMATCH"))
    page.get_by_role("link", name="Show all").click()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Delete what is ticked").click()
    expect(page.locator("h1")).to_have_text("Delete 1 file for ever?")
    assert not scrolls_sideways(page)
    if scripted:
        assert violations(page) == []
    page.get_by_label("Why, for the audit log").fill("sent again")
    page.get_by_role("button", name="Delete for ever").click()
    expect(page.locator("h1")).to_have_text("Quarantine")
    expect(page.locator("main")).to_contain_text("Nothing lies here.")
    page.goto(paths["kept"])
    expect(page.locator("main")).to_contain_text("operator deleted it just now")
    assert not list(world.settings.quarantine_root.glob("*/*.gz"))


@pytest.mark.parametrize("scripted", [True, False])
def test_the_doctor_is_asked_by_a_button(open_page: Open, world: World, scripted: bool) -> None:
    page = open_page("/system", java_script_enabled=scripted, viewport=PHONE, locale="fr-FR")
    page.get_by_role("button", name="Examiner le serveur").click()
    expect(page.locator(".found-by-doctor")).to_contain_text("à réparer")
    expect(page.get_by_role("button", name="Examiner de nouveau")).to_be_enabled()
    if scripted:
        unfold_all(page)
        assert violations(page) == []
    assert not scrolls_sideways(page)


def test_empty_pages_please_too(open_page: Open, world: World) -> None:
    for path in ("/quarantine", "/system/conditions", "/system/scans?page=9"):
        page = open_page(path, viewport=PHONE, color_scheme="dark")
        assert violations(page) == []
        assert not scrolls_sideways(page)
