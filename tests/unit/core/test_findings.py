"""Findings: one object for the page, the mail, the API and the database."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backupmon.core.findings import Finding, Level, bad, good, warning


@pytest.mark.parametrize(
    ("make", "level"), [(good, Level.GOOD), (warning, Level.WARNING), (bad, Level.BAD)]
)
def test_evidence_is_kept_as_text(make: Callable[..., Finding], level: Level) -> None:
    assert make("file.size", "Short.", 1000, 0) == Finding(
        "file.size", level, "Short.", "1000", "0"
    )
    assert make("cycle.late", "Late.") == Finding("cycle.late", level, "Late.", None, None)


def test_a_finding_is_printed_in_the_order_of_the_contract() -> None:
    printed = json.dumps(bad("file.size", "Short.", 10, 4).as_dict())
    assert printed == (
        '{"code": "file.size", "level": "bad", "expected": "10", "observed": "4", '
        '"message": "Short."}'
    )


@given(
    st.builds(
        Finding,
        st.text(),
        st.sampled_from(Level),
        st.text(),
        st.none() | st.text(),
        st.none() | st.text(),
    )
)
def test_a_finding_survives_the_database(finding: Finding) -> None:
    stored = json.dumps(finding.as_dict())
    assert Finding.from_dict(json.loads(stored)) == finding


def test_a_finding_of_an_older_version_may_lack_its_evidence() -> None:
    stored = {"code": "file.absent", "level": "bad", "message": "Not there."}
    assert Finding.from_dict(stored) == bad("file.absent", "Not there.")


def test_a_level_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="dire"):
        Finding.from_dict({"code": "x", "level": "dire", "message": ""})
