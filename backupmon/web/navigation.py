"""The areas that the pages lead to."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app, request
from flask_babel import lazy_gettext as _l


@dataclass(frozen=True, slots=True)
class Place:
    """One area in the navigation."""

    endpoint: str
    title: str

    @property
    def is_here(self) -> bool:
        """Whether the page belongs to the area."""
        return (request.endpoint or "").split(".")[0] == self.endpoint.split(".")[0]


#: In the order in which they stand on every page. What is not there yet is left out.
PLACES = (Place("dashboard.index", _l("Dashboard")),)


def places() -> list[Place]:
    """The areas that there are."""
    return [place for place in PLACES if place.endpoint in current_app.view_functions]
