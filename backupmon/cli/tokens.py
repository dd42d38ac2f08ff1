"""``flask tokens``: keys for programs."""

from __future__ import annotations

import click

from backupmon.cli.edge import needs_database, print_json
from backupmon.cli.job_options import actor, now
from backupmon.cli.tables import Column, print_table
from backupmon.core.accounts import Scope
from backupmon.core.words import human_time
from backupmon.models import ApiToken
from backupmon.services import tokens


@click.group("tokens")
def tokens_group() -> None:
    """Let programs use the API."""


@tokens_group.command("create")
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    required=True,
    help="Whether it may only look, or change things too.",
)
@needs_database
def create_command(name: str, scope: str) -> None:
    """Add a token NAME; it is printed once, as the last word, and never again."""
    token, secret = tokens.create_token(name, Scope(scope), actor(), now())
    click.echo(
        f"Added the {token.scope} token {token.name}; keep it, it is not shown again:", err=True
    )
    click.echo(secret)


@tokens_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
@needs_database
def list_command(as_json: bool) -> None:
    """List all tokens, those in use first."""
    found = tokens.list_tokens()
    if as_json:
        print_json([token.as_dict() for token in found])
    elif not found:
        click.echo("No token yet; add one with flask tokens create NAME --scope read.")
    else:
        columns = [Column("name", cut=True), Column("scope"), Column("begins"), Column("last used")]
        print_table([*columns, Column("state")], [_row(token) for token in found])


@tokens_group.command("revoke")
@click.argument("name")
@needs_database
def revoke_command(name: str) -> None:
    """Let the program with the token NAME in no more."""
    token = tokens.revoke_token(tokens.find_token(name).id, actor(), now())
    click.echo(f"Revoked {token.name}.")


def _row(token: ApiToken) -> list[str]:
    used = human_time(token.last_used_at) if token.last_used_at else "never"
    state = "revoked" if token.revoked_at else "in use"
    return [token.name, token.scope, f"{token.prefix}…", used, state]
