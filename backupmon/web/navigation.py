"""The areas that the pages lead to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app, g, request
from flask_babel import lazy_gettext as _l

from backupmon.core.accounts import Role
from backupmon.web.kept_count import kept_count


@dataclass(frozen=True, slots=True)
class Place:
    """One area in the navigation.

    Parameters
    ----------
    count:
        Tells how much waits for somebody there; 0 is not shown.
    """

    endpoint: str
    title: str
    role: Role = Role.VIEWER
    count: Callable[[], int] = int

    @property
    def is_here(self) -> bool:
        """Whether the page belongs to the area."""
        here = (request.endpoint or "").split(".")[0].removesuffix("_actions")
        return here == self.endpoint.split(".")[0]


#: In the order in which they stand on every page. What is not there yet is left out.
PLACES = (
    Place("dashboard.index", _l("Dashboard")),
    Place("quarantine.index", _l("Quarantine"), count=kept_count),
    Place("system.index", _l("System")),
    Place("admin_users.index", _l("Users"), Role.ADMIN),
    Place("admin_tokens.index", _l("API tokens"), Role.ADMIN),
    Place("admin_audit.index", _l("Audit log"), Role.ADMIN),
)


def places() -> list[Place]:
    """The areas that there are, and that the reader may come to."""
    reader = g.get("reader")
    return [
        place
        for place in PLACES
        if place.endpoint in current_app.view_functions and reader and reader.may(place.role)
    ]
