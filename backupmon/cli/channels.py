"""``flask alerts channels``: chat, push, SMS and tickets, beside mail."""

from __future__ import annotations

import getpass
import sys
from datetime import UTC, datetime

import click

from backupmon.cli.edge import mail_address, needs_database, settings
from backupmon.cli.tables import Column, print_table
from backupmon.core.channels import masked
from backupmon.services.channels import add_channel, list_channels, remove_channel, try_channel


@click.group("channels")
def channels_group() -> None:
    """Tell people by other ways than mail, too."""


@channels_group.command("list")
@needs_database
def list_command() -> None:
    """List them; of their addresses only the kind is shown."""
    rows = [
        [str(row.id), row.recipient.address, row.name, masked(row.url)] for row in list_channels()
    ]
    if not rows:
        click.echo("There are no channels.")
        return
    columns = [Column("id", right=True), Column("to", cut=True), Column("name", wide=True)]
    print_table([*columns, Column("address")], rows)


@channels_group.command("add")
@click.argument("address")
@click.argument("name")
@click.option("--url-stdin", is_flag=True, help="Read the channel's address from standard input.")
@needs_database
def add_command(address: str, name: str, url_stdin: bool) -> None:
    """Tell ADDRESS by a channel, which people know by NAME.

    The channel's address, as Apprise writes it, is asked for: it is a secret, and what is an
    argument stays in the history of the shell.
    """
    # Before the secret is asked for.
    wanted = mail_address(address)
    if url_stdin:
        url = sys.stdin.readline()
    else:
        url = click.prompt("Address of the channel", hide_input=True)
    row = add_channel(settings(), wanted, name, url, _actor(), datetime.now(UTC))
    click.echo(f"Channel {row.id} tells {row.recipient.address} by {masked(row.url)}.")
    click.echo(f"hint: flask alerts channels test {row.id} sends a message on trial")


@channels_group.command("remove")
@click.argument("channel_id", type=int)
@needs_database
def remove_command(channel_id: int) -> None:
    """Tell nobody by CHANNEL_ID any more, nor what waits for it."""
    row = remove_channel(channel_id, _actor(), datetime.now(UTC))
    click.echo(f"Channel {channel_id} ({row.name}) is removed.")


@channels_group.command("test")
@click.argument("channel_id", type=int)
@needs_database
def test_command(channel_id: int) -> None:
    """Send a message on trial by CHANNEL_ID."""
    row = try_channel(settings(), channel_id)
    click.echo(f"{row.name} took a message.")


def _actor() -> str:
    return f"cli:{getpass.getuser()}"
