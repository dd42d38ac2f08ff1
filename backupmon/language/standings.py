"""How a backup stands, in the reader's words. Programs and commands say `Status` as it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import gettext, lazy_gettext, ngettext

from backupmon.core.standing import WORST_FIRST, Standing
from backupmon.core.statuses import Status
from backupmon.language.wording import say_number

#: Of one backup, by a `Standing` or `Status`.
WORDS = {
    Standing.MISSING.value: lazy_gettext("Missing"),
    Standing.FAILED.value: lazy_gettext("Failed"),
    Standing.TRANSFER_INTEGRITY_FAILED.value: lazy_gettext("Broken in transfer"),
    Standing.HASH_MISMATCH.value: lazy_gettext("Odd content"),
    Standing.UNKNOWN.value: lazy_gettext("Not judged"),
    Standing.SUCCESS.value: lazy_gettext("Good"),
    Standing.PAUSED.value: lazy_gettext("Paused"),
    Status.PENDING.value: lazy_gettext("Being verified"),
}


def standing_words() -> dict[str, str]:
    """`WORDS` as they are said now: looked up once for a whole page."""
    return {name: str(word) for name, word in WORDS.items()}


def say_count(standing: str, count: int) -> str:
    """So many backups of that standing: ``3 failed``."""
    return str(_counted(standing, count, say_number(count)))


def _counted(standing: str, count: int, number: str) -> Any:
    if standing == Standing.MISSING:
        return ngettext("%(number)s missing", "%(number)s missing", count, number=number)
    if standing == Standing.FAILED:
        return ngettext("%(number)s failed", "%(number)s failed", count, number=number)
    if standing == Standing.TRANSFER_INTEGRITY_FAILED:
        return ngettext(
            "%(number)s broken in transfer", "%(number)s broken in transfer", count, number=number
        )
    if standing == Standing.HASH_MISMATCH:
        return ngettext(
            "%(number)s with odd content", "%(number)s with odd content", count, number=number
        )
    if standing == Standing.SUCCESS:
        return ngettext("%(number)s good", "%(number)s good", count, number=number)
    if standing == Standing.PAUSED:
        return ngettext("%(number)s paused", "%(number)s paused", count, number=number)
    return ngettext("%(number)s not judged", "%(number)s not judged", count, number=number)


def say_counts(standings: Iterable[str]) -> str:
    """How many of each there are, worst first: ``1 missing, 9 good``."""
    found = list(standings)
    counts = ((standing.value, found.count(standing.value)) for standing in WORST_FIRST)
    return ", ".join(say_count(name, count) for name, count in counts if count) or gettext(
        "no cycle judged yet"
    )
