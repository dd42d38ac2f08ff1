"""Which jobs a digest tells somebody of: those that concern them, or all."""

from __future__ import annotations

from sqlalchemy import ColumnElement, func, literal

from backupmon.config import Settings
from backupmon.models import ExpectedBackupJob
from backupmon.services.alert_recipients import is_told_all


def concerns(settings: Settings, recipient_key: str) -> ColumnElement[bool]:
    """That a job is there, and concerns somebody: said by the database, however many there are.

    Addresses are kept as ``a@x.org, b@x.org``; none holds a comma or a blank.
    """
    job = ExpectedBackupJob
    there = job.deleted_at.is_(None)
    if is_told_all(settings, recipient_key):
        return there
    listed = func.replace(func.lower(job.notification_recipients), " ", "")
    among = literal(",").concat(listed).concat(",")
    return there & among.contains(f",{recipient_key},", autoescape=True)
