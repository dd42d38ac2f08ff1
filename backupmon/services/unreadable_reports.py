"""Reports that the server's user may not read: told at once, and named where a backup is missing.

They are the agent's to mend, as a delivered file of such rights is, so they hold back nobody's
deadline: an agent that always writes so would else never be missing.
"""

from __future__ import annotations

from datetime import datetime
from itertools import groupby

import structlog

from backupmon.core.phrases import Phrase, phrase
from backupmon.core.schedule import Cycle
from backupmon.models import ExpectedBackupJob
from backupmon.services.context import Scan, Unreadable
from backupmon.services.log_folders import LogFolder
from backupmon.storage.faults import ServerFault
from backupmon.storage.inbox import FoundReport

log = structlog.get_logger()


def pass_over_unreadable(
    scan: Scan, found: FoundReport, log_folder: LogFolder, changed_at: datetime
) -> None:
    """Remember a report that may not be read; one that came just now may get its rights yet."""
    if scan.patience.young(changed_at):
        scan.wait_until(changed_at + scan.patience.settle)
        scan.settling |= log_folder.agents
        scan.counts["reports_settling"] += 1
        log.info("intake.settling", agent=log_folder.owner, file=found.path)
        return
    scan.counts["reports_passed_over"] += 1
    log.warning(
        "intake.passed_over",
        agent=log_folder.owner,
        file=found.path,
        reason="not readable to the server",
    )
    folder, landed_at = "/".join(found.folder), scan.landed(changed_at)
    scan.unreadable.append(Unreadable(folder, found.path, log_folder.agents, landed_at))


def note_unreadable(scan: Scan) -> None:
    """Note one condition for each log folder, however many such reports lie there."""
    by_folder = sorted(scan.unreadable, key=lambda u: (u.folder, u.landed_at, u.path))
    for folder, group in groupby(by_folder, key=lambda u: u.folder):
        *others, newest = group
        scan.note(
            ServerFault(
                "report.unreadable",
                folder,
                _told(newest.path, len(others)),
                phrase(
                    "let the agent write with a umask of 027 into a folder of mode 2770 that has "
                    "the server's group, and chmod g+r what lies there; see docs/deployment.md, "
                    "Folders, users and rights"
                ),
            )
        )


def _told(path: str, others: int) -> Phrase:
    if not others:
        return phrase("%(path)s: the server may not read this report", path=path)
    return phrase(
        "%(path)s: the server may not read this report, nor others in the same folder (%(others)s)",
        path=path,
        others=others,
    )


def unreadable_in(scan: Scan, job: ExpectedBackupJob, cycle: Cycle) -> datetime | None:
    """When the newest report of the job's agent landed in the cycle that nobody may read."""
    landed = [
        one.landed_at
        for one in scan.unreadable
        if job.agent_key in one.agents and cycle.opens <= one.landed_at <= cycle.deadline
    ]
    return max(landed, default=None)
