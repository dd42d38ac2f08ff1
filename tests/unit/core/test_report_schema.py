"""The schema and the reader say the same of a report, and of the same places in it."""

from __future__ import annotations

import copy
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backupmon.core.report import END_NAMES, MAX_DATABASES, STEP_NAMES, parse_report
from backupmon.core.report_fields import Fault
from backupmon.core.report_schema import report_schema
from backupmon.core.text import one_line

SAMPLES = Path(__file__).parents[2] / "samples"
BASES = [json.loads((SAMPLES / f"dialect_{name}.json").read_text()) for name in "ab"]
VALIDATOR = jsonschema_rs.Draft202012Validator(report_schema())
#: What no schema can tell; the module's docstring lists it.
BEYOND = (
    "given twice",
    "differs from",
    "in the calendar",
    "in ISO 8601 (",
    "outside the calendar",
    "in the future",
    "says the year",
    "longer than 255 bytes",
)
#: The place that either name of a thing means.
MEANING = {second: first for first, second in (END_NAMES, *STEP_NAMES)}

Place = tuple[str, ...]


def schema_faults(tree: object) -> set[Place]:
    return {_place(error) for error in VALIDATOR.iter_errors(tree)}


def _place(error: jsonschema_rs.ValidationError) -> Place:
    place = [str(part) for part in error.instance_path]
    if error.kind.name == "required":
        place.append(error.kind.property)
    if len(place) > 1:
        # Names are shown as they can be.
        place[1] = one_line(place[1]) or '""'
    return tuple(MEANING.get(part, part) for part in place)


def reader_faults(tree: object) -> set[Place]:
    now = datetime(2025, 6, 12, 13, 11, tzinfo=UTC)
    data = json.dumps(tree).encode()
    report = parse_report(data, agents=frozenset(), landed_at=now, now=now)
    faults = [*report.faults, *(fault for section in report.sections for fault in section.faults)]
    return {_place_of(fault) for fault in faults if not _is_beyond(fault)}


def _is_beyond(fault: Fault) -> bool:
    return any(words in fault.problem for words in BEYOND)


def _place_of(fault: Fault) -> Place:
    if "has no name" in fault.problem or not fault.path:
        return ("databases",) if fault.path else ()
    return tuple(MEANING.get(part, part) for part in fault.path.split("."))


# --- whatever is done to a report ------------------------------------------------------------

NAMES = [*END_NAMES, *(name for names in STEP_NAMES for name in names)]
NAMES += ["status", "staged_file_name", "agent_id", "databases", "size", "shop"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
TELLING = st.sampled_from(
    [
        "2025-06-12T12:56:06Z",
        " 2025-06-12 12:56:06+01:00\n",
        "2025-06-12",
        "2025-06-31T12:00:00Z",
        "shop.sql.gz",
        "C:\\dumps\\shop.sql.gz ",
        "dumps/.shop",
        "dumps/",
        "..",
        " \t",
        "\x1c",
        "\ufeff",
        "a\x00/b",
        "a\x1cb",
        "a\x1c",
        "\u2028",
        "x" * 256,
        "é" * 200,
        {},
        {"status": True},
        {"status": None},
        {"status": 1},
        None,
    ]
)
ANYTHING = st.one_of(TELLING, TEXT, st.none(), st.booleans(), st.integers(-5, 5), st.just([]))


def places(tree: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = tree.items() if isinstance(tree, dict) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def changed(tree: Any, path: tuple[str, ...], name: str, value: object) -> Any:
    """The report with another value for `name`, at `path`; without it where that is ``...``."""
    if path:
        return tree | {path[0]: changed(tree[path[0]], path[1:], name, value)}
    if not isinstance(tree, dict):
        return value if value is not ... else None
    if value is ...:
        return {key: kept for key, kept in tree.items() if key != name}
    return tree | {name: value}


@st.composite
def mutilated(draw: st.DrawFn) -> Any:
    tree = copy.deepcopy(draw(st.sampled_from(BASES)))
    database = next(iter(tree["databases"]))
    tree["databases"] = {"shop": tree["databases"][database]}
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(places(tree)))
        known = [*place[-1:], *NAMES]
        name = draw(st.sampled_from(known) | st.sampled_from([" ", "\x1c"]))
        path = place[:-1] if place and name == place[-1] else place
        tree = changed(tree, path, name, draw(st.just(...) | ANYTHING))
    return tree


@given(tree=mutilated())
@settings(deadline=None, max_examples=500)
def test_schema_and_reader_find_the_same_faults_at_the_same_places(tree: Any) -> None:
    assert schema_faults(tree) == reader_faults(tree)


# --- and what matters most, one by one -------------------------------------------------------


def test_the_samples_and_an_empty_run_are_accepted() -> None:
    for tree in (*BASES, BASES[0] | {"databases": {}}):
        assert schema_faults(tree) == reader_faults(tree) == set()


@pytest.mark.parametrize("step", ["BACKUP", "COMPRESS", "TRANSFER"])
def test_each_step_is_required_and_each_says_its_status(step: str) -> None:
    without = copy.deepcopy(BASES[0])
    section = next(iter(without["databases"].values()))
    del section[step]
    (place,) = schema_faults(without)
    assert place[-1] == step
    section[step] = {"status": "true"}
    (place,) = schema_faults(without)
    assert place[-2:] == (step, "status")


def test_more_databases_than_are_read_are_not_accepted() -> None:
    section = next(iter(BASES[0]["databases"].values()))
    many = BASES[0] | {"databases": {f"db{n}": section for n in range(MAX_DATABASES + 1)}}
    assert schema_faults(many) == reader_faults(many) == {("databases",)}


def test_the_schema_is_itself_one_of_its_draft() -> None:
    assert jsonschema_rs.meta.is_valid(report_schema())


def test_a_name_is_blank_where_python_says_so() -> None:
    # Every dialect of patterns has an idea of its own of white space.
    pattern = report_schema()["properties"]["agent_id"]["pattern"]
    everything = {chr(number) for number in range(sys.maxunicode + 1)}
    told = set(re.findall(pattern, "".join(everything)))
    assert everything - told == {char for char in everything if char.isspace()}
    assert schema_faults(BASES[0] | {"databases": {"": {}}}) >= {("databases",)}
