"""The areas that the pages lead to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app, g, request
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import SQLAlchemyError

from backupmon.core.accounts import Role
from backupmon.extensions import db
from backupmon.services.discoveries import count_discoveries
from backupmon.services.quarantine import count_quarantined
from backupmon.web.waiting_counts import waiting_count


@dataclass(frozen=True, slots=True)
class Place:
    """One area in the navigation.

    Parameters
    ----------
    count:
        Tells in one small query how many things wait for somebody there; 0 is not shown.
    also:
        Other blueprints whose pages belong to the area.
    """

    endpoint: str
    title: str
    role: Role = Role.VIEWER
    count: Callable[[], int] | None = None
    also: tuple[str, ...] = ()

    @property
    def for_admins(self) -> bool:
        """Whether only admins come here, and rarely."""
        return self.role is Role.ADMIN

    @property
    def waiting(self) -> int:
        """How many things wait there; none while the database fails: that has a page too."""
        try:
            return waiting_count(self.count) if self.count else 0
        except SQLAlchemyError:
            db.session.rollback()
            return 0

    @property
    def is_here(self) -> bool:
        """Whether the page belongs to the area."""
        here = (request.endpoint or "").split(".")[0].removesuffix("_actions")
        return here == self.endpoint.split(".")[0] or here in self.also


#: In the order in which they stand on every page. What is not there yet is left out.
PLACES = (
    Place("dashboard.index", _l("Dashboard"), also=("job", "job_forms", "job_import", "job_bulk")),
    Place("reports.index", _l("Reports")),
    Place("discoveries.index", _l("Discoveries"), count=count_discoveries),
    Place("quarantine.index", _l("Quarantine"), count=count_quarantined),
    Place("alerts.index", _l("Alerts")),
    Place("system.index", _l("System")),
    Place("admin_users.index", _l("Users"), Role.ADMIN),
    Place("admin_recipients.index", _l("Recipients"), Role.ADMIN),
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
