"""Importing jobs from a file: adds, or updates the same (agent, database); never deletes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backupmon.core.job_spec import JobDefaults
from backupmon.services.job_changes import Outcome, plan_jobs, put_jobs
from backupmon.services.job_files import read_rows, rows_in
from backupmon.services.job_plans import Plan


@dataclass(frozen=True, slots=True)
class JobText:
    """What is to be imported.

    Parameters
    ----------
    kind:
        "csv" or "json".
    name:
        What it is called in messages.
    """

    text: str
    kind: str
    name: str


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


def preview_import(source: JobText, defaults: JobDefaults, now: datetime) -> Plan:
    """What importing `source` would do; raises as `import_jobs`."""
    return plan_jobs(rows_in(source.text, source.kind, source.name), defaults, now)


def import_as_previewed(
    source: JobText, fingerprint: str, defaults: JobDefaults, now: datetime, actor: str
) -> Outcome:
    """Import `source`, provided that this does what the plan of that fingerprint says.

    Raises
    ------
    JobFileError, RowsRefusedError
    PlanChangedError
        When it would do something else; nothing was changed.
    """
    rows = rows_in(source.text, source.kind, source.name)
    return put_jobs(rows, defaults, now, actor, expected=fingerprint)
