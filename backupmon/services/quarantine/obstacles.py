"""Why a quarantined file may not be accepted (design 3.4)."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import select

from backupmon.core.errors import RefusedError
from backupmon.core.phrases import Phrase, phrase
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import StoredBackup, StoredState

#: Whole files: changed though they must not, or good where another's copy had their place.
_WHOLE = (Status.HASH_MISMATCH.value, Status.SUCCESS.value)


class Obstacle(StrEnum):
    """What stands in the way."""

    #: It did not arrive whole.
    DAMAGED = "damaged"
    #: A copy of a later report stands.
    NEWER = "newer"
    #: Somebody removed it from the disk.
    GONE = "gone"
    #: It is no longer the file that was judged.
    ALTERED = "altered"
    #: Its final path cannot be used.
    PLACE = "place"


class NotAcceptableError(RefusedError):
    """A file that is not promoted, and the `obstacle`."""

    def __init__(self, obstacle: Obstacle, message: Phrase, hint: Phrase) -> None:
        super().__init__(message, hint)
        self.obstacle = obstacle


def obstacle_to(row: StoredBackup) -> NotAcceptableError | None:
    """What its verdict or a newer copy has against it; None where it may be accepted.

    Whether the file itself is still the one that was judged is looked at when it is accepted.
    """
    if row.entry.status not in _WHOLE:
        return NotAcceptableError(
            Obstacle.DAMAGED,
            phrase(
                "the file of entry %(entry)s did not arrive whole (%(status)s): a damaged file is "
                "never promoted",
                entry=str(row.entry_id),
                status=row.entry.status,
            ),
            phrase("ask the agent to send it again; you may delete this one"),
        )
    newer = newer_copy(row)
    if newer is None:
        return None
    return NotAcceptableError(
        Obstacle.NEWER,
        phrase(
            "a newer copy of %(job)s stands, of %(time)s",
            job=row.job.title,
            time=newer.report_end_at,
        ),
        phrase("accept a file before the next good one arrives, or let the agent send it again"),
    )


def newer_copy(row: StoredBackup) -> StoredBackup | None:
    """A copy of the job that stands, of a later report."""
    query = (
        select(StoredBackup)
        .where(
            StoredBackup.expected_job_id == row.expected_job_id,
            StoredBackup.state == StoredState.STORED.value,
            StoredBackup.report_end_at > row.report_end_at,
        )
        .order_by(StoredBackup.report_end_at.desc())
        .limit(1)
    )
    return db.session.scalar(query)
