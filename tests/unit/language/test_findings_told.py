"""Findings and verdicts in the reader's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale

from backupmon.config import PROJECT_ROOT
from backupmon.core.culprit import Culprit
from backupmon.core.findings import bad, good, warning
from backupmon.language.findings import finding_title, say_culprits, say_finding, say_verdict

WHOLE = "The file arrived whole, byte for byte as the agent made it."


@pytest.fixture
def french(app: Flask) -> Iterator[None]:
    with app.test_request_context(), force_locale("fr"):
        yield


@pytest.fixture
def english(app: Flask) -> Iterator[None]:
    with app.test_request_context(), force_locale("en"):
        yield


def codes() -> set[str]:
    """Every code of a finding that a rule gives."""
    rules = (PROJECT_ROOT / "backupmon" / "core").glob("*.py")
    found = re.compile(r'\b(?:good|bad|warning)\(\s*"([a-z_]+\.[a-z_0-9]+)"')
    return {code for path in rules for code in found.findall(Path(path).read_text())}


@pytest.mark.usefixtures("english")
def test_in_english_what_was_kept_is_said() -> None:
    assert say_finding(bad("file.size", "Its own words.", 10, 9)) == "Its own words."
    assert say_verdict("FAILED", [bad("agent.backup", "It failed.")], "Kept.") == "Kept."


@pytest.mark.usefixtures("french")
def test_a_success_and_what_is_odd_about_it_are_said_anew() -> None:
    findings = [good("file.size", "The size is right."), warning("cycle.late", "It was late.")]
    told = say_verdict("SUCCESS", findings, f"{WHOLE} It was late.")
    assert told.startswith("Le fichier est arrivé entier")
    assert told.endswith("La sauvegarde est arrivée après l’échéance.")


@pytest.mark.usefixtures("french")
def test_further_bad_findings_are_counted() -> None:
    two = [bad("report.section", "a", None, "x"), bad("report.section", "b", None, "y")]
    assert say_verdict("FAILED", two, "a").endswith(" (et 1 autre constat)")


@pytest.mark.usefixtures("french")
def test_what_has_no_words_here_says_its_own() -> None:
    assert say_finding(warning("later.code", "A later version said this.")) == (
        "A later version said this."
    )


@pytest.mark.usefixtures("french")
def test_every_finding_of_the_rules_has_a_title() -> None:
    assert len(codes()) > 12
    for code in codes() | {"size.odd", "field.ambiguous"}:
        assert finding_title(code)
    assert finding_title("file.size") == "Taille"
    assert finding_title("checksum.malformed") == "Forme du rapport"


@pytest.mark.usefixtures("french")
def test_several_suspects_are_named_together() -> None:
    assert say_culprits([Culprit.AGENT, Culprit.LINE]) == "l’agent ou la ligne"
