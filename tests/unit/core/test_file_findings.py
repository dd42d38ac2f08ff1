"""The checks on a section and its file: what each says, in words and in evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from backupmon.core.file_findings import Section, file_findings, section_findings
from backupmon.core.findings import Finding, Level
from backupmon.core.measurement import Measurement, Presence

A, B = "a" * 64, "b" * 64
SECTION = Section(
    report_end=datetime(2025, 6, 12, tzinfo=UTC),
    staged_file_name="shop.sql.gz",
    compress_sha256=A,
    compress_size=20_000_000,
)
WHOLE = Measurement(Presence.FILE, size=20_000_000, sha256=A)


def only_bad(found: list[Finding]) -> Finding:
    (finding,) = [f for f in found if f.level is Level.BAD]
    return finding


@pytest.mark.parametrize(
    ("changes", "claims"),
    [
        pytest.param({}, True, id="all three went well"),
        pytest.param({"backup_ok": False}, False, id="BACKUP failed"),
        pytest.param({"compress_ok": False}, False, id="COMPRESS failed"),
        pytest.param({"transfer_ok": False}, False, id="TRANSFER failed"),
        pytest.param({"transfer_ok": None}, False, id="TRANSFER not told"),
        pytest.param({"faults": (("databases.shop", "is 3"),)}, False, id="bad section"),
        pytest.param({"compress_sha256": None}, True, id="no checksum, but success is said"),
    ],
)
def test_an_agent_claims_success_when_it_says_so_three_times(
    changes: dict[str, Any], claims: bool
) -> None:
    assert replace(SECTION, **changes).claims_success is claims


@pytest.mark.parametrize("measurement", [WHOLE, Measurement(Presence.ABSENT)])
def test_a_section_that_claims_success_has_no_bad_finding_of_its_own(
    measurement: Measurement,
) -> None:
    assert {f.level for f in section_findings(SECTION)} == {Level.GOOD}
    assert len(section_findings(SECTION)) == 3


def test_a_fault_is_named_by_its_place_and_hides_what_follows_from_it() -> None:
    faults = (
        ("databases.shop.BACKUP", "is missing; an object that says status is required"),
        ("databases.shop.staged_file_name", "is 3; a file's name is required"),
    )
    found = section_findings(replace(SECTION, faults=faults, backup_ok=None, transfer_ok=False))
    assert [f.code for f in found] == ["report.section"] * 2
    assert found[0].message == (
        "In the report databases.shop.BACKUP is missing; an object that says status is required. "
        "Mend the agent's script."
    )
    assert found[1].observed == "databases.shop.staged_file_name is 3; a file's name is required"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(None, "TRANSFER failed. See", id="no words"),
        pytest.param(" \n", "TRANSFER failed. See", id="blank words"),
        pytest.param("timed out", "TRANSFER failed: timed out. See", id="words"),
        pytest.param("Timed out.", "TRANSFER failed: Timed out. See", id="a whole sentence"),
        pytest.param(
            "ssh: lost\r\nrsync: code 255", "failed: ssh: lost rsync: code 255. See", id="lines"
        ),
        pytest.param("\x1b[31mred", "failed: \ufffd[31mred. See", id="control characters"),
    ],
)
def test_what_the_agent_says_of_a_failed_transfer_is_told_in_one_line(
    words: str | None, said: str
) -> None:
    found = only_bad(section_findings(replace(SECTION, transfer_ok=False, transfer_error=words)))
    assert said in found.message
    assert (found.code, found.expected, found.observed) == ("agent.transfer", "true", "false")


def test_the_first_step_that_failed_bears_the_agents_words() -> None:
    told = replace(SECTION, backup_ok=False, transfer_ok=False, transfer_error="no such role")
    first, _, last = section_findings(told)
    assert "BACKUP failed. Its words: no such role. See" in first.message
    assert "TRANSFER failed: no such role. See" in last.message


def test_an_endless_story_of_the_agents_is_cut() -> None:
    section = replace(SECTION, transfer_ok=False, transfer_error="x" * 4000)
    assert len(only_bad(section_findings(section)).message) < 700


def test_the_words_on_the_transfer_are_not_told_of_another_step() -> None:
    section = replace(SECTION, backup_ok=False, transfer_error="timed out")
    assert "timed out" not in only_bad(section_findings(section)).message


def test_a_step_that_is_not_told_of_is_not_said_to_have_failed() -> None:
    found = only_bad(section_findings(replace(SECTION, compress_ok=None)))
    assert "does not say whether COMPRESS went well" in found.message
    assert found.observed == "none"


@pytest.mark.parametrize(
    ("presence", "detail", "code", "words", "observed"),
    [
        pytest.param(Presence.ABSENT, "", "file.absent", "is not there", "absent", id="absent"),
        pytest.param(
            Presence.NOT_A_FILE, "a pipe", "file.type", "is a pipe", "a pipe", id="a pipe"
        ),
        pytest.param(
            Presence.NOT_A_FILE,
            "",
            "file.type",
            "is no regular file",
            "not a regular file",
            id="something else",
        ),
        pytest.param(
            Presence.LINKED,
            "",
            "file.link",
            "Deliver the file itself",
            "reached through a link",
            id="a link",
        ),
        pytest.param(
            Presence.UNREADABLE,
            "",
            "file.readable",
            "may not read it",
            "not readable",
            id="unreadable",
        ),
    ],
)
def test_what_is_no_file_is_told_as_what_it_is(
    presence: Presence, detail: str, code: str, words: str, observed: str
) -> None:
    # A size and a hash beside it prove nothing.
    found = file_findings(SECTION, Measurement(presence, 20_000_000, A, detail))
    assert len(found) == 1
    assert (found[0].code, found[0].level, found[0].observed) == (code, Level.BAD, observed)
    assert "shop.sql.gz" in found[0].message
    assert words in found[0].message


def test_every_presence_but_a_file_has_its_words() -> None:
    for presence in set(Presence) - {Presence.FILE}:
        assert only_bad(file_findings(SECTION, Measurement(presence))).message


@pytest.mark.parametrize(
    ("size", "words"),
    [
        pytest.param(2_100_000, "is 17.9 MB smaller than what the agent says it sent", id="short"),
        pytest.param(20_000_001, "is 1 B larger than what the agent says it sent", id="long"),
        pytest.param(0, "(0 B, not 20.0 MB)", id="empty"),
    ],
)
def test_a_wrong_size_is_told_with_both_sizes(size: int, words: str) -> None:
    found = only_bad(file_findings(SECTION, Measurement(Presence.FILE, size)))
    assert words in found.message
    assert (found.expected, found.observed) == ("20000000", str(size))


@pytest.mark.parametrize("reported", [2**63 - 1, -(2**63)])
def test_a_size_that_no_file_can_have_is_never_the_right_one(reported: int) -> None:
    found = file_findings(replace(SECTION, compress_size=reported), WHOLE)
    assert only_bad(found).code == "file.size"


def test_a_wrong_hash_is_told_short_and_proven_whole() -> None:
    found = only_bad(file_findings(SECTION, replace(WHOLE, sha256=B)))
    assert "SHA-256 is bbbbbbbbbbbb…, not aaaaaaaaaaaa…" in found.message
    assert (found.expected, found.observed) == (A, B)


def test_a_missing_checksum_is_the_agents_to_mend() -> None:
    found = only_bad(file_findings(replace(SECTION, compress_sha256=None), WHOLE))
    assert found.code == "report.checksum"
    assert "sha256_checksum" in found.message


def test_a_file_that_is_never_let_go_of_is_not_good() -> None:
    found = only_bad(file_findings(SECTION, replace(WHOLE, sha256=None)))
    assert found.code == "file.changing"
    assert "still being written to" in found.message


def test_a_file_of_the_wrong_size_is_not_said_to_be_held_open() -> None:
    found = file_findings(SECTION, Measurement(Presence.FILE, 5))
    assert [f.code for f in found] == ["file.present", "file.size"]
