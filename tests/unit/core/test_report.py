from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backupmon.core.report import MAX_REPORT_BYTES, Fault, Report, Section, parse_report

SAMPLES = Path(__file__).parents[2] / "samples"
LANDED = datetime(2025, 6, 12, 13, 11, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
HASH = "ab" * 32
TIME = "2025-06-12T13:10:00Z"


def section(**changes: Any) -> dict[str, Any]:
    body = {
        "BACKUP": {"status": True},
        "COMPRESS": {"status": True, "sha256_checksum": HASH, "size": 5},
        "TRANSFER": {"status": True},
        "staged_file_name": "shop.sql.gz",
    }
    return body | changes


def document(**changes: Any) -> dict[str, Any]:
    body = {"operation_end_time": TIME, "agent_id": "site", "databases": {"shop": section()}}
    return body | changes


def without(holder: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in holder.items() if name != key}


def read(source: object, **how: Any) -> Report:
    """Parse bytes, JSON text, or what is to be written as JSON."""
    text = source if isinstance(source, str | bytes) else json.dumps(source)
    data = text if isinstance(text, bytes) else text.encode()
    how = {"agents": frozenset(), "landed_at": LANDED, "now": LANDED} | how
    return parse_report(data, **how)


def shop(body: object, **how: Any) -> Section:
    report = read(document(databases={"shop": body}), **how)
    assert report.valid
    return report.sections[0]


def faults(subject: Report | Section) -> dict[str, str]:
    return {fault.path: fault.problem for fault in subject.faults}


def codes(subject: Report | Section) -> list[str]:
    return [oddity.code for oddity in subject.oddities]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_dialect_a_is_read_whole() -> None:
    report = read((SAMPLES / "dialect_a.json").read_bytes(), agents=frozenset({"acme_douala_port"}))
    assert report.valid
    assert (report.agent_id, report.overall_status) == ("acme_douala_port", "completed")
    assert (report.started_at, report.ended_at) == (
        at("2025-06-12T12:53:52Z"),
        at("2025-06-12T12:56:06Z"),
    )
    [only] = report.sections
    assert (only.database_name, only.raw_name) == ("ACME_DOUALA_PORT_2024",) * 2
    assert (only.backup.size, only.backup.sha256[:6]) == (188178944, "9f86d0")
    assert (only.compress.size, only.compress.sha256[-6:]) == (19972513, "11c752")
    assert only.compress.started_at == at("2025-06-12T12:55:15Z")
    assert only.compress.ended_at == at("2025-06-12T12:56:03Z")
    assert only.transfer.status is True
    assert (only.staged_file_name, only.transfer_error) == ("acme_douala_port_2024.sql.gz", None)
    assert (only.end, only.faults, only.oddities) == (report.ended_at, (), ())
    assert report.oddities == ()


def test_dialect_b_is_read_whole() -> None:
    report = read(
        (SAMPLES / "dialect_b.json").read_bytes(), agents=frozenset({"acme_yaounde_centre"})
    )
    assert report.valid
    assert (report.agent_id, report.overall_status) == ("ACME_YAOUNDE_CENTRE", "failed_globally")
    assert report.ended_at == at("2025-06-12T13:10:00Z")
    [only] = report.sections
    assert (only.backup.size, only.compress.size) == (1048676, 524288)
    assert only.backup.started_at == at("2025-06-12T13:05:00Z")
    assert only.compress.ended_at == at("2025-06-12T13:08:30Z")
    assert only.transfer.status is False
    assert only.transfer_error == "rsync: connection unexpectedly closed (12)"
    assert only.staged_file_name == "compta_db.sql.gz"
    assert only.logs_summary == "dump ok; gzip ok; rsync failed after 3 tries"
    assert (only.faults, only.oddities, report.oddities) == ((), (), ())


def test_the_dialects_may_mix_field_by_field() -> None:
    mixed = {
        "backup_process": {"status": True, "end_time": TIME, "size": 9},
        "COMPRESS": {
            "status": True,
            "compress_process_start_time": TIME,
            "timestamp": TIME,
            "sha256_checksum": HASH,
            "size_bytes": 7,
        },
        "transfer_process": {"status": True, "error_message": "slow"},
        "staged_file_name": "x.gz",
        "colour": "green",
    }
    told = shop(mixed)
    assert (told.backup.size, told.compress.size, told.transfer_error) == (9, 7, "slow")
    assert told.backup.ended_at == told.compress.started_at == told.compress.ended_at == at(TIME)
    assert (told.faults, told.oddities) == ((), ())


GOOD = json.dumps(document(agent_id="été"), ensure_ascii=False)


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"],
)
def test_every_unicode_encoding_is_read_with_or_without_its_mark(encoding: str) -> None:
    report = read(GOOD.encode(encoding))
    assert report.valid
    assert report.agent_id == "été"


