"""The verdict on a cycle of which no report says a word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from backupmon.core.findings import Level
from backupmon.core.overdue import Instead, InvalidReport, judge_overdue
from backupmon.core.schedule import Cycle
from backupmon.core.statuses import Status

DUE = datetime(2025, 6, 12, 2, 0, tzinfo=UTC)
CYCLE = Cycle(due=DUE, opens=DUE - timedelta(minutes=30), deadline=DUE + timedelta(minutes=30))
FAULTS = (
    ("", "is not JSON (Expecting value, line 1, column 9)"),
    ("agent_id", "is missing; the agent's id is required"),
    ("databases", "is 3; an object, with a section for each database is required"),
    ("operation_end_time", "is missing"),
)


def invalid(count: int, name: str = "STATUS.json", minute: int = 5) -> InvalidReport:
    return InvalidReport(name, DUE + timedelta(minutes=minute), FAULTS[:count])


def test_silence_is_missing_and_names_the_database_and_the_cycle() -> None:
    judged = judge_overdue("shop", CYCLE, Instead())
    assert judged.status is Status.MISSING
    assert [f.code for f in judged.findings] == ["cycle.missing"]
    assert judged.message == (
        "No report names shop for the cycle due 2025-06-12 02:00 UTC. "
        "See whether the agent ran, and whether it can send."
    )
    assert judged.findings[0].expected == (
        "a report between 2025-06-12 01:30 UTC and 2025-06-12 02:30 UTC"
    )
    assert not judged.late


def test_a_report_that_nobody_could_read_makes_it_failed() -> None:
    judged = judge_overdue("shop", CYCLE, Instead(invalid=[invalid(1)]))
    assert judged.status is Status.FAILED
    assert [(f.code, f.level) for f in judged.findings] == [("report.invalid", Level.BAD)]
    assert judged.message == (
        "The agent's report STATUS.json of 2025-06-12 02:05 UTC cannot be used: it is not JSON "
        "(Expecting value, line 1, column 9). Mend the agent's script."
    )


def test_of_several_unreadable_reports_the_newest_gives_the_message() -> None:
    instead = Instead(invalid=[invalid(1, "first.json", 1), invalid(2, "second.json", 9)])
    judged = judge_overdue("shop", CYCLE, instead)
    assert len(judged.findings) == 2
    assert "second.json" in judged.message
    assert "agent_id is missing" in judged.message


@pytest.mark.parametrize(
    ("count", "words"),
    [
        pytest.param(0, "cannot be used: it is no report. Mend", id="none told"),
        pytest.param(3, "a section for each database is required. Mend", id="three"),
        pytest.param(4, "required; and 1 more. Mend", id="four"),
    ],
)
def test_the_first_faults_are_told_and_the_others_counted(count: int, words: str) -> None:
    assert words in judge_overdue("shop", CYCLE, Instead(invalid=[invalid(count)])).message


def test_an_unreadable_report_tells_more_than_one_that_came_too_early() -> None:
    instead = Instead(invalid=[invalid(1)], early_end=CYCLE.opens - timedelta(minutes=3))
    assert judge_overdue("shop", CYCLE, instead).status is Status.FAILED


def test_a_report_that_came_too_early_is_told_of() -> None:
    instead = Instead(early_end=CYCLE.opens - timedelta(minutes=3))
    judged = judge_overdue("shop", CYCLE, instead)
    assert judged.status is Status.MISSING
    assert [(f.code, f.level) for f in judged.findings[1:]] == [("report.early", Level.WARNING)]
    assert "came 3 min before the window opened" in judged.message
    assert "No report names shop" in judged.message


@pytest.mark.parametrize(
    ("named", "words", "observed"),
    [
        pytest.param(["till"], "but does not name shop", "till", id="another"),
        pytest.param([], "but does not name shop", "no database", id="none"),
        pytest.param(["till", "SHOP"], "names SHOP, spelt otherwise", "till, SHOP", id="capitals"),
        pytest.param(
            ["shop"], "names shop, but was not counted", "shop", id="before the job was there"
        ),
        pytest.param(["SHOP", "shop"], "was not counted", "SHOP, shop", id="in both spellings"),
        pytest.param(
            [f"d{n}" for n in range(9)], "does not name shop", "d0, d1, d2, d3, d4", id="many"
        ),
        pytest.param(["a\nb\x1b"], "does not name shop", "a b\ufffd", id="odd characters"),
    ],
)
def test_what_the_agent_did_report_is_told(named: list[str], words: str, observed: str) -> None:
    instead = Instead(other_databases=named, agent_reported_at=DUE + timedelta(minutes=4))
    judged = judge_overdue("shop", CYCLE, instead)
    assert judged.status is Status.MISSING
    assert words in judged.message
    assert "2025-06-12 02:04 UTC" in judged.message
    assert (judged.findings[1].code, judged.findings[1].observed) == (
        "report.other_databases",
        observed,
    )


def test_all_that_there_was_stands_in_the_findings() -> None:
    instead = Instead(
        unreadable_at=DUE,
        early_end=CYCLE.opens - timedelta(minutes=3),
        other_databases=["till"],
        agent_reported_at=DUE,
    )
    judged = judge_overdue("shop", CYCLE, instead)
    assert [f.code for f in judged.findings] == [
        "cycle.missing",
        "report.readable",
        "report.early",
        "report.other_databases",
    ]
    assert "the server may not read it" in judged.message
