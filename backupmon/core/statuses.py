"""The words a verdict is given in, and which of them is better."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Status(StrEnum):
    """What is known of a backup. Stored and printed as these very words."""

    SUCCESS = "SUCCESS"
    HASH_MISMATCH = "HASH_MISMATCH"
    TRANSFER_INTEGRITY_FAILED = "TRANSFER_INTEGRITY_FAILED"
    FAILED = "FAILED"
    MISSING = "MISSING"
    #: A job never judged yet; a report overtaken before it could be judged.
    UNKNOWN = "UNKNOWN"
    #: An entry that waits for its verdict. Never the status of a job.
    PENDING = "PENDING"


#: Best first. A cycle is as good as its best entry.
BEST_FIRST: tuple[Status, ...] = (
    Status.SUCCESS,
    Status.HASH_MISMATCH,
    Status.TRANSFER_INTEGRITY_FAILED,
    Status.FAILED,
    Status.MISSING,
    Status.UNKNOWN,
)

#: The statuses that mean "no good backup came of this cycle".
PROBLEMS: frozenset[Status] = frozenset(
    {Status.FAILED, Status.TRANSFER_INTEGRITY_FAILED, Status.MISSING}
)


def best(statuses: Iterable[Status]) -> Status:
    """The status of a cycle whose entries were concluded with `statuses`.

    PENDING entries do not count; a cycle with no concluded entry is UNKNOWN.
    """
    concluded = [BEST_FIRST.index(s) for s in statuses if s is not Status.PENDING]
    return BEST_FIRST[min(concluded)] if concluded else Status.UNKNOWN
