"""What a person does to a job beside changing its fields; the caller holds and saves it."""

from __future__ import annotations

from datetime import datetime

from backupmon.core.job_spec import FieldFault
from backupmon.core.words import to_translate
from backupmon.models import ExpectedBackupJob
from backupmon.models.columns import row_dict
from backupmon.services.audit import Act
from backupmon.services.job_drafts import JobRefusedError
from backupmon.services.job_state import restart_cycles

_PAUSE = ("is_active", "paused_until")


def refuse_past(until: datetime | None, now: datetime) -> None:
    """Raise JobRefusedError unless a pause may end at `until`."""
    if until is not None and until <= now:
        hint = to_translate("give a time that is still ahead")
        raise JobRefusedError([FieldFault("paused_until", to_translate("is in the past"), hint)])


def pause(job: ExpectedBackupJob, until: datetime | None, now: datetime) -> Act | None:
    """Expect nothing of `job` until then; None where it is so already."""
    if (job.is_active, job.paused_until) == (False, until):
        return None
    before = row_dict(job, _PAUSE)
    job.is_active, job.paused_until, job.pause_ended = False, until, None
    return _act(job, "job.pause", before, now)


def resume(job: ExpectedBackupJob, now: datetime) -> Act | None:
    """Expect `job` again, from its next due time on.

    One that is active already is left as it is: beginning anew would forgive what is overdue.
    """
    if job.is_active:
        return None
    before = row_dict(job, _PAUSE)
    job.is_active, job.paused_until, job.pause_ended = True, None, None
    restart_cycles(job, now)
    return _act(job, "job.resume", before, now)


def delete(job: ExpectedBackupJob, now: datetime) -> Act:
    """Hide `job`; its entries and files stay."""
    before = row_dict(job, ("deleted_at",))
    job.deleted_at = now
    return _act(job, "job.delete", before, now)


def _act(job: ExpectedBackupJob, action: str, before: dict[str, object], now: datetime) -> Act:
    job.version += 1
    job.updated_at = now
    return Act(action, "job", job.id, before, row_dict(job, tuple(before)))
