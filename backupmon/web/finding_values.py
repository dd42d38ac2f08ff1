"""What a finding expected and observed, so that a template can show each as what it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from flask_babel import lazy_gettext as _l

from backupmon.core.findings import Finding

_HASH = re.compile(r"(other than )?([0-9a-f]{64})")
_SIZES = frozenset({"file.size"})
#: Here agents name things, and may name them anything.
_NAMES = frozenset({"file.present", "report.invalid", "report.other_databases", "report.section"})
_MOMENT = re.compile(r"(by |from )?(\d{4}-\d\d-\d\d \d\d:\d\d) UTC")
#: Words that the rules use, not agents.
_WORDS = {
    "true": _l("yes"),
    "false": _l("no"),
    "none": _l("nothing"),
    "must_change": _l("must change"),
    "must_not_change": _l("must not change"),
    "may_change": _l("may change"),
    "64 hex digits": _l("64 hex digits"),
    "a dump": _l("a dump"),
    "a regular file": _l("a regular file"),
    "a valid report": _l("a valid report"),
    "a report that the server may read": _l("a report that the server may read"),
    "absent": _l("absent"),
    "no database": _l("no database"),
    "not a regular file": _l("not a regular file"),
    "not readable": _l("not readable"),
    "reached through a link": _l("reached through a link"),
    "a file that nobody writes to": _l("a file that nobody writes to"),
    "held open by a writer": _l("held open by a writer"),
}
Kind = Literal["nothing", "hash", "size", "time", "word", "text"]


@dataclass(frozen=True, slots=True)
class Shown:
    """One side of a finding.

    Parameters
    ----------
    relation:
        How what is expected relates to the value: "other than", "by" or "from"; empty where
        it is the value.
    """

    kind: Kind
    value: object = None
    relation: str = ""


def expected(finding: Finding) -> Shown:
    """What was asked for."""
    return _shown(finding.code, finding.expected)


def observed(finding: Finding) -> Shown:
    """What was there."""
    return _shown(finding.code, finding.observed)


def _shown(code: str, text: str | None) -> Shown:
    if text is None:
        return Shown("nothing")
    if code in _SIZES and text.isdecimal():
        return Shown("size", int(text))
    if found := _HASH.fullmatch(text):
        return Shown("hash", found[2], (found[1] or "").strip())
    if found := _MOMENT.fullmatch(text):
        moment = _moment(found[2])
        return Shown("time", moment, (found[1] or "").strip()) if moment else Shown("text", text)
    if text in _WORDS and code not in _NAMES:
        return Shown("word", str(_WORDS[text]))
    return Shown("text", text)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    except ValueError:
        return None
