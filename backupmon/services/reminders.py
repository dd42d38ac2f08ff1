"""Reminders: that trouble lasts, to those who were told of it, as often as the job says."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from backupmon.core.alert_policy import TROUBLES, AlertKind, Reminders
from backupmon.core.alert_timing import reminder_due
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import Alert, ExpectedBackupJob
from backupmon.services.context import Scan
from backupmon.services.outbox import (
    alert_row,
    enter_rows,
    open_silences,
    recipients_of,
    silence_of,
)


def remind(scan: Scan) -> None:
    """Enter a reminder for everybody who was last told of trouble long enough ago."""
    with scan.recording():
        lasting = _lasting()
        silences = open_silences(sorted({alert.job.id for alert, _ in lasting}))
        due = [
            alert
            for alert, last_told in lasting
            if reminder_due(Reminders(alert.job.alert_reminders), last_told, scan.now)
            and _is_wanted(scan, alert)
            and not any(
                silence_of(row).covers(Status(alert.job.current_status), scan.now)
                for row in silences.get(alert.job.id, ())
            )
        ]
        enter_rows([_row(scan, alert) for alert in due])


def _lasting() -> list[Any]:
    """The newest alert of each trouble that lasts, by recipient, and when they last heard."""
    newest = (
        select(func.max(Alert.id).label("id"), func.max(Alert.sent_at).label("told"))
        .where(
            Alert.answered_at.is_(None),
            Alert.kind.in_([kind.value for kind in TROUBLES]),
            Alert.sent_at.is_not(None),
            Alert.entry_id.is_not(None),
        )
        .group_by(Alert.job_id, Alert.recipient_key)
        .subquery()
    )
    query = (
        select(Alert, newest.c.told)
        .join(newest, newest.c.id == Alert.id)
        .join(ExpectedBackupJob, ExpectedBackupJob.id == Alert.job_id)
        .where(
            ExpectedBackupJob.alert_reminders != Reminders.NONE.value,
            ExpectedBackupJob.is_active.is_(True),
            ExpectedBackupJob.deleted_at.is_(None),
            ExpectedBackupJob.current_status == Alert.status,
        )
        .options(joinedload(Alert.job), joinedload(Alert.entry))
    )
    return list(db.session.execute(query))


def _is_wanted(scan: Scan, alert: Alert) -> bool:
    assert alert.job is not None
    recipients = recipients_of(scan.settings, alert.job)
    return alert.recipient_key in {address.lower() for address in recipients}


def _row(scan: Scan, alert: Alert) -> dict[str, Any]:
    return alert_row(
        AlertKind.REMINDER,
        alert.recipient,
        scan.now,
        entry=alert.entry,
        status=Status(alert.status or Status.FAILED),
        # One a day at most, whatever clocks do.
        occurrence=scan.now.date().isoformat(),
    )
