"""Silences: an operator snoozes a job until a date, or says that its trouble is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from backupmon.config import Settings
from backupmon.core.alert_policy import TROUBLES, kind_of
from backupmon.core.errors import RefusedError
from backupmon.core.statuses import Status
from backupmon.core.text import clean
from backupmon.core.words import human_time, to_translate
from backupmon.extensions import begin_write, db
from backupmon.models import Alert, AlertSilence, AlertState, ExpectedBackupJob
from backupmon.models.columns import iso
from backupmon.services.audit import Act, record_acts
from backupmon.services.history import find_job
from backupmon.services.job_state import lock_jobs
from backupmon.services.reminders import deciding_entries, tell_lasting

_NOTE = 1000


def snooze_job(
    job_id: int, until: datetime, actor: str, now: datetime, note: str = ""
) -> AlertSilence:
    """Tell nothing of a job's trouble until a moment; it takes the place of an earlier silence.

    Raises
    ------
    NotFoundError
        When there is no such job.
    RefusedError
        When that moment is past.
    """
    if until <= now:
        raise RefusedError(
            f"{human_time(until)} is past", "give a moment to come, such as tomorrow's date"
        )
    return _silence(job_id, actor, now, note, until=until)


def acknowledge_job(job_id: int, actor: str, now: datetime, note: str = "") -> AlertSilence:
    """Tell no more of a job's trouble, until it is over or becomes another.

    Raises
    ------
    NotFoundError
        When there is no such job.
    RefusedError
        When nothing is wrong with it.
    """
    return _silence(job_id, actor, now, note)


def end_silence(settings: Settings, job_id: int, actor: str, now: datetime) -> int:
    """Tell of a job's trouble again, at once if it lasts; gives how many silences that ended.

    Raises
    ------
    NotFoundError
        When there is no such job.
    """
    begin_write()
    job = _locked(job_id)
    ended = _end(job, now)
    if ended:
        tell_lasting(settings, [job], now)
        record_acts([Act("alerts.unsilence", "job", job.id, None, None)], actor, now)
    db.session.commit()
    return ended


def list_silences(now: datetime) -> Sequence[AlertSilence]:
    """The silences in force, with their jobs, the newest first."""
    query = (
        select(AlertSilence)
        .where(
            AlertSilence.ended_at.is_(None),
            AlertSilence.until.is_(None) | (AlertSilence.until > now),
        )
        .options(joinedload(AlertSilence.job))
        .order_by(AlertSilence.id.desc())
    )
    return db.session.scalars(query).all()


def silence_in_force(job_id: int, now: datetime) -> AlertSilence | None:
    """What keeps a job silent at `now`."""
    query = select(AlertSilence).where(
        AlertSilence.job_id == job_id,
        AlertSilence.ended_at.is_(None),
        AlertSilence.until.is_(None) | (AlertSilence.until > now),
    )
    return db.session.scalars(query.order_by(AlertSilence.id.desc())).first()


def _silence(
    job_id: int, actor: str, now: datetime, note: str, until: datetime | None = None
) -> AlertSilence:
    begin_write()
    job = _locked(job_id)
    status = None if until else _known_trouble(job)
    _end(job, now)
    row = AlertSilence(
        job_id=job.id,
        until=until,
        status=status,
        note=clean(note, _NOTE),
        actor=actor[:255],
        created_at=now,
    )
    db.session.add(row)
    _withdraw_unsent(job, now)
    action = "alerts.snooze" if until else "alerts.acknowledge"
    after = {"until": iso(until), "status": status, "note": row.note}
    record_acts([Act(action, "job", job.id, None, after)], actor, now)
    db.session.commit()
    return row


def _locked(job_id: int) -> ExpectedBackupJob:
    job = find_job(job_id)
    lock_jobs([job.id])
    return job


def _known_trouble(job: ExpectedBackupJob) -> str:
    if not deciding_entries([job.id]) or kind_of(Status(job.current_status)) is None:
        raise RefusedError(
            f"nothing is wrong with {job.title}: its status is {job.current_status}",
            "snooze it to hear nothing of it for a while",
        )
    return job.current_status


def _end(job: ExpectedBackupJob, now: datetime) -> int:
    query = select(AlertSilence).where(
        AlertSilence.job_id == job.id, AlertSilence.ended_at.is_(None)
    )
    rows = db.session.scalars(query).all()
    for row in rows:
        row.ended_at = now
    return len(rows)


def _withdraw_unsent(job: ExpectedBackupJob, now: datetime) -> None:
    """Trouble that somebody has not been told of yet is known now to the one who matters.

    That it is over is still told to those who heard of it.
    """
    unsent = (Alert.state == AlertState.WAITING.value) & Alert.message_id.is_(None)
    trouble = Alert.kind.in_([kind.value for kind in TROUBLES])
    values = {
        "state": AlertState.WITHDRAWN.value,
        "note": to_translate("silenced by an operator"),
        "answered_at": now,
    }
    db.session.execute(
        update(Alert)
        .where(Alert.job_id == job.id, unsent, trouble)
        .values(values)
        .execution_options(synchronize_session=False)
    )
