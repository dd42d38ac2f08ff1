"""How a job stands, as pages show it: its status, or that nothing is expected of it."""

from __future__ import annotations

from enum import StrEnum

from backupmon.core.statuses import Status


class Standing(StrEnum):
    """A job's status; PAUSED goes before it, since a paused job worries nobody.

    Listed worst first.
    """

    MISSING = Status.MISSING.value
    FAILED = Status.FAILED.value
    TRANSFER_INTEGRITY_FAILED = Status.TRANSFER_INTEGRITY_FAILED.value
    HASH_MISMATCH = Status.HASH_MISMATCH.value
    UNKNOWN = Status.UNKNOWN.value
    SUCCESS = Status.SUCCESS.value
    PAUSED = "PAUSED"


WORST_FIRST: tuple[Standing, ...] = tuple(Standing)

#: What a person should look at.
NEEDS_YOU: frozenset[Standing] = frozenset(
    {
        Standing.MISSING,
        Standing.FAILED,
        Standing.TRANSFER_INTEGRITY_FAILED,
        Standing.HASH_MISMATCH,
    }
)


def standing_of(status: str, is_active: bool) -> Standing:
    """How a job of that status stands."""
    return Standing(status) if is_active else Standing.PAUSED
