"""The verdict: every row of the design's table, and which row wins where several apply."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backupmon.core.file_findings import Section
from backupmon.core.findings import Level, warning
from backupmon.core.job_spec import ContentPolicy
from backupmon.core.measurement import Measurement, Presence
from backupmon.core.schedule import Cycle
from backupmon.core.statuses import Status
from backupmon.core.verdict import History, Success, Verdict, is_late, judge, overtaken

DUE = datetime(2025, 6, 12, 2, 0, tzinfo=UTC)
CYCLE = Cycle(due=DUE, opens=DUE - timedelta(minutes=30), deadline=DUE + timedelta(minutes=30))
A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
DUMP, OTHER_DUMP = "1" * 64, "2" * 64

MUST_CHANGE = ContentPolicy.MUST_CHANGE
MUST_NOT_CHANGE = ContentPolicy.MUST_NOT_CHANGE
MAY_CHANGE = ContentPolicy.MAY_CHANGE

#: The report and the file of a night on which nothing is wrong.
GOOD = Section(
    report_end=DUE + timedelta(minutes=5),
    staged_file_name="shop.sql.gz",
    compress_sha256=A,
    compress_size=1000,
    backup_sha256=DUMP,
)
WHOLE = Measurement(Presence.FILE, size=1000, sha256=A)
YESTERDAY = Success(DUE - timedelta(days=1), sha256=B, size=1000, backup_sha256=OTHER_DUMP)
FAULT = (("databases.shop.COMPRESS.status", "is missing; true or false is required"),)


def verdict(
    section: Section = GOOD,
    measurement: Measurement | None = WHOLE,
    *,
    policy: ContentPolicy = MUST_CHANGE,
    baseline: Success | None = YESTERDAY,
    **history: bool,
) -> Verdict:
    """The verdict on a good night, but for what a test changes."""
    return judge(policy, CYCLE, section, measurement, History(baseline, **history))


def codes(judged: Verdict, level: Level | None = None) -> list[str]:
    """The codes of the findings, in their order."""
    return [f.code for f in judged.findings if level in (None, f.level)]


def test_a_file_that_is_byte_for_byte_the_one_reported_is_a_success() -> None:
    judged = verdict()
    assert judged.status is Status.SUCCESS
    assert judged.message == "The file arrived whole, byte for byte as the agent made it."
    assert {f.level for f in judged.findings} == {Level.GOOD}
    assert not judged.late


def test_a_success_names_every_check_that_it_follows_from() -> None:
    assert codes(verdict()) == [
        "agent.backup",
        "agent.compress",
        "agent.transfer",
        "file.present",
        "file.size",
        "file.sha256",
        "content.changed",
    ]


# --- FAILED --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "bad"),
    [
        pytest.param({"faults": FAULT}, ["report.section"], id="bad section"),
        pytest.param({"faults": FAULT * 2}, ["report.section"] * 2, id="two faults"),
        pytest.param({"backup_ok": False}, ["agent.backup"], id="BACKUP failed"),
        pytest.param({"compress_ok": False}, ["agent.compress"], id="COMPRESS failed"),
        pytest.param({"transfer_ok": False}, ["agent.transfer"], id="TRANSFER failed"),
        pytest.param({"transfer_ok": None}, ["agent.transfer"], id="TRANSFER not told"),
        pytest.param(
            {"backup_ok": False, "compress_ok": False, "transfer_ok": False},
            ["agent.backup", "agent.compress", "agent.transfer"],
            id="all failed",
        ),
        pytest.param(
            {"faults": FAULT, "backup_ok": False}, ["report.section"], id="bad section, and failed"
        ),
    ],
)
@pytest.mark.parametrize("measurement", [None, WHOLE], ids=["file not looked at", "file is right"])
def test_what_the_agent_says_of_a_failure_is_final(
    changes: dict[str, Any], bad: list[str], measurement: Measurement | None
) -> None:
    judged = verdict(replace(GOOD, **changes), measurement)
    assert judged.status is Status.FAILED
    assert codes(judged, Level.BAD) == bad
    assert judged.comparison is None


# --- TRANSFER_INTEGRITY_FAILED ---------------------------------------------------------------

ABSENT = Measurement(Presence.ABSENT)
SHORT = Measurement(Presence.FILE, size=400)
WRONG = Measurement(Presence.FILE, size=1000, sha256=B)
UNHASHED = Measurement(Presence.FILE, size=1000)


@pytest.mark.parametrize(
    ("changes", "measurement", "bad"),
    [
        pytest.param({}, ABSENT, ["file.absent"], id="absent"),
        pytest.param({}, Measurement(Presence.NOT_A_FILE), ["file.type"], id="no regular file"),
        pytest.param({}, Measurement(Presence.LINKED), ["file.link"], id="through a link"),
        pytest.param({}, Measurement(Presence.UNREADABLE), ["file.readable"], id="unreadable"),
        pytest.param({}, SHORT, ["file.size"], id="short, so never hashed"),
        pytest.param({}, replace(SHORT, size=1001), ["file.size"], id="one byte too long"),
        pytest.param({}, replace(SHORT, size=0), ["file.size"], id="empty"),
        pytest.param({}, replace(SHORT, size=None), ["file.size"], id="size not measured"),
        pytest.param({}, replace(WHOLE, size=999), ["file.size"], id="size wrong, hash right"),
        pytest.param({}, WRONG, ["file.sha256"], id="another SHA-256"),
        pytest.param({}, UNHASHED, ["file.changing"], id="never hashed"),
        pytest.param(
            {"compress_size": None}, UNHASHED, ["file.changing"], id="never hashed, no size"
        ),
        pytest.param({"compress_sha256": None}, WHOLE, ["report.checksum"], id="no checksum"),
        pytest.param(
            {"compress_sha256": None}, UNHASHED, ["report.checksum"], id="no checksum, not hashed"
        ),
        pytest.param(
            {"compress_sha256": None},
            SHORT,
            ["file.size", "report.checksum"],
            id="no checksum, and short",
        ),
        pytest.param({"compress_sha256": None}, ABSENT, ["file.absent"], id="no checksum, absent"),
        pytest.param(
            {"compress_size": 0}, replace(SHORT, size=None), ["file.size"], id="no size is not 0"
        ),
    ],
)
def test_a_file_that_is_not_the_one_reported_is_a_transfer_failure(
    changes: dict[str, Any], measurement: Measurement, bad: list[str]
) -> None:
    judged = verdict(replace(GOOD, **changes), measurement)
    assert judged.status is Status.TRANSFER_INTEGRITY_FAILED
    assert codes(judged, Level.BAD) == bad
    assert judged.comparison is None
    assert judged.baseline_sha256 is None


def test_without_a_reported_size_the_checksum_alone_proves_the_file() -> None:
    judged = verdict(replace(GOOD, compress_size=None))
    assert judged.status is Status.SUCCESS
    assert "file.size" not in codes(judged)


@pytest.mark.parametrize("claims", [GOOD, replace(GOOD, compress_sha256=None)])
def test_a_report_of_success_is_never_judged_unseen(claims: Section) -> None:
    with pytest.raises(ValueError, match="without a measurement"):
        verdict(claims, None)


# --- HASH_MISMATCH ---------------------------------------------------------------------------

SAME_FILE = replace(YESTERDAY, sha256=A)
SAME_DUMP = replace(YESTERDAY, backup_sha256=DUMP)
NO_DUMP = replace(YESTERDAY, backup_sha256=None)


@pytest.mark.parametrize(
    ("baseline", "same"),
    [
        pytest.param(SAME_FILE, True, id="the same staged file"),
        pytest.param(replace(SAME_FILE, backup_sha256=DUMP), True, id="the same in both"),
        pytest.param(SAME_DUMP, True, id="the same dump, packed again"),
        pytest.param(YESTERDAY, False, id="another"),
        pytest.param(NO_DUMP, False, id="another, dump not told then"),
    ],
)
@pytest.mark.parametrize("policy", list(ContentPolicy))
def test_content_is_held_against_the_policy(
    policy: ContentPolicy, baseline: Success, same: bool
) -> None:
    judged = verdict(policy=policy, baseline=baseline)
    broken = (policy is MUST_CHANGE and same) or (policy is MUST_NOT_CHANGE and not same)
    assert judged.status is (Status.HASH_MISMATCH if broken else Status.SUCCESS)
    assert judged.comparison == ("unchanged" if same else "changed")
    assert judged.baseline_sha256 == baseline.sha256
    assert codes(judged)[-1] == f"content.{judged.comparison}"
    assert judged.findings[-1].level is (Level.BAD if broken else Level.GOOD)


@pytest.mark.parametrize("baseline", [NO_DUMP, YESTERDAY], ids=["not told then", "told then"])
def test_two_dumps_without_a_checksum_are_not_the_same(baseline: Success) -> None:
    judged = verdict(replace(GOOD, backup_sha256=None), baseline=baseline)
    assert judged.status is Status.SUCCESS
    assert judged.comparison == "changed"


@pytest.mark.parametrize("policy", list(ContentPolicy))
def test_a_first_copy_breaks_no_policy(policy: ContentPolicy) -> None:
    judged = verdict(policy=policy, baseline=None)
    assert judged.status is Status.SUCCESS
    assert judged.comparison == "first"
    assert judged.baseline_sha256 is None
    assert codes(judged)[-1] == "content.first"


@pytest.mark.parametrize(
    ("baseline", "expected", "observed"),
    [
        pytest.param(SAME_FILE, f"other than {A}", A, id="same file"),
        pytest.param(SAME_DUMP, f"other than {DUMP}", DUMP, id="same dump, other file"),
    ],
)
def test_what_is_the_same_is_shown_as_the_same(
    baseline: Success, expected: str, observed: str
) -> None:
    finding = verdict(baseline=baseline).findings[-1]
    assert (finding.expected, finding.observed) == (expected, observed)


def test_what_differs_is_shown_as_both() -> None:
    finding = verdict(policy=MUST_NOT_CHANGE).findings[-1]
    assert (finding.expected, finding.observed) == (B, A)


# --- which row wins --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "measurement", "status"),
    [
        pytest.param(replace(GOOD, faults=FAULT), ABSENT, Status.FAILED, id="section before file"),
        pytest.param(replace(GOOD, transfer_ok=False), WRONG, Status.FAILED, id="agent, file"),
        pytest.param(replace(GOOD, backup_ok=False), WHOLE, Status.FAILED, id="agent, content"),
        pytest.param(
            replace(GOOD, compress_sha256=None),
            WHOLE,
            Status.TRANSFER_INTEGRITY_FAILED,
            id="checksum before content",
        ),
        pytest.param(GOOD, SHORT, Status.TRANSFER_INTEGRITY_FAILED, id="file before content"),
        pytest.param(GOOD, WHOLE, Status.HASH_MISMATCH, id="content"),
    ],
)
def test_the_worst_finding_wins(section: Section, measurement: Measurement, status: Status) -> None:
    assert verdict(section, measurement, baseline=SAME_FILE).status is status


def test_the_message_is_the_first_bad_finding_and_counts_the_others() -> None:
    judged = verdict(replace(GOOD, backup_ok=False, compress_ok=False, transfer_ok=False), None)
    assert judged.message == (
        "The agent says that BACKUP failed. See the agent's own log, then run it again. "
        "(2 more findings)"
    )
    two = verdict(replace(GOOD, backup_ok=False, compress_ok=False), None)
    assert two.message.endswith("(1 more finding)")


# --- what is odd, but spoils nothing ---------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "before", "shrunk"),
    [
        pytest.param(499, 1000, True, id="below half"),
        pytest.param(500, 1000, False, id="half"),
        pytest.param(1, 3, True, id="hardly anything left"),
        pytest.param(5000, 1000, False, id="grown"),
    ],
)
def test_a_copy_below_half_of_the_last_one_is_a_warning(
    size: int, before: int, shrunk: bool
) -> None:
    section = replace(GOOD, compress_size=size)
    judged = verdict(section, replace(WHOLE, size=size), baseline=replace(YESTERDAY, size=before))
    assert judged.status is Status.SUCCESS
    assert codes(judged, Level.WARNING) == (["content.shrunk"] if shrunk else [])
    assert ("less than half" in judged.message) is shrunk


@pytest.mark.parametrize(
    ("before", "told"),
    [
        pytest.param(1, ["content.empty", "content.shrunk"], id="something before"),
        pytest.param(0, ["content.empty"], id="nothing before either"),
    ],
)
def test_an_empty_file_is_told_of_as_such(before: int, told: list[str]) -> None:
    section = replace(GOOD, compress_size=0)
    judged = verdict(section, replace(WHOLE, size=0), baseline=replace(YESTERDAY, size=before))
    assert judged.status is Status.SUCCESS
    assert codes(judged, Level.WARNING) == told


def test_a_shrunk_copy_is_told_of_beside_a_broken_policy() -> None:
    section = replace(GOOD, compress_size=10)
    judged = verdict(section, replace(WHOLE, size=10), policy=MUST_NOT_CHANGE)
    assert judged.status is Status.HASH_MISMATCH
    assert codes(judged, Level.WARNING) == ["content.shrunk"]


def test_what_is_odd_in_a_report_stays_with_its_verdict() -> None:
    oddity = warning("time.naive", "operation_end_time has no offset")
    judged = verdict(replace(GOOD, oddities=(oddity,)))
    assert judged.status is Status.SUCCESS
    assert judged.findings[0] == oddity
    assert judged.message.endswith(oddity.message)
    assert oddity in verdict(replace(GOOD, oddities=(oddity,), backup_ok=False), None).findings


@pytest.mark.parametrize(
    ("after_deadline", "given_up", "late", "words"),
    [
        pytest.param(timedelta(0), False, False, "", id="at the deadline"),
        pytest.param(timedelta(minutes=90), False, True, "1 h 30 min late", id="ended after it"),
        pytest.param(
            timedelta(microseconds=1), False, True, "less than 1 s late", id="a moment after it"
        ),
        pytest.param(timedelta(minutes=-5), True, True, "made in time", id="arrived after it"),
        pytest.param(timedelta(hours=26), True, True, "1 d 2 h late", id="both"),
    ],
)
def test_a_late_report_is_judged_and_marked(
    after_deadline: timedelta, given_up: bool, late: bool, words: str
) -> None:
    section = replace(GOOD, report_end=CYCLE.deadline + after_deadline)
    judged = verdict(section, cycle_was_given_up=given_up)
    assert judged.status is Status.SUCCESS
    assert judged.late is late
    assert is_late(CYCLE, section.report_end, History(cycle_was_given_up=given_up)) is late
    assert codes(judged, Level.WARNING) == (["cycle.late"] if late else [])
    assert words in judged.message


@pytest.mark.parametrize(
    ("section", "measurement"),
    [(replace(GOOD, backup_ok=False), None), (GOOD, SHORT)],
    ids=["FAILED", "TRANSFER_INTEGRITY_FAILED"],
)
def test_a_bad_report_is_marked_late_too(section: Section, measurement: Measurement | None) -> None:
    judged = verdict(section, measurement, cycle_was_given_up=True)
    assert judged.late
    assert "cycle.late" in codes(judged, Level.WARNING)
    assert "late" not in judged.message


@pytest.mark.parametrize(
    ("section", "measurement", "baseline"),
    [
        pytest.param(replace(GOOD, backup_ok=False), None, YESTERDAY, id="FAILED"),
        pytest.param(GOOD, ABSENT, YESTERDAY, id="TRANSFER_INTEGRITY_FAILED"),
        pytest.param(GOOD, WHOLE, SAME_FILE, id="HASH_MISMATCH"),
    ],
)
def test_a_bad_run_after_a_good_one_says_that_the_cycle_stays_good(
    section: Section, measurement: Measurement | None, baseline: Success
) -> None:
    judged = verdict(section, measurement, baseline=baseline, cycle_is_good=True)
    assert judged.status is not Status.SUCCESS
    assert codes(judged)[-1] == "cycle.already_good"
    assert judged.findings[-1].level is Level.WARNING


def test_a_good_run_after_a_good_one_needs_no_words() -> None:
    assert "cycle.already_good" not in codes(verdict(cycle_is_good=True))


def test_an_overtaken_report_is_neither_good_nor_bad() -> None:
    judged = overtaken(DUE + timedelta(hours=1))
    assert judged.status is Status.UNKNOWN
    assert codes(judged) == codes(judged, Level.WARNING) == ["report.overtaken"]
    assert "Overtaken before it could be verified" in judged.message
    assert "2025-06-12 03:00 UTC" in judged.message


# --- whatever comes --------------------------------------------------------------------------

hashes = st.sampled_from([None, A, B, C, D])
sizes = st.sampled_from([None, 0, 1, 400, 1000, 2**63 - 1])
steps = st.sampled_from([True, True, True, False, None])
moments = st.integers(-200, 200).map(lambda m: DUE + timedelta(minutes=m))
sections = st.builds(
    Section,
    report_end=moments,
    faults=st.sampled_from([(), (), FAULT]),
    backup_ok=steps,
    compress_ok=steps,
    transfer_ok=steps,
    staged_file_name=st.sampled_from([None, "shop.sql.gz"]),
    compress_sha256=hashes,
    compress_size=sizes,
    backup_sha256=hashes,
    transfer_error=st.none() | st.text(),
    oddities=st.sampled_from([(), (warning("time.naive", "odd"),)]),
)
presences = st.sampled_from([Presence.FILE, Presence.FILE, Presence.FILE, *Presence])
measurements = st.builds(
    Measurement, presence=presences, size=sizes, sha256=hashes, detail=st.just("")
)
baselines = st.none() | st.builds(
    Success,
    cycle_due=moments,
    sha256=st.sampled_from([A, B, C]),
    size=st.integers(0, 2000),
    backup_sha256=hashes,
)
histories = st.builds(History, baselines, st.booleans(), st.booleans())
policies = st.sampled_from(ContentPolicy)


@given(policies, sections, measurements, histories)
def test_nothing_is_called_good_or_intact_that_was_not_proven(
    policy: ContentPolicy, section: Section, measurement: Measurement, history: History
) -> None:
    judged = judge(policy, CYCLE, section, measurement, history)
    if judged.status in (Status.SUCCESS, Status.HASH_MISMATCH):
        assert section.faults == ()
        assert (section.backup_ok, section.compress_ok, section.transfer_ok) == (True,) * 3
        assert measurement.presence is Presence.FILE
        assert measurement.sha256 is not None
        assert measurement.sha256 == section.compress_sha256
        assert section.compress_size in (None, measurement.size)


@given(policies, sections, measurements, histories)
def test_a_status_is_that_of_its_worst_finding(
    policy: ContentPolicy, section: Section, measurement: Measurement, history: History
) -> None:
    judged = judge(policy, CYCLE, section, measurement, history)
    bad = {code.partition(".")[0] for code in codes(judged, Level.BAD)}
    if "report.section" in codes(judged) or "agent" in bad:
        expected = Status.FAILED
    elif bad & {"file", "report"}:
        expected = Status.TRANSFER_INTEGRITY_FAILED
    else:
        expected = Status.HASH_MISMATCH if bad == {"content"} else Status.SUCCESS
    assert judged.status is expected
    assert (judged.status is Status.SUCCESS) == (not bad)


@given(policies, sections, measurements, histories)
def test_a_message_is_one_plain_line(
    policy: ContentPolicy, section: Section, measurement: Measurement, history: History
) -> None:
    judged = judge(policy, CYCLE, section, measurement, history)
    for words in (judged.message, *(f.message for f in judged.findings)):
        assert words
        assert words == " ".join(words.split())
        assert "None" not in words or "None" in (section.transfer_error or "")
