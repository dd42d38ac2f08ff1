"""Scans in the reader's words: how they ended, and what they found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flask_babel import gettext, lazy_gettext, ngettext

from backupmon.core.statuses import BEST_FIRST
from backupmon.language.standings import say_count
from backupmon.language.wording import say_number

_STATES = {
    "running": lazy_gettext("runs"),
    "done": lazy_gettext("went through"),
    "failed": lazy_gettext("failed"),
    "interrupted": lazy_gettext("was cut off"),
}


def scan_state(state: str) -> str:
    """How it ended."""
    return str(_STATES.get(state, state))


def say_found(counts: Mapping[str, int]) -> str:
    """What it found and did: ``3 reports · 1 missing, 9 good``."""
    return " · ".join(_parts(counts)) or str(gettext("nothing new"))


def _parts(counts: Mapping[str, int]) -> Iterator[str]:
    if count := counts.get("reports_taken_in", 0):
        yield ngettext("%(number)s report", "%(number)s reports", count, number=_n(count))
    if count := counts.get("reports_invalid", 0):
        yield ngettext(
            "%(number)s invalid report", "%(number)s invalid reports", count, number=_n(count)
        )
    judged = [say_count(s.value, counts[s.value]) for s in BEST_FIRST if counts.get(s.value)]
    if judged:
        yield ", ".join(judged[::-1])
    if count := counts.get("waiting", 0) + counts.get("handed_over", 0):
        yield ngettext("%(number)s to verify", "%(number)s to verify", count, number=_n(count))
    if count := counts.get("recovered", 0):
        yield ngettext(
            "%(number)s unfinished move finished",
            "%(number)s unfinished moves finished",
            count,
            number=_n(count),
        )


def _n(count: int) -> str:
    return say_number(count)
