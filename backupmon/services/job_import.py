"""Importing jobs from a file: adds, or updates the same (agent, database); never deletes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from backupmon.core.job_spec import JobDefaults
from backupmon.services.job_changes import Outcome, put_jobs
from backupmon.services.job_files import read_rows


def import_jobs(
    path: Path, defaults: JobDefaults, now: datetime, actor: str, *, dry_run: bool = False
) -> Outcome:
    """Import a CSV or JSON file, all or nothing, in one transaction.

    Columns that are absent, and empty cells of those that cannot be empty, get defaults in a
    new job and stay as they are in one that is there.

    Raises
    ------
    JobFileError
        When no rows can be found in the file.
    RowsRefusedError
        Naming every bad row by its line, with every fault in it.
    """
    return put_jobs(read_rows(path), defaults, now, actor, dry_run=dry_run)
