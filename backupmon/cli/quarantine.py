"""``flask quarantine``: what lies there, and what to do with it."""

from __future__ import annotations

import getpass

import click

from backupmon.cli.edge import needs_database, print_json, settings
from backupmon.cli.tables import Column, print_table, status_text
from backupmon.core.words import human_bytes, human_time
from backupmon.models.stored import StoredBackup
from backupmon.services.quarantine import (
    Operator,
    accept_quarantined,
    delete_quarantined,
    list_quarantined,
)


@click.group("quarantine")
def quarantine_group() -> None:
    """Look at quarantined files, accept a changed one, or delete."""


@quarantine_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
@needs_database
def list_command(as_json: bool) -> None:
    """List what lies in quarantine, the newest first."""
    rows = list_quarantined()
    if as_json:
        print_json([_as_dict(row) for row in rows])
    elif not rows:
        click.echo("Nothing lies in quarantine.")
    else:
        print_table(
            [
                Column("entry", right=True),
                Column("status"),
                Column("job", cut=True),
                Column("cycle due"),
                Column("size", right=True),
                Column("why", wide=True),
            ],
            [_row(row) for row in rows],
        )


@quarantine_group.command("accept")
@click.argument("entry_id", type=int)
@click.option("--reason", default="", help="Why, for the audit log.")
@needs_database
def accept_command(entry_id: int, reason: str) -> None:
    """Promote the changed file of ENTRY_ID; it becomes the new baseline."""
    row = accept_quarantined(settings(), entry_id, _operator(reason))
    click.echo(f"Accepted: {row.job.title} now stands at {row.path} ({row.state}).")


@quarantine_group.command("delete")
@click.argument("entry_id", type=int)
@click.option("--reason", default="", help="Why, for the audit log.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@needs_database
def delete_command(entry_id: int, reason: str, yes: bool) -> None:
    """Delete the file of ENTRY_ID from quarantine; its entry and findings stay."""
    if not yes:
        click.confirm(f"Delete the quarantined file of entry {entry_id} for ever?", abort=True)
    row = delete_quarantined(settings(), entry_id, _operator(reason))
    click.echo(f"Deleted {row.file_name} ({human_bytes(row.size)}).")


def _operator(reason: str) -> Operator:
    return Operator(f"cli:{getpass.getuser()}", reason)


def _row(row: StoredBackup) -> list[str]:
    return [
        str(row.entry_id),
        status_text(row.entry.status),
        row.job.title,
        human_time(row.cycle_due_at),
        human_bytes(row.size),
        row.note or row.entry.message,
    ]


def _as_dict(row: StoredBackup) -> dict[str, object]:
    return {
        **row.entry.as_dict(),
        "agent_id_responsible": row.job.agent_id_responsible,
        "database_name": row.job.database_name,
        "quarantine_path": row.path,
        "note": row.note,
    }
