"""Sections and steps: what is judged by makes a section bad, everything else is a warning."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from backupmon.core.report import Report, Section, parse_report

LANDED = datetime(2025, 6, 12, 13, 11, tzinfo=UTC)
TIME = "2025-06-12T13:10:00Z"
HASH = "ab" * 32
HUGE = 2**63 - 1
TINY = -(2**63)

STEPS = f"""
    "BACKUP": {{"status": true, "sha256_checksum": "{HASH}", "size": 50}},
    "COMPRESS": {{"status": true, "sha256_checksum": "{HASH}", "size": 5}},
    "TRANSFER": {{"status": true}},
"""
NAME = '"staged_file_name": "shop.sql.gz"'


def read(databases: str) -> Report:
    text = f'{{"operation_end_time": "{TIME}", "agent_id": "site", "databases": {databases}}}'
    return parse_report(text.encode(), agents=frozenset(), landed_at=LANDED, now=LANDED)


def shop(body: str) -> Section:
    report = read(f'{{"shop": {body}}}')
    assert report.valid
    assert len(report.sections) == 1
    return report.sections[0]


def stepped(step: str, body: str) -> Section:
    """A good section but for the text of one step."""
    steps = {
        "BACKUP": '{"status": true}',
        "COMPRESS": f'{{"status": true, "sha256_checksum": "{HASH}", "size": 5}}',
        "TRANSFER": '{"status": true}',
    } | {step: body}
    told = ", ".join(f'"{name}": {value}' for name, value in steps.items())
    return shop(f"{{{told}, {NAME}}}")


def faults(section: Section) -> dict[str, str]:
    return {fault.path: fault.problem for fault in section.faults}


def codes(section: Section) -> list[str]:
    return [oddity.code for oddity in section.oddities]


def test_a_good_section_has_neither_faults_nor_oddities() -> None:
    section = shop(f"{{{STEPS} {NAME}}}")
    assert (section.faults, section.oddities) == ((), ())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('"true"', 'is "true"; true or false is required'),
        ("1", "is 1; true or false is required"),
        ("0", "is 0; true or false is required"),
        ("null", "is null; true or false is required"),
        ("[true]", "is a list; true or false is required"),
        ("{}", "is an object; true or false is required"),
        ('true, "status": false', "is given twice, with different values"),
        ('1, "status": true', "is given twice, with different values"),
    ],
)
@pytest.mark.parametrize("step", ["BACKUP", "COMPRESS", "TRANSFER"])
def test_a_status_that_is_not_true_or_false_makes_a_bad_section(
    step: str, value: str, words: str
) -> None:
    assert faults(stepped(step, f'{{"status": {value}}}')) == {
        f"databases.shop.{step}.status": words
    }


@pytest.mark.parametrize("step", ["BACKUP", "COMPRESS", "TRANSFER"])
def test_an_absent_status_makes_a_bad_section(step: str) -> None:
    told = faults(stepped(step, "{}"))
    assert told == {f"databases.shop.{step}.status": "is missing; true or false is required"}


@pytest.mark.parametrize("value", ["null", "true", '"ok"', "[]", "7"])
@pytest.mark.parametrize("step", ["BACKUP", "COMPRESS", "TRANSFER"])
def test_a_step_that_is_no_object_makes_a_bad_section(step: str, value: str) -> None:
    assert list(faults(stepped(step, value))) == [f"databases.shop.{step}"]


@pytest.mark.parametrize(
    ("steps", "paths"),
    [
        ("", ["BACKUP", "COMPRESS", "TRANSFER"]),
        ('"backup_process": {"status": true},', ["compress_process", "transfer_process"]),
        (
            '"backup_process": {},',
            ["backup_process.status", "compress_process", "transfer_process"],
        ),
    ],
    ids=["dialect A", "dialect B", "dialect B, a field"],
)
def test_what_is_absent_is_named_in_the_dialect_of_the_section(
    steps: str, paths: list[str]
) -> None:
    section = shop(f"{{{steps} {NAME}}}")
    assert list(faults(section)) == [f"databases.shop.{path}" for path in paths]


@pytest.mark.parametrize("value", ["null", "[]", '"ok"', "true", "12", "NaN"])
def test_a_section_that_is_no_object_is_bad_and_spoils_no_other(value: str) -> None:
    report = read(f'{{"bad": {value}, "good": {{{STEPS} {NAME}}}}}')
    assert report.valid
    bad, good = report.sections
    assert list(faults(bad)) == ["databases.bad"]
    assert bad.backup.status is None
    assert bad.staged_file_name is None
    assert good.faults == ()


def test_a_database_named_twice_is_bad_even_when_told_alike() -> None:
    body = f"{{{STEPS} {NAME}}}"
    report = read(f'{{"shop": {body}, "crm": {body}, "shop": {body}}}')
    assert report.valid
    assert {part.raw_name: faults(part) for part in report.sections} == {
        "shop": {"databases.shop": "is given twice"},
        "crm": {},
    }


def test_a_step_given_under_two_names_must_be_the_same() -> None:
    alike = '"transfer_process": {"status": true},'
    assert shop(f"{{{STEPS} {alike} {NAME}}}").faults == ()
    unlike = '"transfer_process": {"status": false},'
    assert faults(shop(f"{{{STEPS} {unlike} {NAME}}}")) == {
        "databases.shop.TRANSFER": "differs from transfer_process, which means the same"
    }


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ('"size": 5, "size_bytes": 6', "size"),
        ('"size": 5, "size": 6', "size"),
        (f'"size": 5, "sha256_checksum": "{"cd" * 32}"', "sha256_checksum"),
    ],
    ids=["two names", "size twice", "checksum twice"],
)
def test_contradictions_are_faults_only_where_they_are_judged_by(fields: str, path: str) -> None:
    body = f'{{"status": true, "sha256_checksum": "{HASH}", {fields}}}'
    judged = stepped("COMPRESS", body)
    assert list(faults(judged)) == [f"databases.shop.COMPRESS.{path}"]
    other = stepped("BACKUP", body)
    assert other.faults == ()
    assert codes(other) == ["field.ambiguous"]
    assert None in (other.backup.size, other.backup.sha256)


def test_an_alias_that_is_null_says_nothing() -> None:
    body = f'{{"status": true, "sha256_checksum": "{HASH}", "size": null, "size_bytes": 8}}'
    section = stepped("COMPRESS", body)
    assert (section.compress.size, section.faults, section.oddities) == (8, (), ())


@pytest.mark.parametrize(
    ("written", "size", "code"),
    [
        ("5", 5, None),
        ("0", 0, None),
        (str(HUGE), HUGE, None),
        (str(HUGE + 1), HUGE, "size.implausible"),
        ("-1", TINY, "size.implausible"),
        ("9" * 400, HUGE, "size.implausible"),
        ("-" + "9" * 5_000, TINY, "size.implausible"),
        ("9" * 5_000, HUGE, "size.implausible"),
        ('"' + "9" * 5_000 + '"', HUGE, "size.implausible"),
        ("1e300", HUGE, "size.implausible"),
        ("12.0", 12, "size.odd"),
        ("1.2e1", 12, "size.odd"),
        ('" 0012 "', 12, "size.odd"),
        ('"0"', 0, "size.odd"),
        ("12.5", None, "size.malformed"),
        ("NaN", None, "size.malformed"),
        ("Infinity", None, "size.malformed"),
        ("-Infinity", None, "size.malformed"),
        ("1e999", None, "size.malformed"),
        ("true", None, "size.malformed"),
        ("false", None, "size.malformed"),
        ('"12 MB"', None, "size.malformed"),
        ('"-5"', None, "size.malformed"),
        ('"١٢"', None, "size.malformed"),
        ('""', None, "size.malformed"),
        ("[12]", None, "size.malformed"),
        ("{}", None, "size.malformed"),
    ],
    ids=lambda value: str(value)[:24].encode("ascii", "replace").decode(),
)
@pytest.mark.parametrize("step", ["COMPRESS", "BACKUP"])
def test_a_size_is_read_with_patience_and_never_stops_the_reading(
    step: str, written: str, size: int | None, code: str | None
) -> None:
    body = f'{{"status": true, "sha256_checksum": "{HASH}", "size": {written}}}'
    section = stepped(step, body)
    told = section.compress if step == "COMPRESS" else section.backup
    assert type(told.size) in (int, type(None))
    assert (told.size, codes(section), section.faults) == (size, [code] if code else [], ())
    assert all(len(oddity.observed or "") <= 85 for oddity in section.oddities)


def test_of_an_implausible_size_only_the_first_digits_are_shown() -> None:
    section = stepped("COMPRESS", '{"status": true, "size": 123456789' + "0" * 391 + "}")
    [shown] = [odd.observed for odd in section.oddities if odd.code == "size.implausible"]
    assert shown == "123456789000…"


@pytest.mark.parametrize(
    ("written", "read_as", "code"),
    [
        (f'"{HASH.upper()}"', HASH, None),
        (f'" {HASH}\\n"', HASH, None),
        ("null", None, "checksum.absent"),
        ('""', None, "checksum.malformed"),
        (f'"{HASH[1:]}"', None, "checksum.malformed"),
        (f'"sha256:{HASH}"', None, "checksum.malformed"),
        (f'"{"zz" * 32}"', None, "checksum.malformed"),
        ('"' + "é" * 64 + '"', None, "checksum.malformed"),
        ('"' + "a" * 5_000 + '"', None, "checksum.malformed"),
        ("12", None, "checksum.malformed"),
        ("true", None, "checksum.malformed"),
        ("{}", None, "checksum.malformed"),
    ],
    ids=lambda value: str(value)[:24].encode("ascii", "replace").decode(),
)
def test_a_checksum_is_64_hexadecimal_digits_in_either_case(
    written: str, read_as: str | None, code: str | None
) -> None:
    body = f'{{"status": true, "size": 5, "sha256_checksum": {written}}}'
    section = stepped("COMPRESS", body)
    assert (section.compress.sha256, codes(section)) == (read_as, [code] if code else [])
    assert all(len(oddity.observed or "") <= 82 for oddity in section.oddities)
    other = stepped("BACKUP", body)
    silent = code in (None, "checksum.absent")
    assert other.backup.sha256 == read_as
    assert codes(other) == ([] if silent else [f"backup.{code}"])


def test_absent_measures_are_warnings_where_they_are_judged_by() -> None:
    assert codes(stepped("COMPRESS", '{"status": true}')) == ["checksum.absent", "size.absent"]
    assert codes(stepped("COMPRESS", '{"status": false}')) == []
    assert codes(stepped("BACKUP", '{"status": true}')) == []


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("a.gz", "a.gz"),
        ("C:\\\\out\\\\a.gz", "a.gz"),
        ("/var/out/a.gz", "a.gz"),
        ("..\\\\../a.gz ", "a.gz"),
        ("é" * 127, "é" * 127),
        ("a b.gz", "a b.gz"),
        ("", None),
        ("   ", None),
        (".", None),
        ("..", None),
        ("out/", None),
        ("out\\\\..", None),
        (".a.gz", None),
        ("a\\u0000.gz", None),
        ("x\\u0000/a.gz", None),
        ("a\\nb.gz", None),
        ("a\\tb.gz", None),
        ("a\\u001bb.gz", None),
        ("a\\u0085b.gz", None),
        ("a\\u202eb.gz", None),
        ("a\\ud800.gz", None),
        ("é" * 128, None),
        ("a" * 256, None),
        ("a" * 300_000, None),
    ],
    ids=lambda value: ascii(str(value))[:24],
)
def test_only_the_last_component_of_a_staged_name_counts(written: str, name: str | None) -> None:
    section = shop(f'{{{STEPS} "staged_file_name": "{written}"}}')
    assert section.staged_file_name == name
    assert list(faults(section)) == ([] if name else ["databases.shop.staged_file_name"])
    for fault in section.faults:
        assert len(str(fault).encode()) < 400


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "is missing"),
        ('"staged_file_name": null', "is null"),
        ('"staged_file_name": 7', "is 7"),
        ('"staged_file_name": ["a.gz"]', "is a list"),
        ('"staged_file_name": "a", "staged_file_name": "b"', "is given twice"),
    ],
)
def test_a_staged_name_is_required(written: str, words: str) -> None:
    comma = STEPS if written else STEPS.rstrip().rstrip(",")
    assert words in faults(shop(f"{{{comma} {written}}}"))["databases.shop.staged_file_name"]


@pytest.mark.parametrize(
    ("written", "words", "code"),
    [
        ('"rsync\\nfailed"', "rsync\nfailed", None),
        ('"a\\u0000\\ud800b"', "a\ufffd\ufffdb", None),
        ('" "', None, None),
        ("null", None, None),
        ("12", "12", "text.malformed"),
        ('{"code": 12}', '{"code": 12}', "text.malformed"),
        ('["a"]', '["a"]', "text.malformed"),
    ],
)
def test_the_agents_words_are_made_fit_to_be_shown(
    written: str, words: str | None, code: str | None
) -> None:
    section = stepped("TRANSFER", f'{{"status": false, "error_message": {written}}}')
    assert (section.transfer_error, codes(section)) == (words, [code] if code else [])
    summary = shop(f'{{{STEPS} {NAME}, "logs_summary": {written}}}')
    assert (summary.logs_summary, codes(summary)) == (words, [code] if code else [])


def test_long_words_and_deep_ones_are_cut() -> None:
    long = stepped("TRANSFER", '{"status": false, "error_message": "' + "x" * 100_000 + '"}')
    assert len(long.transfer_error or "") == 4000
    deep = "[" * 800 + "]" * 800
    assert stepped("TRANSFER", f'{{"status": false, "error_message": {deep}}}').transfer_error


@pytest.mark.parametrize(
    ("written", "moment", "code"),
    [
        (f'"{TIME}"', datetime(2025, 6, 12, 13, 10, tzinfo=UTC), None),
        ("null", None, None),
        ('"soon"', None, "time.malformed"),
        ("7", None, "time.malformed"),
        ('"9999-12-31T23:59:59-12:00"', None, "time.malformed"),
        ('"2025-06-12T13:10:00"', datetime(2025, 6, 12, 13, 10, tzinfo=UTC), "time.naive"),
    ],
)
@pytest.mark.parametrize("key", ["start_time", "transfer_process_start_time"])
def test_a_steps_times_are_never_more_than_odd(
    key: str, written: str, moment: datetime | None, code: str | None
) -> None:
    section = stepped("TRANSFER", f'{{"status": true, "{key}": {written}}}')
    assert (section.transfer.started_at, section.faults) == (moment, ())
    assert codes(section) == ([code] if code else [])


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("ventes été", "ventes été"),
        ("a\\nb", "a b"),
        ("a\\u0000b", "a\ufffdb"),
        ("a\\ud800b", "a\ufffdb"),
        ("a" * 300, "a" * 254 + "…"),
    ],
    ids=["plain", "line break", "NUL", "lone surrogate", "long"],
)
def test_a_databases_name_is_kept_raw_and_clean(written: str, name: str) -> None:
    [section] = read(f'{{"{written}": {{{STEPS} {NAME}}}}}').sections
    assert section.database_name == name
    assert section.raw_name == json.loads(f'"{written}"')
    assert section.faults == ()


@pytest.mark.parametrize("written", ["", " ", "\\n"])
def test_a_database_without_a_name_is_a_bad_section(written: str) -> None:
    [section] = read(f'{{"{written}": {{{STEPS} {NAME}}}}}').sections
    assert faults(section) == {'databases.""': "has no name; the database's name is required"}


def test_paths_in_faults_are_fit_to_be_shown() -> None:
    value: Any = read('{"a\\u001b\\ud800": {}}').sections[0].faults[0].path
    assert value == "databases.a\ufffd\ufffd.BACKUP"
