"""docs/troubleshooting.md has an entry for whatever can be told, and for nothing else."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from flask import Flask

from backupmon.config import PROJECT_ROOT, Settings
from backupmon.core.codes import ConditionCode, FindingCode
from backupmon.core.report import MAX_DATABASES, MAX_REPORT_BYTES, parse_report
from backupmon.language.conditions import condition_title

PAGE = (PROJECT_ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
NOW = datetime(2031, 3, 1, 5, tzinfo=UTC)


def section(title: str) -> str:
    """What stands below a heading of the second level."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def entries(title: str) -> list[str]:
    return re.findall(r"^### `(.+)`$", section(title), re.MULTILINE)


def words_of(*folders: str) -> set[str]:
    """Every text in the code below these folders, but for the list of codes itself."""
    paths = [p for f in folders for p in (PROJECT_ROOT / "backupmon" / f).rglob("*.py")]
    trees = [ast.parse(path.read_text()) for path in paths if path.name != "codes.py"]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


@pytest.mark.parametrize(
    ("title", "codes"),
    [("Findings of a backup", FindingCode), ("Server conditions", ConditionCode)],
)
def test_every_code_has_its_entry(title: str, codes: object) -> None:
    # The type checker refuses a code that is given and not listed (backupmon/core/codes.py).
    assert sorted(entries(title)) == sorted(get_args(codes))


def test_no_code_is_listed_that_nobody_gives() -> None:
    assert set(get_args(FindingCode)) - words_of("core") == set()
    assert set(get_args(ConditionCode)) - words_of("services", "storage") == set()


def test_every_condition_has_a_title_of_its_own(app: Flask) -> None:
    with app.test_request_context():
        otherwise = condition_title("of.later")
        assert [c for c in get_args(ConditionCode) if condition_title(c) == otherwise] == []


def checks() -> Iterator[str]:
    """The names that checks of the doctor bear, written out or as a name for it."""
    for path in (PROJECT_ROOT / "backupmon" / "services" / "doctor").glob("*.py"):
        tree = ast.parse(path.read_text())
        names = dict(_named(tree))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                if node.func.id not in ("good", "warning", "bad", "trouble", "Check", "Root"):
                    continue
                if isinstance(first, ast.Constant):
                    yield str(first.value)
                elif isinstance(first, ast.Name) and first.id in names:
                    yield names[first.id]


def _named(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names and texts of assignments, ``A, B = to_translate("a"), to_translate("b")`` too."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names, values = ast.unparse(node.targets[0]).strip("()").split(", "), [node.value]
            if isinstance(node.value, ast.Tuple):
                values = node.value.elts
            for name, value in zip(names, values, strict=False):
                text = value.args[0] if isinstance(value, ast.Call) and value.args else value
                if isinstance(text, ast.Constant):
                    yield name, str(text.value)


def test_every_check_of_the_doctor_has_its_entry(settings: Settings) -> None:
    assert sorted({*checks(), *settings.roots()}) == sorted(entries("flask doctor"))


DATABASE = {
    "BACKUP": {"status": True},
    "COMPRESS": {"status": True},
    "TRANSFER": {"status": True},
    "staged_file_name": "shop.sql.gz",
}


def report(**changed: Any) -> bytes:
    whole = {
        "operation_end_time": "2031-03-01T04:00:00Z",
        "agent_id": "acme",
        "databases": {"shop": DATABASE},
    }
    return json.dumps({**whole, **changed}).encode()


def database(**changed: Any) -> bytes:
    return report(databases={"shop": {**DATABASE, **changed}})


def staged(name: str) -> bytes:
    return database(staged_file_name=name)


#: Reports with every fault there is.
WRONG = [
    b"",
    b" \n",
    b"\0\0",
    b"[]",
    b'{"a": ',
    b"{]",
    b"\xff\xfe\xfa\x00\xd8",
    b'{"a": "\xe9"}',
    b"[" * 100_000,
    b" " * (MAX_REPORT_BYTES + 1),
    b"{}",
    report().replace(b'"databases"', b'"databases": {}, "databases"'),
    report(operation_timestamp="2031-03-01T04:00:01Z", agent_id=7),
    report(agent_id="other"),
    report(operation_end_time=7),
    report(operation_end_time="yesterday"),
    report(operation_end_time="2031-03-01"),
    report(operation_end_time="0001-01-01T00:00:00+14:00"),
    report(operation_end_time="2031-03-02T00:00:00Z"),
    report(operation_end_time="1970-01-01T00:00:00Z"),
    report(databases={"": DATABASE}),
    report(databases={"shop": 7}),
    report(databases={str(n): 7 for n in range(MAX_DATABASES + 1)}),
    report(databases={str(n): 7 for n in range(300)}),
    database(BACKUP=7, COMPRESS={"status": "true"}, backup_process={"status": False}),
    database(staged_file_name=None),
    staged(""),
    staged(".hidden"),
    staged("a\nb"),
    staged("é" * 200),
]


def faults_of(data: bytes) -> list[str]:
    read = parse_report(data, agents=frozenset({"acme"}), landed_at=NOW, now=NOW)
    return [str(fault) for fault in read.all_faults()]


def test_every_fault_of_a_report_has_its_row_and_every_row_a_fault() -> None:
    rows = re.findall(r"^\| (.+?) \| ", section("What is wrong with a report"), re.MULTILINE)[2:]
    told = {row: re.compile(".*".join(map(re.escape, row.split("…")))) for row in rows}
    found = [faults_of(data) for data in WRONG]
    assert all(found), [data for data, faults in zip(WRONG, found, strict=True) if not faults]
    faults = [fault for some in found for fault in some]
    assert [f for f in faults if not any(rule.search(f) for rule in told.values())] == []
    assert [row for row, rule in told.items() if not any(rule.search(f) for f in faults)] == []
