"""Importing jobs in the browser, with scripts and without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from backupmon.services.jobs import list_jobs
from tests.integration.conftest import World

Open = Callable[..., Page]
ROWS = (
    "company_name;city;database_name;agent_id_responsible;schedule\r\n"
    "Acme;Yaoundé;shop;acme;0 12 * * *\r\n"
)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_file_is_mended_in_the_page_and_imported(
    world: World, open_page: Open, tmp_path: Path, scripts: bool
) -> None:
    (tmp_path / "jobs.csv").write_bytes(ROWS.replace("0 12", "0 99").encode("cp1252"))
    page = open_page("/", java_script_enabled=scripts)
    page.get_by_role("link", name="Import many").click()
    page.get_by_label("CSV or JSON file").set_input_files(tmp_path / "jobs.csv")
    page.get_by_role("button", name="Preview the file").click()
    expect(page.locator("#preview")).to_contain_text("cannot be read: bad hour")
    text = page.get_by_label("Rows, with the names")
    text.fill(text.input_value().replace("0 99", "0 9"))
    page.get_by_role("button", name="Preview the text").click()
    expect(page.locator("#preview")).to_contain_text("1 job to add")
    expect(page.locator("#preview")).to_contain_text("Yaoundé")
    page.get_by_role("button", name="Import this job").click()
    expect(page.locator("#notices")).to_contain_text("Jobs added: 1")
    assert [job.city for job in list_jobs()] == ["Yaoundé"]


def test_a_file_that_is_too_large_is_told_before_it_is_sent(
    world: World, open_page: Open, tmp_path: Path
) -> None:
    large = tmp_path / "jobs.csv"
    with large.open("wb") as file:
        file.truncate(10 * 2**20 + 1)
    page = open_page("/jobs/import")
    field = page.get_by_label("CSV or JSON file")
    field.set_input_files(large)
    told = "The file is larger than 10 MB"
    assert told in str(field.evaluate("(input) => input.validationMessage"))
    page.get_by_role("button", name="Preview the file").click()
    expect(page).to_have_url("/jobs/import")
    expect(page.locator("#preview")).to_have_count(0)
