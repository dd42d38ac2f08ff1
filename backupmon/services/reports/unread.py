"""Files in log folders that have not become reports: still being written, or passed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from backupmon.extensions import db
from backupmon.models import ScanRun, ServerCondition
from backupmon.services.conditions import SETTLING


@dataclass(frozen=True, slots=True)
class Unread:
    """What the scans know of such files.

    Parameters
    ----------
    settling:
        One for each agent with a report that is not valid yet, since when, the oldest first.
    passed_over:
        How many files of the last whole scan were links, pipes or not readable; its log names
        them.
    run:
        That scan; None where there was none.
    """

    settling: Sequence[ServerCondition]
    passed_over: int
    run: ScanRun | None


def load_unread() -> Unread:
    """What the last scans left where it lies."""
    open_ones = select(ServerCondition).where(
        ServerCondition.code == SETTLING, ServerCondition.ended_at.is_(None)
    )
    runs = select(ScanRun).where(ScanRun.state == "done", ScanRun.agent.is_(None))
    run = db.session.scalar(runs.order_by(ScanRun.id.desc()).limit(1))
    return Unread(
        list(db.session.scalars(open_ones.order_by(ServerCondition.started_at))),
        int(run.counts.get("reports_passed_over", 0)) if run else 0,
        run,
    )
