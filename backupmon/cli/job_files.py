"""``flask jobs import`` and ``export``."""

from __future__ import annotations

from pathlib import Path

import click

from backupmon.cli.edge import needs_database, print_json
from backupmon.cli.job_options import actor, defaults, fail_rows, now
from backupmon.core.errors import BackupmonError
from backupmon.services.job_drafts import RowsRefusedError
from backupmon.services.job_import import import_jobs
from backupmon.services.job_writing import csv_text, json_text
from backupmon.services.jobs import list_jobs


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check the file, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
@needs_database
def import_command(file: Path, dry_run: bool, as_json: bool) -> None:
    """Add or update the jobs of FILE, all or none: CSV with a header, or a JSON array.

    A row concerns the job of its agent and database. Nothing is ever deleted.
    """
    try:
        done = import_jobs(file, defaults(), now(), actor(), dry_run=dry_run)
    except RowsRefusedError as error:
        fail_rows(error)
    counts = {
        "added": len(done.added),
        "updated": len(done.updated),
        "unchanged": len(done.unchanged),
    }
    if as_json:
        print_json({**counts, "dry_run": dry_run})
        return
    told = ", ".join(f"{count} {word}" for word, count in counts.items())
    click.echo(f"{told}{' (dry run: nothing was changed)' if dry_run else ''}")


@click.command("export")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "json"]),
    help="Default: as the suffix of --output says, else csv.",
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write this file.")
@needs_database
def export_command(kind: str | None, output: Path | None) -> None:
    """Print all jobs, so that flask jobs import reads them again."""
    if kind is None:
        kind = "json" if output and output.suffix.lower() == ".json" else "csv"
    jobs = sorted(list_jobs(), key=lambda job: job.id)
    data = (csv_text(jobs) if kind == "csv" else json_text(jobs)).encode()
    if output is None:
        click.echo(data, nl=False)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise BackupmonError(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"{len(jobs)} {'job' if len(jobs) == 1 else 'jobs'} written to {output}", err=True)
