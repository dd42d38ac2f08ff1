"""``flask users``: who may use the pages."""

from __future__ import annotations

import sys

import click

from backupmon.cli.edge import fail, needs_database, print_json
from backupmon.cli.job_options import actor, now
from backupmon.cli.tables import Column, print_table
from backupmon.core.accounts import Role
from backupmon.core.errors import BackupmonError
from backupmon.core.words import human_time
from backupmon.models import User
from backupmon.services import accounts
from backupmon.services.account_changes import find_user

NAME = click.argument("name")
ROLE = click.Choice([role.value for role in Role])
PASSWORD_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input; else ask."
)
#: Whoever has this command has the database: how good a password must be is theirs to say.
_SHORTEST = 1


@click.group("users")
def users_group() -> None:
    """Say who may use the pages, and for what."""


@users_group.command("create")
@NAME
@click.option("--role", type=ROLE, required=True, help="What the user may do.")
@PASSWORD_STDIN
@needs_database
def create_command(name: str, role: str, password_stdin: bool) -> None:
    """Add the user NAME."""
    password = _password(password_stdin)
    user = accounts.create_user(name, Role(role), password, actor(), now(), _SHORTEST)
    click.echo(f"Added {user.name}, {user.role}.")


@users_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
@needs_database
def list_command(as_json: bool) -> None:
    """List all users, by name."""
    users = accounts.list_users()
    if as_json:
        print_json([user.as_dict() for user in users])
    elif not users:
        click.echo("No user yet; add one with flask users create NAME --role admin.")
    else:
        columns = [Column("name", cut=True), Column("role"), Column("state"), Column("last log-in")]
        print_table(columns, [_row(user) for user in users])


@users_group.command("role")
@NAME
@click.argument("role", type=ROLE)
@needs_database
def role_command(name: str, role: str) -> None:
    """Give the user NAME another ROLE, from the next click on."""
    user = accounts.change_role(find_user(name).id, Role(role), actor(), now())
    click.echo(f"{user.name} is {user.role}.")


@users_group.command("password")
@NAME
@PASSWORD_STDIN
@needs_database
def password_command(name: str, password_stdin: bool) -> None:
    """Give the user NAME a new password; all their sessions end."""
    found = find_user(name)
    password = _password(password_stdin)
    user = accounts.set_password(found.id, password, actor(), now(), _SHORTEST)
    click.echo(f"{user.name} has a new password, and is signed out everywhere.")


@users_group.command("disable")
@NAME
@needs_database
def disable_command(name: str) -> None:
    """Sign the user NAME out, and let them in no more."""
    user = accounts.disable_user(find_user(name).id, actor(), now())
    click.echo(f"{user.name} is disabled.")


@users_group.command("enable")
@NAME
@needs_database
def enable_command(name: str) -> None:
    """Let the user NAME in again."""
    user = accounts.enable_user(find_user(name).id, actor(), now())
    click.echo(f"{user.name} is enabled.")


@users_group.command("delete")
@NAME
@click.option("--yes", is_flag=True, help="Do not ask.")
@needs_database
def delete_command(name: str, yes: bool) -> None:
    """Delete the user NAME; what they did stays in the audit log."""
    found = find_user(name)
    if not yes:
        click.confirm(f"Delete the user {found.name}?", abort=True)
    user = accounts.delete_user(found.id, actor(), now())
    click.echo(f"Deleted {user.name}.")


def _password(from_stdin: bool) -> str:
    if not from_stdin:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    try:
        return sys.stdin.read().rstrip("\r\n")
    except UnicodeDecodeError:
        fail(BackupmonError("the password is no text in UTF-8", "check what is piped in"))


def _row(user: User) -> list[str]:
    seen = human_time(user.last_login_at) if user.last_login_at else "never"
    return [user.name, user.role, "active" if user.is_active else "disabled", seen]
