"""Faults are kept so that they can be said in any language, and told in English as ever."""

from __future__ import annotations

import json
from datetime import timedelta

from backupmon.core.faults import Fault
from backupmon.core.phrases import phrase

AHEAD = phrase("is %(span)s in the future: clock ahead", span=timedelta(hours=3, minutes=5))


def test_a_fault_is_told_in_english_by_its_phrases() -> None:
    fault = Fault.of("a.b", phrase("is %(value)s", value='"100 %"'), phrase("save as UTF-8"))
    assert str(fault) == 'a.b is "100 %"; save as UTF-8'
    assert Fault.of("", AHEAD).problem == "is 3 h 5 min in the future: clock ahead"


def test_a_fault_goes_through_the_database_and_back() -> None:
    fault = Fault.of("a.b", AHEAD, phrase("names %(number)s databases", number=6000))
    kept = Fault.from_dict(json.loads(json.dumps(fault.as_dict())))
    assert kept == fault
    assert kept.said == fault.said


def test_a_fault_that_an_older_version_kept_has_its_english_only() -> None:
    kept = Fault.from_dict({"path": "a.b", "problem": "is missing"})
    assert (kept.problem, kept.said) == ("is missing", ())
