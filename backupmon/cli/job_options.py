"""What the commands on jobs have in common: an option for each field, who acts, what is said."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

import click

from backupmon.cli.edge import fail, settings
from backupmon.core.errors import BackupmonError
from backupmon.core.job_columns import CHOICES, MEANINGS, USUAL_PATHS
from backupmon.core.job_spec import EDITABLE, JobDefaults
from backupmon.core.text import clean
from backupmon.services.job_drafts import RowsRefusedError

C = TypeVar("C", bound=Callable[..., Any])

IDENTITY = ("agent_id_responsible", "database_name")
_ALIASES = {
    "agent_id_responsible": "--agent",
    "company_name": "--company",
    "database_name": "--database",
}


def _help(name: str) -> str:
    """What the field means, and what it may be."""
    if name in CHOICES:
        return f"{MEANINGS[name]} One of {', '.join(CHOICES[name])}."
    return (
        f"{MEANINGS[name]} Usually {USUAL_PATHS[name]}" if name in USUAL_PATHS else MEANINGS[name]
    )


def field_options(*left_out: str) -> Callable[[C], C]:
    """An option for each field of a job; all are text, so that every fault is told at once."""

    def decorate(command: C) -> C:
        for name in reversed([name for name in EDITABLE if name not in left_out]):
            flags = [f"--{name.replace('_', '-')}"]
            flags += [_ALIASES[name]] if name in _ALIASES else []
            command = click.option(*flags, name, help=_help(name), metavar="TEXT")(command)
        return command

    return decorate


def given(values: Mapping[str, str | None]) -> dict[str, object]:
    """The fields that were given on the command line."""
    return {name: value for name, value in values.items() if value is not None}


def defaults() -> JobDefaults:
    """What a job gets where nothing is said."""
    return settings().job_defaults


def actor() -> str:
    """Who acts, for the audit trail: the account that the command runs as."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return f"cli:{name}"


def now() -> datetime:
    """The clock's moment."""
    return datetime.now(UTC)


def fail_rows(error: RowsRefusedError) -> NoReturn:
    """Name every bad row, however many there are, and exit with 1."""
    for row in error.rows:
        for line in row.lines():
            click.echo(clean(line), err=True)
    fail(
        BackupmonError(
            f"{len(error.rows)} of {error.of} jobs cannot be saved, so nothing was changed",
            "mend what is named above, then try again",
        )
    )
