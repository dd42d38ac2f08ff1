"""Faults of reports in the reader's words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask_babel import force_locale

from backupmon.core.faults import Fault
from backupmon.core.report import parse_report
from backupmon.language.faults import say_fault

NOW = datetime(2031, 3, 3, tzinfo=UTC)


@pytest.fixture
def french(app: Flask) -> Iterator[None]:
    with app.test_request_context(), force_locale("fr"):
        yield


def told(text: str) -> list[str]:
    report = parse_report(text.encode(), agents=frozenset(), landed_at=NOW, now=NOW)
    return [f"{fault.path} {say_fault(fault)}".strip() for fault in report.all_faults()]


@pytest.mark.usefixtures("french")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "est vide"),
        ("[1]", "contient une liste\xa0; il faut un objet {…}"),
        ('{"a', "n’est pas du JSON (Unterminated string starting at, ligne 1, colonne 2)"),
        ("{}", "operation_end_time manque (operation_timestamp aussi)\xa0; il faut une date"),
        ('{"agent_id": "a list"}', "databases manque\xa0; il faut un objet, avec une section"),
        ('{"agent_id": 5}', "agent_id vaut 5\xa0; il faut l’identifiant de l’agent"),
        ('{"databases": []}', "databases vaut une liste\xa0; il faut un objet"),
        (
            '{"operation_end_time": "2031-03-03T05:03:04Z"}',
            "est en avance de 5\xa0h\xa03\xa0min\xa0: ",
        ),
        ('{"operation_end_time": "x"}', 'ISO 8601, comme 2025-06-12T12:56:06Z\xa0; on y lit "x"'),
        ('{"databases": {"a list": "a list"}}', 'databases.a list vaut "a list"\xa0; il faut un'),
    ],
)
def test_faults_are_said_in_french(text: str, words: str) -> None:
    said = told(text)
    assert any(words in line for line in said), said


@pytest.mark.usefixtures("french")
def test_a_fault_of_an_older_version_stays_readable() -> None:
    kept = Fault.from_dict({"path": "databases", "problem": "is missing; 100 % required"})
    assert say_fault(kept) == "is missing; 100 % required"


def test_english_says_what_was_kept(app: Flask) -> None:
    with app.test_request_context(), force_locale("en"):
        assert told("") == ["is empty"]
