"""What became of a file that is no longer in quarantine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from backupmon.extensions import db
from backupmon.models import AuditEvent

#: Of the audit trail, by what the operator did.
ACCEPT, DELETE = "quarantine.accept", "quarantine.delete"


@dataclass(frozen=True, slots=True)
class PastAct:
    """Who did what with it, when, and why."""

    actor: str
    accepted: bool
    at: datetime
    reason: str


def last_act_on(entry_id: int) -> PastAct | None:
    """The last act on the file of an entry; None where nobody has done anything with it."""
    query = (
        select(AuditEvent)
        .where(
            AuditEvent.subject_type == "entry",
            AuditEvent.subject_id == entry_id,
            AuditEvent.action.in_((ACCEPT, DELETE)),
        )
        .order_by(AuditEvent.id.desc())
        .limit(1)
    )
    found = db.session.scalar(query)
    if found is None:
        return None
    reason = (found.after or {}).get("reason", "")
    return PastAct(found.actor, found.action == ACCEPT, found.at, str(reason or ""))
