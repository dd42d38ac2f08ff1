"""Whose fault it is: every finding that spoils a backup leads to a suspect and a next step."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import backupmon.core
from backupmon.core.culprit import RULES, Culprit, Diagnosis, diagnose
from backupmon.core.file_findings import Section, file_findings, section_findings
from backupmon.core.findings import Finding, bad, good, warning
from backupmon.core.job_spec import ContentPolicy
from backupmon.core.measurement import Measurement, Presence
from backupmon.core.overdue import Instead, InvalidReport, judge_overdue
from backupmon.core.phrases import ByteCount
from backupmon.core.schedule import Cycle
from backupmon.core.verdict import History, Success, judge

NOON = datetime(2031, 3, 3, 12, tzinfo=UTC)
CYCLE = Cycle(NOON, NOON - timedelta(minutes=30), NOON + timedelta(minutes=30))
A, B = "a" * 64, "b" * 64
SECTION = Section(
    NOON, staged_file_name="shop.gz", compress_sha256=A, compress_size=20_000_000, backup_sha256=B
)
WHOLE = Measurement(Presence.FILE, size=20_000_000, sha256=A)
AGENT, LINE, SERVER, SCHEDULE = Culprit.AGENT, Culprit.LINE, Culprit.SERVER, Culprit.SCHEDULE


def of(findings: list[Finding] | tuple[Finding, ...]) -> Diagnosis:
    found = diagnose(findings)
    assert found is not None
    return found


def said(diagnosis: Diagnosis) -> str:
    """Cause and next step in English, amounts as they are."""
    parts = (diagnosis.cause, diagnosis.next_step)
    return " ".join(part.text % dict(part.values) for part in parts)


@pytest.mark.parametrize(
    ("changes", "suspects", "words"),
    [
        ({"backup_ok": False}, (AGENT,), "could not dump the database"),
        ({"backup_ok": None}, (AGENT,), "does not say whether its step BACKUP went well"),
        ({"compress_ok": False}, (AGENT,), "could not compress"),
        ({"transfer_ok": False}, (LINE,), "could not send the file"),
        ({"transfer_ok": None}, (AGENT,), "step TRANSFER"),
        ({"faults": (("databases.shop", "is 3"),)}, (AGENT,), "databases.shop is 3"),
    ],
)
def test_what_the_agent_itself_says(
    changes: dict[str, object], suspects: tuple[Culprit, ...], words: str
) -> None:
    found = of(section_findings(replace(SECTION, **changes)))  # type: ignore[arg-type]
    assert found.suspects == suspects
    assert words in said(found)


@pytest.mark.parametrize(
    ("measurement", "suspects", "words"),
    [
        (Measurement(Presence.ABSENT), (LINE, AGENT), "it never arrived"),
        (Measurement(Presence.NOT_A_FILE, detail="a folder"), (AGENT,), "a folder"),
        (Measurement(Presence.LINKED), (AGENT,), "reached through a link"),
        (Measurement(Presence.UNREADABLE), (AGENT, SERVER), "may not read it"),
        (replace(WHOLE, size=17_900_000, sha256=None), (LINE,), "the transfer was cut"),
        (replace(WHOLE, size=20_100_000, sha256=None), (AGENT,), "changed after that"),
        (replace(WHOLE, sha256=B), (LINE,), "damaged on the way"),
        (replace(WHOLE, sha256=None), (AGENT,), "still being written to"),
    ],
)
def test_what_the_server_measured(
    measurement: Measurement, suspects: tuple[Culprit, ...], words: str
) -> None:
    found = of(file_findings(SECTION, measurement))
    assert found.suspects == suspects
    assert words in said(found)


def test_sizes_stay_amounts_until_somebody_says_them() -> None:
    short = Measurement(Presence.FILE, size=17_900_000)
    values = dict(of(file_findings(SECTION, short)).cause.values)
    assert values == {"off": 2_100_000, "observed": 17_900_000, "expected": 20_000_000}
    assert all(isinstance(value, ByteCount) for value in values.values())


def test_without_a_checksum_it_is_the_agent() -> None:
    found = of(file_findings(replace(SECTION, compress_sha256=None), WHOLE))
    assert (found.code, found.suspects) == ("report.checksum", (AGENT,))


@pytest.mark.parametrize(
    ("instead", "suspects", "words"),
    [
        (Instead(), (AGENT, LINE), "No word came from the agent"),
        (
            Instead(early_end=NOON - timedelta(minutes=40)),
            (SCHEDULE,),
            "too early to count",
        ),
        (
            Instead(other_databases=["SHOP", "crm"], agent_reported_at=NOON),
            (SCHEDULE,),
            "The agent calls the database SHOP, the job calls it shop.",
        ),
        (
            Instead(other_databases=["shop"], agent_reported_at=NOON),
            (SCHEDULE,),
            "the job did not expect it",
        ),
        (
            Instead(other_databases=["crm"], agent_reported_at=NOON),
            (AGENT,),
            "The agent did report, but not on shop.",
        ),
        (
            Instead(other_databases=[], agent_reported_at=NOON),
            (AGENT,),
            "The agent did report, but not on shop.",
        ),
        (
            Instead(invalid=[InvalidReport("STATUS.json", NOON, (("agent_id", "is absent"),))]),
            (AGENT,),
            "agent_id is absent",
        ),
        (
            Instead(
                invalid=[
                    InvalidReport(
                        "STATUS.json",
                        NOON,
                        (("operation_end_time", "is 3 d in the future: set the agent's clock"),),
                    )
                ]
            ),
            (AGENT,),
            "The clock of the agent's machine is wrong",
        ),
    ],
)
def test_what_there_was_when_nothing_came(
    instead: Instead, suspects: tuple[Culprit, ...], words: str
) -> None:
    found = of(judge_overdue("shop", CYCLE, instead).findings)
    assert found.suspects == suspects
    assert words in said(found)


def test_a_backup_that_came_too_early_is_told_with_both_times() -> None:
    came = NOON - timedelta(minutes=40)
    found = of(judge_overdue("shop", CYCLE, Instead(early_end=came)).findings)
    assert dict(found.cause.values) == {"came": came, "opens": CYCLE.opens}


@pytest.mark.parametrize(
    ("policy", "before", "suspects"),
    [
        (ContentPolicy.MUST_CHANGE, A, (AGENT, SCHEDULE)),
        (ContentPolicy.MUST_NOT_CHANGE, B, (AGENT,)),
    ],
)
def test_content_that_is_not_as_it_must_be(
    policy: ContentPolicy, before: str, suspects: tuple[Culprit, ...]
) -> None:
    history = History(Success(NOON - timedelta(days=1), before, 20_000_000))
    section = replace(SECTION, backup_sha256=None)
    found = of(judge(policy, CYCLE, section, WHOLE, history).findings)
    assert found.suspects == suspects


def test_a_success_that_shrank_is_worth_a_look() -> None:
    history = History(Success(NOON - timedelta(days=1), B, 90_000_000))
    found = of(judge(ContentPolicy.MAY_CHANGE, CYCLE, SECTION, WHOLE, history).findings)
    assert (found.code, found.suspects) == ("content.shrunk", (AGENT,))


def test_where_all_is_well_there_is_no_culprit() -> None:
    verdict = judge(ContentPolicy.MAY_CHANGE, CYCLE, SECTION, WHOLE, History())
    assert diagnose(verdict.findings) is None
    assert diagnose([]) is None


def test_an_oddity_of_the_report_accuses_nobody() -> None:
    assert diagnose([warning("report.empty", "names no database"), good("file.size", "")]) is None


def test_what_is_bad_goes_before_what_is_odd() -> None:
    found = of([warning("content.shrunk", "smaller"), bad("file.sha256", "other", A, B)])
    assert found.code == "file.sha256"


def test_a_finding_that_nobody_foresaw_is_told_in_its_own_words() -> None:
    found = of([bad("future.code", "The moon was in the way: 100%.")])
    assert found.suspects == ()
    assert "The moon was in the way: 100%." in said(found)


def test_sizes_that_are_no_numbers_are_told_without_them() -> None:
    found = of([bad("file.size", "The size could not be measured.", 1, "none")])
    assert found.suspects == (LINE,)


def test_times_that_are_no_times_are_told_as_they_are() -> None:
    early = warning("report.early", "early", "from whenever", "once")
    assert "came at once" in said(of([bad("cycle.missing", "missing"), early]))


def test_a_report_without_rights_is_the_agents_to_mend() -> None:
    locked = warning("report.readable", "locked", None, "2031-03-03 12:01 UTC")
    found = of([bad("cycle.missing", "missing"), locked])
    assert found.suspects == (AGENT,)
    assert "may not read it" in said(found)


def test_every_code_that_the_rules_call_bad_has_a_diagnosis() -> None:
    folder = Path(backupmon.core.__file__).parent
    source = "".join(p.read_text() for p in folder.glob("*.py") if p.name != "culprit.py")
    codes = set(re.findall(r'\bbad\(\s*"([a-z0-9_.]+)"', source))
    assert len(codes) > 8
    assert codes <= RULES.keys()
