"""What templates ask for besides filters: drawings and words made of a row."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from flask import g
from markupsafe import Markup

from backupmon.application import current_settings
from backupmon.core.findings import Finding
from backupmon.language.conditions import check_title, condition_title
from backupmon.language.faults import say_fault, stays_english
from backupmon.language.filters import now
from backupmon.language.findings import (
    finding_title,
    say_culprits,
    say_finding,
    say_verdict,
)
from backupmon.language.phrases import say, say_server
from backupmon.language.scans import say_found, scan_state
from backupmon.language.standings import say_count, say_counts, standing_words
from backupmon.language.wording import say_round_size
from backupmon.models import BackupEntry, StoredBackup, StoredState
from backupmon.services.dashboard import MARKS, JobRow
from backupmon.web.charts.spark import Spark, sparkline
from backupmon.web.finding_values import expected, observed
from backupmon.web.selecting import args_of


def spark_of(row: JobRow) -> Spark | None:
    """The sizes of a row's cycles as a sparkline."""
    return sparkline([cycle.size for cycle in row.cycles])


def cycle_marks(row: JobRow) -> Markup:
    """A row's last cycles as small marks, the newest on the right."""
    return _marks(tuple(cycle.status.value for cycle in row.cycles))


@lru_cache(4096)
def _marks(statuses: tuple[str, ...]) -> Markup:
    # Nearly all rows are alike, and this is most of what a row consists of.
    first = MARKS - len(statuses)
    return Markup("").join(
        _MARK.format(status=status, x=(first + place) * _MARK_WIDTH)
        for place, status in enumerate(statuses)
    )


_MARK_WIDTH = 12
_MARK = Markup('<use href="#c-{status}" class="is-{status}" x="{x}" width="12" height="12"/>')


def cycles_told(row: JobRow) -> str:
    """A row's cycles in words; most rows of a page say the same, so it is made once."""
    told: dict[tuple[str, ...], str] = g.setdefault("cycles_told", {})
    statuses = tuple(cycle.status.value for cycle in row.cycles)
    if statuses not in told:
        told[statuses] = say_counts(statuses)
    return told[statuses]


def entry_told(entry: BackupEntry) -> str:
    """What came of an entry, in one sentence."""
    findings = [Finding.from_dict(one) for one in entry.findings]
    return say_verdict(entry.status, findings, entry.message)


def place_of(copy: StoredBackup) -> str:
    """Where a file lies, from the root of the filesystem; empty where it is nowhere."""
    if copy.state in (StoredState.REMOVED.value, StoredState.LOST.value):
        return ""
    settings = current_settings()
    quarantined = copy.destination == "quarantine"
    return str((settings.quarantine_root if quarantined else settings.validated_root) / copy.path)


GLOBALS: dict[str, Callable[..., object]] = {
    "args_of": args_of,
    "check_title": check_title,
    "condition_title": condition_title,
    "cycle_marks": cycle_marks,
    "cycles_told": cycles_told,
    "entry_told": entry_told,
    "expected": expected,
    "finding_title": finding_title,
    "now": now,
    "observed": observed,
    "place_of": place_of,
    "round_size": say_round_size,
    "say": say,
    "say_count": say_count,
    "say_counts": say_counts,
    "say_culprits": say_culprits,
    "say_fault": say_fault,
    "say_finding": say_finding,
    "say_found": say_found,
    "say_server": say_server,
    "scan_state": scan_state,
    "say_verdict": say_verdict,
    "spark_of": spark_of,
    "standing_words": standing_words,
    "stays_english": stays_english,
}