def test_utf_16_with_the_mark_of_either_byte_order_is_read() -> None:
    assert read(b"\xff\xfe" + GOOD.encode("utf-16-le")).valid
    assert read(b"\xfe\xff" + GOOD.encode("utf-16-be")).valid


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \r\n\t ", "is blank"),
        (b"\xef\xbb\xbf", "is blank"),
        (b"\0" * 4096, "only NUL bytes"),
        (GOOD.encode("latin-1"), "not UTF-8 text (byte 60"),
        (b"\xef\xbb\xbf{\xff", "byte 4"),
        (GOOD.encode("utf-16") + b"x", "not UTF-16 text"),
        (b"\x1f\x8b\x08\x00" + bytes(range(256)), "save as UTF-8"),
        (GOOD.encode()[:-9], "cut off"),
        (b'{"agent_id": "si', "cut off"),
        (b'{"a": 1,\n "b" 2}', "line 2, column 6"),
        (b'{"a": "\x00"}', "control character"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
        (b"[]", "holds a list"),
        (b"null", "holds null"),
        (b'"report"', 'holds "report"'),
        (b"9" * 5_000, "holds 999999999999…"),
        (b"NaN", "holds nan"),
        (b"{" + b" " * (6 * 1024 * 1024) + b"}", "larger than 5 MiB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_no_report_is_named_as_what_it_is(data: bytes, words: str) -> None:
    report = read(data)
    assert not report.valid
    [fault] = report.faults
    assert fault.path == ""
    assert words in fault.problem
    assert (report.sections, report.ended_at, report.agent_id) == ((), None, None)


def test_a_report_of_exactly_five_mebibytes_is_read() -> None:
    padded = GOOD.encode().ljust(MAX_REPORT_BYTES)
    assert read(padded).valid
    assert not read(padded + b" ").valid


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"agent_id": None}, "agent_id", "is null"),
        ({"agent_id": ""}, "agent_id", 'is ""'),
        ({"agent_id": " \t"}, "agent_id", "is required"),
        ({"agent_id": 7}, "agent_id", "is 7"),
        ({"agent_id": ["site"]}, "agent_id", "is a list"),
        ({"agent_id": "rival"}, "agent_id", 'is "rival", but the folder is that of "site"'),
        ({"databases": None}, "databases", "is null"),
        ({"databases": [section()]}, "databases", "is a list"),
        ({"databases": {str(n): 0 for n in range(5_001)}}, "databases", "names 5001 databases"),
        ({"operation_end_time": None}, "operation_end_time", "is null"),
        ({"operation_end_time": 1749733566}, "operation_end_time", "is not a string"),
        ({"operation_end_time": "2025-06-12"}, "operation_end_time", "has no time of day"),
        ({"operation_end_time": "yesterday"}, "operation_end_time", "is not a time"),
        ({"operation_end_time": "2025-06-12T25:00:00Z"}, "operation_end_time", "is not a time"),
        ({"operation_end_time": "1970-01-01T00:04:00Z"}, "operation_end_time", "clock not set"),
        ({"operation_end_time": "0001-01-01T00:00:00"}, "operation_end_time", "clock not set"),
        ({"operation_end_time": "9999-12-31T23:59:59"}, "operation_end_time", "clock ahead"),
        ({"operation_end_time": "0001-01-01T00:00:00+14:00"}, "operation_end_time", "calendar"),
        ({"operation_end_time": "9999-12-31T23:59:59-12:00"}, "operation_end_time", "calendar"),
    ],
    ids=str,
)
def test_a_bad_global_field_makes_the_report_invalid(
    changes: dict[str, Any], path: str, words: str
) -> None:
    report = read(document(**changes), agents=frozenset({"site"}), zones=[PARIS])
    [fault] = report.faults
    assert fault.path == path
    assert words in fault.problem


