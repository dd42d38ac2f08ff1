"""What is quick because it does less than it should is no figure."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import BackupEntry, StoredBackup, StoredState
from bench.deposits import Delivery


def make_sure_all_went_well(delivery: Delivery, night: datetime) -> None:
    """Every backup of the night that is due at `night` has succeeded and been put away."""
    good = select(func.count()).where(
        BackupEntry.status == Status.SUCCESS.value, BackupEntry.cycle_due_at == night
    )
    stored = select(func.count()).where(
        StoredBackup.state == StoredState.STORED.value, StoredBackup.cycle_due_at == night
    )
    found = db.session.scalar(good), db.session.scalar(stored)
    assert found == (delivery.backups, delivery.backups), f"of {delivery.backups}: {found}"
