"""``flask copies``: what jobs left behind in the validated area."""

from __future__ import annotations

import getpass
from datetime import timedelta

import click

from backupmon.cli.edge import needs_database, print_json, settings
from backupmon.cli.tables import Column, print_table
from backupmon.core.words import human_bytes, human_time
from backupmon.models.columns import iso
from backupmon.services.left_copies import (
    LeftCopy,
    delete_left_copy,
    list_left_copies,
    prune_left_copies,
)
from backupmon.services.quarantine import Operator


@click.group("copies")
def copies_group() -> None:
    """Look at copies that jobs left behind, at former paths or since they were deleted."""


@copies_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
@needs_database
def list_command(as_json: bool) -> None:
    """List copies that jobs left behind, the oldest first."""
    copies = list_left_copies()
    if as_json:
        print_json([_as_dict(copy) for copy in copies])
    elif not copies:
        click.echo("No job left a copy behind.")
    else:
        print_table(
            [
                Column("entry", right=True),
                Column("job", cut=True),
                Column("backed up"),
                Column("size", right=True),
                Column("left"),
                Column("path", wide=True),
            ],
            [_row(copy) for copy in copies],
        )


@copies_group.command("delete")
@click.argument("entry_id", type=int)
@click.option("--reason", default="", help="Why, for the audit log.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@needs_database
def delete_command(entry_id: int, reason: str, yes: bool) -> None:
    """Delete the copy of ENTRY_ID that its job left behind; its entry and findings stay."""
    if not yes:
        click.confirm(f"Delete the copy of entry {entry_id} for ever?", abort=True)
    row = delete_left_copy(settings(), entry_id, _operator(reason))
    click.echo(f"Deleted {row.path} ({human_bytes(row.size)}).")


@copies_group.command("prune")
@click.option(
    "--older-than", "days", type=click.IntRange(min=1), required=True, help="Days since the backup."
)
@click.option("--agent", help="Only this agent's.")
@click.option("--reason", default="", help="Why, for the audit log.")
@needs_database
def prune_command(days: int, agent: str | None, reason: str) -> None:
    """Delete copies at former paths that have a newer one, and are older than so many DAYS.

    For final paths that differ each night. What jobs left that were deleted stays.
    """
    done = prune_left_copies(settings(), timedelta(days=days), _operator(reason), agent)
    click.echo(f"Deleted {done.files} ({human_bytes(done.size)}).")
    if done.kept:
        click.echo(f"Kept {done.kept}: the newer copy is not there as it should be.")


def _operator(reason: str) -> Operator:
    return Operator(f"cli:{getpass.getuser()}", reason)


def _why(copy: LeftCopy) -> str:
    if copy.row.job.deleted_at is not None:
        return "the job is deleted"
    return "at a former path" if copy.deletable else "at a former path, none newer"


def _row(copy: LeftCopy) -> list[str]:
    row = copy.row
    return [
        str(row.entry_id),
        row.job.title,
        human_time(row.report_end_at),
        human_bytes(row.size),
        _why(copy),
        row.path,
    ]


def _as_dict(copy: LeftCopy) -> dict[str, object]:
    row = copy.row
    return {
        "entry_id": row.entry_id,
        "job_id": row.expected_job_id,
        "job": row.job.title,
        "job_deleted": row.job.deleted_at is not None,
        "report_end_at": iso(row.report_end_at),
        "size": row.size,
        "sha256": row.sha256,
        "path": row.path,
        "newer_path": copy.newer.path if copy.newer else None,
    }
