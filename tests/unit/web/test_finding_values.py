"""Both sides of a finding are shown as what they are: hashes, sizes, times, words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask

from backupmon.core.findings import Finding, bad
from backupmon.web.finding_values import Shown, expected, observed

SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def finding(code: str, wanted: object, seen: object) -> Finding:
    return bad(code, "It is bad.", wanted, seen)


def test_a_size_is_a_number_of_bytes() -> None:
    found = finding("file.size", 374_400, "none")
    assert expected(found) == Shown("size", 374_400)


def test_a_hash_is_known_also_where_it_must_be_another() -> None:
    found = finding("content.unchanged", f"other than {SHA256}", SHA256)
    assert expected(found) == Shown("hash", SHA256, "other than")
    assert observed(found) == Shown("hash", SHA256)


def test_a_time_is_a_time_and_a_deadline_says_so() -> None:
    found = finding("cycle.late", "by 2031-03-03 12:30 UTC", "2031-03-03 12:41 UTC")
    assert expected(found) == Shown("time", datetime(2031, 3, 3, 12, 30, tzinfo=UTC), "by")
    assert observed(found) == Shown("time", datetime(2031, 3, 3, 12, 41, tzinfo=UTC))


@pytest.mark.usefixtures("app")
def test_words_of_the_rules_are_said_in_the_readers_language(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "fr"}):
        assert expected(finding("agent.backup", "true", "false")) == Shown("word", "oui")


@pytest.mark.parametrize("name", ["true", "none", SHA256[:10], "2031-03-03 12:41 UTC?", "12"])
def test_what_an_agent_names_is_a_name(name: str) -> None:
    assert observed(finding("file.present", name, name)) == Shown("text", name)


@pytest.mark.parametrize("text", ["by 2031-99-03 12:30 UTC", "9" * 70, "<b>", ""])
def test_what_is_nothing_of_that_is_text(text: str) -> None:
    assert observed(finding("report.early", "x", text)) == Shown("text", text)


def test_a_side_that_is_not_there_is_nothing() -> None:
    assert expected(finding("cycle.missing", None, "none")) == Shown("nothing")
