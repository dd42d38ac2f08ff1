"""How many things wait in an area, for the navigation of every page."""

from __future__ import annotations

from collections.abc import Callable

from flask import g

from backupmon.application import current_settings
from backupmon.services.state_version import state_version

#: By the database and what is counted: the count of changes that the number is of, and the number.
_known: dict[tuple[str, Callable[[], int]], tuple[int, int]] = {}


def waiting_count(count: Callable[[], int]) -> int:
    """What `count` gives; it is asked only after a change."""
    place = current_settings().database_url, count
    version = _version()
    known, number = _known.get(place, (-1, 0))
    if known != version:
        number = count()
        _known[place] = version, number
    return number


def _version() -> int:
    """Asked once for all areas of a page."""
    if "state_version" not in g:
        g.state_version = state_version()
    found: int = g.state_version
    return found
