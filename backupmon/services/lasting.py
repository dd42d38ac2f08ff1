"""Which alerts still say what is so: those are never too old, and paused jobs hold theirs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import aliased

from backupmon.core.alert_policy import TROUBLES, AlertKind, kind_of
from backupmon.core.alert_timing import DIGEST_EXPIRES_AFTER, EXPIRES_AFTER
from backupmon.core.statuses import Status
from backupmon.models import Alert, AlertState, ExpectedBackupJob, ServerCondition

#: The statuses that people are told of.
BAD = [status.value for status in Status if kind_of(status) is not None]
TROUBLE_KINDS = [kind.value for kind in TROUBLES]


def is_too_old(now: datetime) -> ColumnElement[bool]:
    """Of alerts: those that are no news any more at `now`.

    The last word on trouble that lasts is news whenever it arrives.
    """
    old = Alert.raised_at < now - EXPIRES_AFTER
    digest = Alert.kind == AlertKind.DIGEST.value
    old_digest = digest & (Alert.raised_at < now - DIGEST_EXPIRES_AFTER)
    return or_(old_digest, and_(old, ~digest, ~_is_lasting_trouble(), ~_is_lasting_condition()))


def is_held_by_a_pause() -> ColumnElement[bool]:
    """Of alerts: trouble of jobs that are paused; nobody is to hear of it as long as they are."""
    paused = select(ExpectedBackupJob.id).where(ExpectedBackupJob.is_active.is_(False))
    return Alert.kind.in_(TROUBLE_KINDS) & Alert.job_id.is_not(None) & Alert.job_id.in_(paused)


def _is_lasting_trouble() -> ColumnElement[bool]:
    newer = aliased(Alert)
    followed = exists().where(
        newer.job_id == Alert.job_id,
        newer.id > Alert.id,
        newer.recipient_key == Alert.recipient_key,
        newer.destination == Alert.destination,
        newer.kind.in_(TROUBLE_KINDS),
        newer.state != AlertState.WITHDRAWN.value,
    )
    still = exists().where(
        ExpectedBackupJob.id == Alert.job_id,
        ExpectedBackupJob.is_active.is_(True),
        ExpectedBackupJob.current_status.in_(BAD),
    )
    return and_(Alert.kind.in_(TROUBLE_KINDS), Alert.answered_at.is_(None), still, ~followed)


def _is_lasting_condition() -> ColumnElement[bool]:
    still = exists().where(
        ServerCondition.id == Alert.condition_id, ServerCondition.ended_at.is_(None)
    )
    return and_(Alert.kind == AlertKind.SERVER.value, Alert.answered_at.is_(None), still)
