"""News wait for their siblings: what workers judge one by one is told in one message.

On the queue a site's twenty databases get twenty verdicts within seconds or hours, each followed
by a delivery. The news of an agent wait while others of its backups are still to be verified.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, true

from backupmon.core.alert_policy import AlertKind
from backupmon.core.alert_timing import GATHER_FOR
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import Alert, BackupEntry, ExpectedBackupJob

#: Bad news wait no longer than this for the rest; a recovery may, as long as news are gathered.
BAD_NEWS_WAIT = timedelta(minutes=1)
_GOOD = (AlertKind.RECOVERY.value, AlertKind.CORRECTION.value)


def ready(now: datetime) -> ColumnElement[bool]:
    """Of alerts: those that do not wait for siblings at `now`."""
    agents = _being_judged()
    if not agents:
        return true()
    bad = Alert.kind.not_in(_GOOD) & (Alert.raised_at > now - BAD_NEWS_WAIT)
    good = Alert.kind.in_(_GOOD) & (Alert.raised_at > now - GATHER_FOR)
    return ~(Alert.agent_key.in_(agents) & (bad | good))


def _being_judged() -> list[str]:
    """The agents of which something is still to be verified, or is being.

    What was looked at and has to wait, such as for a file to settle, holds up nothing.
    """
    to_do = BackupEntry.looked_at.is_(None) | BackupEntry.lease_host.is_not(None)
    query = (
        select(ExpectedBackupJob.agent_key)
        .join(BackupEntry, BackupEntry.expected_job_id == ExpectedBackupJob.id)
        .where(BackupEntry.status == Status.PENDING.value, to_do)
        .distinct()
    )
    return list(db.session.scalars(query))
