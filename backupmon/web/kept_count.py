"""How many files lie in quarantine, for the navigation of every page."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError

from backupmon.application import current_settings
from backupmon.services.quarantine import count_quarantined
from backupmon.services.state_version import state_version

#: By the database: the count of changes that the number is of, and the number.
_known: dict[str, tuple[int, int]] = {}


def kept_count() -> int:
    """The number, counted anew only after a change; 0 where the database does not tell.

    A page that says that the database failed has a navigation too.
    """
    place = current_settings().database_url
    try:
        version = state_version()
        known, count = _known.get(place, (-1, 0))
        if known != version:
            count = count_quarantined()
            _known[place] = version, count
    except SQLAlchemyError:
        return 0
    return count
