"""Reminders: that trouble lasts, to those who were told of it, as often as the job says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from backupmon.config import Settings
from backupmon.core.alert_policy import TROUBLES, AlertKind, Reminders, kind_of
from backupmon.core.alert_timing import reminder_due
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import (
    Alert,
    AlertSilence,
    AlertState,
    BackupEntry,
    ExpectedBackupJob,
)
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


def end_snoozes(scan: Scan) -> None:
    """End the snoozes whose time is up, and tell once of the trouble that outlasted them."""
    query = (
        select(AlertSilence)
        .where(AlertSilence.ended_at.is_(None), AlertSilence.until <= scan.now)
        .options(joinedload(AlertSilence.job))
    )
    with scan.recording():
        over = db.session.scalars(query).all()
        for silence in over:
            silence.ended_at = scan.now
        told = _told_since({row.job_id: row.until for row in over if row.until})
        tell_lasting(scan.settings, [row.job for row in over if row.job_id not in told], scan.now)


def _told_since(moments: Mapping[int, datetime]) -> set[int]:
    """The jobs of which something was raised since their snoozes were to end."""
    query = (
        select(Alert.job_id, func.max(Alert.raised_at))
        .where(
            Alert.job_id.in_(moments),
            Alert.kind.in_([kind.value for kind in TROUBLES]),
            Alert.state != AlertState.WITHDRAWN.value,
        )
        .group_by(Alert.job_id)
    )
    found = db.session.execute(query).all()
    return {job for job, raised in found if job is not None and raised >= moments[job]}


def tell_lasting(settings: Settings, jobs: Iterable[ExpectedBackupJob], now: datetime) -> None:
    """Enter, in the transaction under way, that the trouble of jobs lasts, to all it concerns.

    For when a silence has ended: some may not have been told of it at all.
    """
    bad = [job for job in jobs if job.is_active and job.deleted_at is None and _kind(job)]
    entries = _deciding_entries([job.id for job in bad])
    enter_rows(
        [
            alert_row(
                AlertKind.REMINDER,
                recipient,
                now,
                entry=entries[job.id],
                status=Status(job.current_status),
                occurrence=f"silence {now:%Y-%m-%dT%H:%M:%S}",
            )
            for job in bad
            if job.id in entries
            for recipient in recipients_of(settings, job)
        ]
    )


def _kind(job: ExpectedBackupJob) -> AlertKind | None:
    return kind_of(Status(job.current_status))


def _deciding_entries(job_ids: Sequence[int]) -> dict[int, BackupEntry]:
    """Of each job the entry that its status comes from."""
    found: dict[int, BackupEntry] = {}
    for job_id in job_ids:
        query = (
            select(BackupEntry)
            .join(ExpectedBackupJob)
            .where(
                BackupEntry.expected_job_id == job_id,
                BackupEntry.status == ExpectedBackupJob.current_status,
            )
            .order_by(BackupEntry.cycle_due_at.desc(), BackupEntry.timestamp.desc())
            .limit(1)
        )
        found.update((job_id, entry) for entry in db.session.scalars(query))
    return found


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
