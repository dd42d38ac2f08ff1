"""The pages that follow from the code are those that the code makes now."""

from __future__ import annotations

import pytest

from backupmon.config import PROJECT_ROOT, Settings
from docs.generate import DOCS, PAGES, commands, settings_page


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_as_it_would_be_made_now(name: str) -> None:
    made = PAGES[name]()
    assert (DOCS / name).read_text(encoding="utf-8") == made, "run make docs, and commit it"


def test_every_setting_is_told_of_once_whatever_is_set_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BACKUPMON_MAIL_PASSWORD", "hidden")
    page = settings_page()
    for name in Settings.model_fields:
        assert page.count(f"| `{name.upper()}` |") == 1
    assert "hidden" not in page
    assert str(PROJECT_ROOT) not in page


def test_every_command_says_what_it_does() -> None:
    for words, command in commands():
        assert command.help, words
