"""Properties: whatever the bytes of a report, it is read without an exception."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from backupmon.core.report import Report, parse_report

SAMPLES = Path(__file__).parents[2] / "samples"
LANDED = datetime(2025, 6, 12, 13, 11, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")


def read(data: bytes) -> Report:
    return parse_report(
        data,
        agents=frozenset(),
        landed_at=LANDED,
        now=LANDED,
        zones=[PARIS],
        zone_of=lambda name: PARIS,
    )


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(exclude_categories=())),
    st.sampled_from(["0001-01-01T00:00:00", "9999-12-31T23:59:59-23:59", "../..", "\0", "\ud800"]),
    st.sampled_from([10**400, -(10**400), float("inf"), float("nan"), "9" * 5_000]),
)
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


def places(tree: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = tree.items() if isinstance(tree, dict) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def replaced(tree: Any, path: tuple[Any, ...], value: object) -> Any:
    if not path:
        return value
    return tree | {path[0]: replaced(tree[path[0]], path[1:], value)}


BASES = [json.loads((SAMPLES / f"dialect_{name}.json").read_text()) for name in "ab"]


@given(data=st.binary(max_size=300))
@settings(deadline=None)
def test_no_bytes_whatever_stop_the_reading(data: bytes) -> None:
    assert read(data).faults


@given(data=st.data())
@settings(deadline=None, max_examples=300)
def test_no_value_at_any_place_stops_the_reading(data: st.DataObject) -> None:
    tree = copy.deepcopy(data.draw(st.sampled_from(BASES)))
    for _ in range(data.draw(st.integers(1, 3))):
        tree = replaced(tree, data.draw(st.sampled_from(places(tree))), data.draw(ANYTHING))
    report = read(json.dumps(tree).encode())
    for part in report.sections:
        part.database_name.encode()
        assert part.end.tzinfo is UTC
        if part.staged_file_name is not None:
            assert not {"/", "\\", "\0"} & set(part.staged_file_name)
    for fault in report.all_faults():
        str(fault).encode()


@given(data=st.data())
@settings(deadline=None)
def test_no_damage_to_the_text_stops_the_reading(data: st.DataObject) -> None:
    text = json.dumps(data.draw(st.sampled_from(BASES)))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    junk = data.draw(st.text(st.sampled_from('{}[]":,0e-.\\utfnN '), max_size=8))
    read((text[:start] + junk + text[end:]).encode())
