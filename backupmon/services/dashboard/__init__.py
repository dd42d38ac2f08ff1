"""What the dashboard shows. Its pages ask here, and nowhere else."""

from backupmon.services.dashboard.board import Board, Place, load_board, places
from backupmon.services.dashboard.cycles import MARKS, CycleMark
from backupmon.services.dashboard.progress import Verifying, verifying_now
from backupmon.services.dashboard.rows import Copy, Due, DueKind, JobRow
from backupmon.services.dashboard.selection import NEEDS_YOU_FILTER, PAGE_SIZE, Selection, Sort
from backupmon.services.dashboard.summary import Counts, DueNext, Heartbeat

__all__ = [
    "MARKS",
    "NEEDS_YOU_FILTER",
    "PAGE_SIZE",
    "Board",
    "Copy",
    "Counts",
    "CycleMark",
    "Due",
    "DueKind",
    "DueNext",
    "Heartbeat",
    "JobRow",
    "Place",
    "Selection",
    "Sort",
    "Verifying",
    "load_board",
    "places",
    "verifying_now",
]
