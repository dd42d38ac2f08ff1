"""``flask init``: the database, the folders and their markers."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from sqlalchemy.engine import make_url

from backupmon.cli.edge import fail, settings, told_plainly
from backupmon.config import Settings
from backupmon.core.errors import BackupmonError
from backupmon.services.locking import ScanLock
from backupmon.services.reset import count_rows, empty_database
from backupmon.services.roots import mark_roots
from backupmon.services.schema import upgrade_schema


@click.command("init")
@click.option("--reset", is_flag=True, help="Empty the database, after asking. Files stay.")
@click.option(
    "--mark-roots",
    "mark_again",
    is_flag=True,
    help="Mark also roots that were used before and bear no marker: they are the right folders.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@told_plainly
def init_command(reset: bool, mark_again: bool, yes: bool) -> None:
    """Set up the database, the folders and their markers; safe to run again."""
    configuration = settings()
    upgrade_schema()
    if reset:
        _reset(configuration, yes)
    marked = mark_roots(configuration, datetime.now(UTC), again=mark_again)
    for name, path in configuration.roots().items():
        new = any(root.name == name for root in marked)
        click.echo(f"{name:20} {path}{'  (new)' if new else ''}")
    click.echo(f"{'DATABASE':20} {_shown(configuration.database_url)}")
    click.echo("Ready. Add a job with: flask jobs add --help")


def _reset(configuration: Settings, yes: bool) -> None:
    rows = count_rows()
    if not rows:
        return
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in rows.items())
    click.echo(f"This empties the database: {told}. Files and folders stay where they are.")
    if not yes and not click.confirm("Empty it?", default=False):
        fail(BackupmonError("nothing was changed"))
    # A scan would go on moving files that nothing speaks of any more.
    with ScanLock(configuration):
        empty_database()


def _shown(url: str) -> str:
    """The address without a password."""
    return make_url(url).render_as_string(hide_password=True)
