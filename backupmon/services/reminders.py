"""Reminders: that trouble lasts, to those who were told of it, as often as the job says."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import joinedload

from backupmon.config import Settings
from backupmon.core.alert_policy import AlertKind, Reminders, kind_of
from backupmon.core.alert_timing import reminder_due
from backupmon.core.statuses import Status
from backupmon.core.words import to_translate
from backupmon.extensions import db
from backupmon.models import (
    Alert,
    AlertSilence,
    AlertState,
    BackupEntry,
    ExpectedBackupJob,
)
from backupmon.services.context import Scan
from backupmon.services.lasting import BAD, TROUBLE_KINDS
from backupmon.services.outbox import (
    alert_row,
    enter_rows,
    open_silences,
    recipients_of,
    silence_of,
)

_BATCH = 500


def remind(scan: Scan) -> None:
    """Enter a reminder for everybody who was last told of trouble long enough ago.

    What lasts may have become another trouble since, of which nobody was told.
    """
    with scan.recording():
        lasting = _lasting()
        silences = open_silences(sorted({alert.job.id for alert, _ in lasting}))
        due = [
            alert
            for alert, last_told in lasting
            if reminder_due(Reminders(alert.job.alert_reminders), last_told, scan.now)
            and _is_wanted(scan, alert)
            and not _is_silenced(
                silences.get(alert.job.id, ()), Status(alert.job.current_status), scan.now
            )
        ]
        entries = deciding_entries(sorted({alert.job.id for alert in due}))
        # One a day at most, whatever clocks do.
        day = scan.now.date().isoformat()
        enter_rows(
            [
                _reminder(entries[alert.job.id], alert.recipient, scan.now, day)
                for alert in due
                if alert.job.id in entries
            ]
        )


def _is_silenced(rows: Iterable[AlertSilence], status: Status, now: datetime) -> bool:
    return any(silence_of(row).covers(status, now) for row in rows)


def tell_newcomers(scan: Scan) -> None:
    """Who is to be told of a job by now hears of its trouble; who no longer is does not.

    Recipients change, and a mistyped address is corrected, while trouble lasts.
    """
    with scan.recording():
        told = _told_of_jobs()
        jobs = _jobs_in_trouble(told)
        silences = open_silences([job.id for job in jobs])
        newcomers: dict[int, list[str]] = {}
        for job in jobs:
            wanted = {r.lower(): r for r in recipients_of(scan.settings, job)}
            _withdraw_waiting(job.id, told[job.id] - wanted.keys())
            status = Status(job.current_status)
            if not _is_silenced(silences.get(job.id, ()), status, scan.now):
                new = sorted(wanted.keys() - told[job.id])
                newcomers[job.id] = [wanted[key] for key in new]
        entries = deciding_entries([job_id for job_id, new in newcomers.items() if new])
        enter_rows(
            [
                alert_row(kind, recipient, scan.now, entry=entry, status=status)
                for job_id, entry in entries.items()
                if (kind := kind_of(status := Status(entry.job.current_status))) is not None
                for recipient in newcomers[job_id]
            ]
        )


def _told_of_jobs() -> dict[int, set[str]]:
    """Who was told of trouble of a job that is not over, or is about to be."""
    query = (
        select(Alert.job_id, Alert.recipient_key)
        .where(
            Alert.answered_at.is_(None),
            Alert.job_id.is_not(None),
            Alert.kind.in_(TROUBLE_KINDS),
            Alert.state.in_((AlertState.WAITING.value, AlertState.SENT.value)),
        )
        .distinct()
    )
    found: dict[int, set[str]] = {}
    for job_id, key in db.session.execute(query):
        if job_id is not None:
            found.setdefault(job_id, set()).add(key)
    return found


def _jobs_in_trouble(told: Mapping[int, set[str]]) -> Sequence[ExpectedBackupJob]:
    query = select(ExpectedBackupJob).where(
        ExpectedBackupJob.is_active.is_(True),
        ExpectedBackupJob.deleted_at.is_(None),
        ExpectedBackupJob.current_status.in_(BAD),
    )
    return [job for job in db.session.scalars(query) if job.id in told]


def _withdraw_waiting(job_id: int, keys: Collection[str]) -> None:
    if not keys:
        return
    waiting = (Alert.state == AlertState.WAITING.value) & Alert.message_id.is_(None)
    mine = (Alert.job_id == job_id) & Alert.recipient_key.in_(keys)
    note = to_translate("it is no longer to be told to them")
    db.session.execute(
        update(Alert)
        .where(waiting, mine, Alert.kind.in_(TROUBLE_KINDS))
        .values(state=AlertState.WITHDRAWN.value, note=note)
        .execution_options(synchronize_session=False)
    )


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
            Alert.kind.in_(TROUBLE_KINDS),
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
    entries = deciding_entries([job.id for job in bad])
    occurrence = f"silence {now:%Y-%m-%dT%H:%M:%S}"
    enter_rows(
        [
            _reminder(entries[job.id], recipient, now, occurrence)
            for job in bad
            if job.id in entries
            for recipient in recipients_of(settings, job)
        ]
    )


def _kind(job: ExpectedBackupJob) -> AlertKind | None:
    return kind_of(Status(job.current_status))


def deciding_entries(job_ids: Sequence[int]) -> dict[int, BackupEntry]:
    """Of each job the entry that its status comes from, unless an operator accepted that."""
    number = func.row_number().over(
        partition_by=BackupEntry.expected_job_id,
        order_by=(BackupEntry.cycle_due_at.desc(), BackupEntry.timestamp.desc()),
    )
    found: dict[int, BackupEntry] = {}
    for start in range(0, len(job_ids), _BATCH):
        numbered = (
            select(BackupEntry.id, number.label("number"))
            .join(ExpectedBackupJob)
            .where(
                BackupEntry.expected_job_id.in_(job_ids[start : start + _BATCH]),
                BackupEntry.status == ExpectedBackupJob.current_status,
            )
            .subquery()
        )
        newest = select(numbered.c.id).where(numbered.c.number == 1)
        query = select(BackupEntry).where(
            BackupEntry.id.in_(newest), BackupEntry.accepted_at.is_(None)
        )
        query = query.options(joinedload(BackupEntry.job))
        found.update((entry.expected_job_id, entry) for entry in db.session.scalars(query))
    return found


def _lasting() -> list[Any]:
    """The newest alert of each trouble that lasts, by recipient, and when they last heard."""
    newest = (
        select(func.max(Alert.id).label("id"), func.max(Alert.sent_at).label("told"))
        .where(
            Alert.answered_at.is_(None),
            Alert.kind.in_(TROUBLE_KINDS),
            Alert.sent_at.is_not(None),
            Alert.state != AlertState.WITHDRAWN.value,
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
            ExpectedBackupJob.current_status.in_(BAD),
        )
        .options(joinedload(Alert.job))
    )
    return list(db.session.execute(query))


def _is_wanted(scan: Scan, alert: Alert) -> bool:
    assert alert.job is not None
    recipients = recipients_of(scan.settings, alert.job)
    return alert.recipient_key in {address.lower() for address in recipients}


def _reminder(entry: BackupEntry, recipient: str, now: datetime, occurrence: str) -> dict[str, Any]:
    status = Status(entry.job.current_status)
    kind = AlertKind.REMINDER
    return alert_row(kind, recipient, now, entry=entry, status=status, occurrence=occurrence)
