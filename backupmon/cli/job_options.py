"""What the commands on jobs have in common: an option for each field, who acts, what is said."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

import click

from backupmon.cli.edge import fail, settings
from backupmon.core.alert_policy import AlertWhen, Reminders
from backupmon.core.errors import BackupmonError
from backupmon.core.job_spec import EDITABLE, ContentPolicy, JobDefaults, PromotionMode
from backupmon.core.paths import DEFAULT_DEPOSIT, DEFAULT_FINAL, DEFAULT_LOG
from backupmon.core.text import clean
from backupmon.services.job_drafts import RowsRefusedError

C = TypeVar("C", bound=Callable[..., Any])

IDENTITY = ("agent_id_responsible", "database_name")
_ALIASES = {
    "agent_id_responsible": "--agent",
    "company_name": "--company",
    "database_name": "--database",
}
_HELP = {
    "year": "Year in the final path; without it, the year of the cycle.",
    "company_name": "The company the database belongs to.",
    "city": "Where the agent is.",
    "neighborhood": "Part of the city, where one has several sites.",
    "database_name": "The database, as the agent's report names it.",
    "agent_id_responsible": "The agent that delivers it: the name of its folder.",
    "schedule": 'Cron expression of five fields, such as "30 2 * * *".',
    "timezone": "IANA time zone that the schedule is read in.",
    "grace_minutes": "Minutes after the due time before the backup is missing.",
    "early_minutes": "Minutes before the due time that still count.",
    "content_policy": f"One of {', '.join(ContentPolicy)}.",
    "agent_deposit_path_template": f"Where the agent stages the file: {DEFAULT_DEPOSIT}",
    "agent_log_deposit_path_template": f"Where the agent puts its reports: {DEFAULT_LOG}",
    "final_storage_path_template": f"Where the good copy goes: {DEFAULT_FINAL}",
    "promotion_mode": f"One of {', '.join(PromotionMode)}: whether the staged file goes or stays.",
    "notification_recipients": "Mail addresses, comma-separated.",
    "alert_when": f"One of {', '.join(AlertWhen)}: how often a job that stays bad is told of.",
    "alert_reminders": f"One of {', '.join(Reminders)}: whether it is told that trouble lasts.",
    "is_active": "true, or false for a paused job.",
    "paused_until": "Pause until that moment, in ISO 8601.",
}


def field_options(*left_out: str) -> Callable[[C], C]:
    """An option for each field of a job; all are text, so that every fault is told at once."""

    def decorate(command: C) -> C:
        for name in reversed([name for name in EDITABLE if name not in left_out]):
            flags = [f"--{name.replace('_', '-')}"]
            flags += [_ALIASES[name]] if name in _ALIASES else []
            command = click.option(*flags, name, help=_HELP[name], metavar="TEXT")(command)
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
