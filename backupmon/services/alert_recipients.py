"""How each person wants to be told. Who never said gets what is usual."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from backupmon.core.job_fields import address as read_address
from backupmon.extensions import begin_write, db
from backupmon.models import AlertRecipient
from backupmon.services.audit import Act, record_acts

#: Any number but those of other locks will do ("reci" in ASCII).
_ALONE = 0x72656369


def set_language(address: str, language: str | None, actor: str, now: datetime) -> AlertRecipient:
    """Let mails to an address be in a language; None is the setting's.

    Raises
    ------
    RefusedError
        When that is no mail address.
    """
    wanted = read_address(address)
    begin_write(alone=_ALONE)
    query = select(AlertRecipient).where(AlertRecipient.address_key == wanted.lower())
    row = db.session.scalar(query)
    before = row.language if row else None
    if row is None:
        row = AlertRecipient(address=wanted, address_key=wanted.lower(), created_at=now)
        db.session.add(row)
    row.language = language
    db.session.flush()
    change = {"language": before}, {"address": wanted, "language": language}
    record_acts([Act("alerts.language", "alert_recipient", row.id, *change)], actor, now)
    db.session.commit()
    return row