@pytest.mark.parametrize("key", ["operation_end_time", "agent_id", "databases"])
def test_an_absent_global_field_is_named(key: str) -> None:
    report = read(without(document(), key))
    assert "is missing" in faults(report)[key]
    assert len(report.faults) == 1


def test_all_that_is_wrong_is_named_at_once() -> None:
    report = read({"databases": {"shop": without(section(), "COMPRESS"), "b": 5}})
    assert [fault.path for fault in report.all_faults()] == [
        "operation_end_time",
        "agent_id",
        "databases.shop.COMPRESS",
        "databases.b",
    ]
    assert report.sections[0].end == LANDED


def test_faults_beyond_two_hundred_are_counted() -> None:
    report = read(document(databases={str(n): 0 for n in range(305)}))
    listed = report.all_faults()
    assert len(listed) == 201
    assert listed[-1] == Fault("", "has 105 more faults, not listed")


def test_the_agents_id_is_compared_without_regard_to_case() -> None:
    assert read(document(agent_id=" SITE "), agents=frozenset({"site"})).valid
    assert read(document(agent_id="STRASSE"), agents=frozenset({"straße".casefold()})).valid


def test_a_report_without_databases_is_valid_and_odd() -> None:
    report = read(document(databases={}))
    assert report.valid
    assert codes(report) == ["report.empty"]


@pytest.mark.parametrize("value", [3, ["x"], {"a": 1}, True], ids=str)
def test_an_overall_status_of_the_wrong_type_is_only_odd(value: object) -> None:
    report = read(document(overall_status=value))
    assert report.valid
    assert codes(report) == ["overall_status.malformed"]


def test_a_malformed_start_is_only_odd() -> None:
    report = read(document(operation_start_time="soon"))
    assert report.valid
    assert report.started_at is None
    assert codes(report) == ["time.malformed"]


@pytest.mark.parametrize(
    ("minutes", "believed"), [(10, True), (10.1, False), (185, False)], ids=str
)
def test_an_end_more_than_ten_minutes_ahead_is_not_believed(minutes: float, believed: bool) -> None:
    ahead = LANDED + timedelta(minutes=minutes)
    report = read(document(operation_end_time=ahead.isoformat()))
    assert report.valid is believed
    assert report.ended_at == (ahead if believed else None)
    if minutes == 185:
        assert "3 h 5 min in the future: clock ahead" in report.faults[0].problem


def test_a_naive_end_is_read_in_the_zone_nearest_to_the_landing() -> None:
    douala = ZoneInfo("Africa/Douala")
    jobs = {"far": PARIS, "near": douala}
    naive = document(
        operation_end_time="2025-06-12T15:10:00",
        operation_start_time="2025-06-12T11:10:00",
        databases={name: section() for name in ("far", "near", "stranger")},
    )
    report = read(naive, zone_of=jobs.get, zones=[douala, PARIS])
    assert report.ended_at == at("2025-06-12T13:10:00Z")
    # The start is hours before the landing, but was written by the same clock.
    assert report.started_at == at("2025-06-12T09:10:00Z")
    assert "Europe/Paris" in report.oddities[0].message
    assert report.oddities[0].expected == "2025-06-12T15:10:00Z or an offset"
    far, near, stranger = report.sections
    assert far.end == report.ended_at
    assert near.end == stranger.end == report.ended_at
    assert codes(far) == codes(near) == codes(stranger) == ["time.naive"]


