"""What the pages of reports tell. They ask here, and nowhere else."""

from backupmon.services.reports.archived import (
    MOST_SHOWN,
    ArchivedText,
    open_archived,
    read_archived,
)
from backupmon.services.reports.listing import (
    PAGE_SIZE,
    ReportPage,
    ReportRow,
    ReportSelection,
    Unanswered,
    known_agents,
    load_reports,
    unanswered_reports,
)
from backupmon.services.reports.story import MOST_SECTIONS, ReportStory, load_report
from backupmon.services.reports.unread import Unread, load_unread

__all__ = [
    "MOST_SECTIONS",
    "MOST_SHOWN",
    "PAGE_SIZE",
    "ArchivedText",
    "ReportPage",
    "ReportRow",
    "ReportSelection",
    "ReportStory",
    "Unanswered",
    "Unread",
    "known_agents",
    "load_report",
    "load_reports",
    "load_unread",
    "open_archived",
    "read_archived",
    "unanswered_reports",
]
