"""A dry run: what a scan would conclude, with nothing moved and nothing recorded.

Files are measured before the one transaction that is rolled back at the end, so that nobody
waits for the database while something large is being hashed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from backupmon.services.context import Scan
from backupmon.services.staged import (
    GroupResult,
    Judged,
    StagedGroup,
    contests,
    measure,
    must_wait,
)
from backupmon.storage.faults import ServerFault
from backupmon.storage.measure import Look


def measure_groups(scan: Scan, groups: list[StagedGroup]) -> None:
    """Measure every group's file, and remember what was seen."""

    def look(group: StagedGroup) -> Look | ServerFault:
        assert scan.roots.deposit is not None
        try:
            progress = scan.watch.reading([one.entry_id for one in group.waiting])
            found = measure(scan.roots.deposit, group, scan.patience, progress, touch=False)
        except ServerFault as fault:
            return fault
        found.close()
        return found

    with ThreadPoolExecutor(scan.workers) as pool:
        scan.looks = dict(zip((g.place for g in groups), pool.map(look, groups), strict=True))


def dry_result(scan: Scan, group: StagedGroup) -> GroupResult:
    """What would become of the group, by what was measured beforehand."""
    look = scan.looks.get(group.place)
    if look is None or isinstance(look, ServerFault):
        return GroupResult(waiting=[w.entry_id for w in group.waiting], fault=look)
    result = GroupResult()
    for outcome in contests(group.waiting, look.measurement):
        if must_wait(group, outcome, look, scan.patience):
            result.waiting += [c.key for c in (outcome.chosen, *outcome.overtaken)]
        else:
            end = outcome.chosen.section.report_end
            result.overtaken += [(c.key, end) for c in outcome.overtaken]
            result.judged.append(Judged(outcome.chosen.key, look.measurement, None))
        result.waiting += [c.key for c in outcome.unanswered]
    return result