def test_a_database_reads_a_naive_end_in_the_zone_of_its_own_job() -> None:
    naive = document(operation_end_time="2025-06-12T12:00:00")
    report = read(naive, zone_of=lambda name: PARIS)
    assert report.ended_at == at("2025-06-12T12:00:00Z")
    report = read(
        naive, zones=[ZoneInfo("America/New_York"), PARIS], landed_at=at("2025-06-12T16:01:00Z")
    )
    assert report.ended_at is None
    later = {"landed_at": at("2025-06-12T16:01:00Z"), "now": at("2025-06-12T17:00:00Z")}
    report = read(naive, zones=[ZoneInfo("America/New_York")], zone_of=lambda name: PARIS, **later)
    assert report.ended_at == at("2025-06-12T16:00:00Z")
    assert report.sections[0].end == at("2025-06-12T12:00:00Z")


def test_an_end_with_an_offset_is_the_same_for_every_database() -> None:
    report = read(
        document(operation_end_time="2025-06-12T15:10:00+02:00"),
        zones=[PARIS],
        zone_of=lambda name: PARIS,
    )
    assert report.ended_at == report.sections[0].end == at("2025-06-12T13:10:00Z")
    assert (codes(report), codes(report.sections[0])) == ([], [])


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"agent_id": "site", "agent_id": "other"', "agent_id"),
        (f'{{"operation_end_time": "{TIME}", "operation_end_time": 1', "operation_end_time"),
        ('{"databases": {"a": 1}, "databases": {}', "databases"),
    ],
    ids=["agent_id", "end", "databases"],
)
def test_a_global_field_given_twice_makes_the_report_invalid(text: str, path: str) -> None:
    rest = json.dumps(without(document(), path))
    problems = [f for f in read(f"{text}, {rest[1:]}").faults if f.path == path]
    assert "is given twice, with different values" in [fault.problem for fault in problems]


def test_a_global_field_given_twice_alike_is_no_matter() -> None:
    assert read('{"agent_id": "site",' + json.dumps(document())[1:]).valid


def test_of_two_ends_that_differ_operation_end_time_counts() -> None:
    report = read(document(operation_timestamp="2025-06-12T11:00:00Z"))
    assert report.valid
    assert report.ended_at == at(TIME)
    assert codes(report) == ["field.ambiguous"]


def test_a_key_repeated_very_often_costs_no_more_than_reading_it() -> None:
    long = "x" * 2_000_000
    text = f'{{"agent_id": "{long}",' + '"agent_id": 1,' * 100_000
    assert not read(text + json.dumps(document())[1:]).valid


def test_no_depth_of_nesting_stops_the_reading() -> None:
    # Somewhere below the limit of reading lies that of writing, for what is told in passing.
    for depth in range(600, 1_100):
        deep = "[" * depth + "]" * depth
        step = f'{{"TRANSFER": {{"error_message": {deep}}}, "BACKUP": {deep}, "BACKUP": 1}}'
        assert read(f'{{"databases": {{"shop": {step}}}}}').faults


def test_the_steps_of_a_naive_report_are_read_in_its_zone_with_one_warning() -> None:
    times = {"start_time": "2025-06-12T11:00:00", "end_time": "2025-06-12T13:00:00"}
    body = section(BACKUP={"status": True} | times)
    naive = document(operation_end_time="2025-06-12T15:10:00", databases={"shop": body})
    [told] = read(naive, zones=[PARIS], zone_of=lambda name: PARIS).sections
    assert told.backup.started_at == at("2025-06-12T09:00:00Z")
    assert told.backup.ended_at == at("2025-06-12T11:00:00Z")
    assert codes(told) == ["time.naive"]
