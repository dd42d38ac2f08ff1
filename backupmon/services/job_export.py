"""The jobs that the list shows, for a file: read piece by piece, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row, select

from backupmon.extensions import db
from backupmon.models import ExpectedBackupJob
from backupmon.services.dashboard.selection import Selection, conditions
from backupmon.services.job_writing import EXPORTED

#: Jobs that are in memory at once.
_PIECE = 500


def export_jobs(selection: Selection) -> Iterator[Row[Any]]:
    """The columns `EXPORTED` of the jobs on all pages of `selection`, by number.

    Nothing is held between pieces: whoever downloads slowly holds up nobody.
    """
    job = ExpectedBackupJob
    columns = [getattr(job, name) for name in EXPORTED]
    query = select(*columns).where(*conditions(selection)).order_by(job.id).limit(_PIECE)
    last = 0
    while rows := db.session.execute(query.where(job.id > last)).all():
        db.session.rollback()
        yield from rows
        last = rows[-1].id
