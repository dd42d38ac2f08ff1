"""What a scan ended at a moment that turns out to lie ahead lasts again.

A clock that jumped, or a trial with ``--as-of``. It is known for one only once a later scan is at
an earlier moment: whole stories are told with ``--as-of``, and all must take effect in them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.orm import aliased

from backupmon.core.alert_policy import AlertKind
from backupmon.core.statuses import Status
from backupmon.core.words import to_translate
from backupmon.extensions import db
from backupmon.models import (
    Alert,
    AlertSilence,
    AlertState,
    AuditEvent,
    BackupEntry,
    ExpectedBackupJob,
)
from backupmon.services.job_state import lock_jobs

log = structlog.get_logger()

#: So far the clocks of several machines may differ: what is no further ahead was rightly done.
SKEW = timedelta(minutes=5)
#: Of alerts: taken back, though they have gone out.
IS_TRIAL = Alert.occurrence.like("trial %")
#: What the end of a silence lets be told bears its moment.
_AT_END = "silence %Y-%m-%dT%H:%M:%S"


def take_back(which: ColumnElement[bool]) -> None:
    """Take alerts back, in the transaction under way, so that they can be raised again in time.

    What somebody was told already, or may have been, stays, and keeps nothing else from being
    told.
    """
    unsent = Alert.sent_at.is_(None) & Alert.message_id.is_(None)
    forget = delete(Alert).where(which, unsent)
    db.session.execute(forget.execution_options(synchronize_session=False))
    for alert in db.session.scalars(select(Alert).where(which, ~IS_TRIAL).with_for_update()):
        alert.occurrence = f"trial {alert.id}"
        if alert.state == AlertState.SENT.value:
            alert.state = AlertState.WITHDRAWN.value
            alert.note = to_translate("its moment turned out to lie ahead")


def pause_again(moment: datetime, real_now: datetime) -> None:
    """Let the pauses last that end after `moment`, and that a scan ended nevertheless.

    Parameters
    ----------
    moment:
        The later of the scan's moment and the clock.
    real_now:
        The clock's own, which tells when a job was changed.
    """
    query = select(ExpectedBackupJob.id).where(
        ExpectedBackupJob.is_active.is_(True), ExpectedBackupJob.pause_ended > moment
    )
    for job in lock_jobs(db.session.scalars(query)):
        # An operator may have had a word meanwhile.
        if job.is_active and job.pause_ended is not None:
            job.is_active, job.paused_until, job.pause_ended = False, job.pause_ended, None
            job.updated_at = real_now
            log.warning("job.paused_again", job=job.id, agent=job.agent_id_responsible)


def silence_again(moment: datetime) -> None:
    """Let the silences last that a scan ended after `moment`, and take back what it then told.

    To be called once what was entered too early is withdrawn.

    Parameters
    ----------
    moment:
        The later of the scan's moment and the clock.
    """
    ahead = moment + SKEW
    query = select(AlertSilence).where(AlertSilence.ended_at > ahead)
    jobs = {row.job_id for row in db.session.scalars(query)}
    if jobs:
        lock_jobs(jobs)
        mistaken = query.where(~_ended_by_somebody(), ~_outlived())
        for row in db.session.scalars(mistaken.execution_options(populate_existing=True)):
            assert row.ended_at is not None
            told = Alert.occurrence == row.ended_at.strftime(_AT_END)
            take_back(
                (Alert.kind == AlertKind.REMINDER.value) & (Alert.job_id == row.job_id) & told
            )
            row.ended_at = None
            log.warning("silence.lasts_again", job=row.job_id, silence=row.id)
    # What an operator's word raised stands, by whatever clock.
    daily = (Alert.kind == AlertKind.REMINDER.value) & Alert.occurrence.not_like("silence %")
    take_back(daily & (Alert.raised_at > ahead))


def _ended_by_somebody() -> ColumnElement[bool]:
    """Of silences: an operator ended it, or has silenced the job anew."""
    newer = aliased(AlertSilence)
    word = (
        (AuditEvent.subject_type == "job")
        & (AuditEvent.subject_id == AlertSilence.job_id)
        & (AuditEvent.action == "alerts.unsilence")
        & (AuditEvent.at == AlertSilence.ended_at)
    )
    again = (newer.job_id == AlertSilence.job_id) & (newer.id > AlertSilence.id)
    return exists().where(word) | exists().where(again)


def _outlived() -> ColumnElement[bool]:
    """Of silences: what was known became another trouble, or was over, by a verdict that stands.

    When in doubt, people are told.
    """
    other = BackupEntry.status.not_in([Status.PENDING.value, AlertSilence.status])
    later = BackupEntry.timestamp > AlertSilence.created_at
    accepted = BackupEntry.accepted_at > AlertSilence.created_at
    mine = BackupEntry.expected_job_id == AlertSilence.job_id
    # A snooze has its time, whatever happens in it.
    return AlertSilence.until.is_(None) & exists().where(mine, (other & later) | accepted)
