"""Trying out a root: only where it is the right one, since its disk may not be mounted."""

from __future__ import annotations

from dataclasses import dataclass

from backupmon.core.errors import BackupmonError
from backupmon.services.roots import known_root
from backupmon.storage.roots import Root, check_marker, read_marker
from backupmon.storage.trying import Trial, try_out


@dataclass(frozen=True, slots=True)
class TriedRoot:
    """A root, and how it stood up to use.

    Parameters
    ----------
    trouble:
        Why it cannot be used; None when it can.
    compared:
        Whether its marker was held against the one in the database.
    trial:
        What was seen in using it; None where that was not tried, or failed.
    """

    root: Root
    trouble: BackupmonError | None = None
    compared: bool = False
    trial: Trial | None = None


def try_root(root: Root, *, known: bool) -> TriedRoot:
    """Look whether a root is the one that was used before, then use it.

    Parameters
    ----------
    known:
        Whether the database can be asked which one that is.
    """
    compared = False
    try:
        marker = read_marker(root)
        before = known_root(root) if known else None
        if before is not None:
            check_marker(root, before.marker)
            compared = True
        elif not marker:
            return TriedRoot(root)
        return TriedRoot(root, None, compared, try_out(root))
    except BackupmonError as error:
        return TriedRoot(root, error, compared)
