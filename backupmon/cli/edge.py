"""The edge where errors become words and exit codes."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from typing import Any, NoReturn, ParamSpec, TypeVar

import click
from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from backupmon.config import Settings, unknown_settings
from backupmon.core.errors import BackupmonError, RefusedError
from backupmon.core.job_fields import address as read_address
from backupmon.core.text import clean
from backupmon.services.schema import check_schema, database_error

P = ParamSpec("P")
R = TypeVar("R")


def settings() -> Settings:
    """The settings of the application that the command runs in."""
    found = current_app.extensions["backupmon"]
    assert isinstance(found, Settings)
    return found


def told_plainly(command: Callable[P, R]) -> Callable[P, R]:
    """Tell an error as one sentence and a hint, on standard error, and exit with 1."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except BackupmonError as error:
            fail(error)
        except SQLAlchemyError as error:
            fail(database_error(error))

    return wrapped


def needs_database(command: Callable[P, R]) -> Callable[P, R]:
    """`told_plainly`, for a command that wants a database of this version's schema."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        for sentence in unknown_settings():
            click.secho(f"warning: {sentence}", fg="yellow", err=True)
        check_schema()
        return command(*args, **kwargs)

    return told_plainly(wrapped)


def fail(error: BackupmonError, code: int = 1) -> NoReturn:
    """Say what happened and what to do, and exit."""
    click.secho(f"error: {clean(error.message)}", fg="red", err=True)
    if error.hint:
        click.echo(f"hint: {clean(error.hint)}", err=True)
    sys.exit(code)


def mail_address(value: str) -> str:
    """The argument ADDRESS.

    Raises
    ------
    RefusedError
        When that is no mail address.
    """
    try:
        return read_address(value)
    except RefusedError as error:
        raise RefusedError(f"ADDRESS {error.message}", error.hint) from error


def print_json(data: Any) -> None:
    """Print one JSON document, and nothing else, on standard output."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))
