"""``flask history``: what became of a job's cycles."""

from __future__ import annotations

import click

from backupmon.cli.edge import needs_database, print_json
from backupmon.cli.tables import Column, print_table, status_text
from backupmon.core.words import human_bytes, human_time
from backupmon.models import BackupEntry
from backupmon.services.history import find_job, job_history


@click.command("history")
@click.argument("job_id", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print an array of entries.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many entries.")
@needs_database
def history_command(job_id: int, as_json: bool, limit: int | None) -> None:
    """Show the entries of job JOB_ID, newest cycle first."""
    job = find_job(job_id)
    entries = job_history(job_id, limit)
    if as_json:
        print_json([entry.as_dict() for entry in entries])
        return
    click.echo(f"{job.title} ({job.company_name}, {job.city}): {job.current_status}")
    if not entries:
        click.echo("No cycle has been judged yet.")
        return
    print_table(
        [
            Column("cycle due"),
            Column("status"),
            Column("size", right=True),
            Column("what was found", wide=True),
        ],
        [_row(entry) for entry in entries],
    )


def _row(entry: BackupEntry) -> list[str]:
    size = entry.server_calculated_staged_size
    return [
        human_time(entry.cycle_due_at),
        status_text(entry.status) + (" (late)" if entry.late else ""),
        "" if size is None else human_bytes(size),
        entry.message,
    ]
