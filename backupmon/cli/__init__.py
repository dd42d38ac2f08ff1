"""``flask …`` commands, one file per command group."""

from __future__ import annotations

from flask import Flask

from backupmon.cli.alerts import alerts_group
from backupmon.cli.copies import copies_group
from backupmon.cli.demo import demo_command
from backupmon.cli.doctor import doctor_command
from backupmon.cli.history import history_command
from backupmon.cli.init import init_command
from backupmon.cli.jobs import jobs_group
from backupmon.cli.quarantine import quarantine_group
from backupmon.cli.reports import reports_group
from backupmon.cli.scan import scan_command
from backupmon.cli.tokens import tokens_group
from backupmon.cli.up import up_command
from backupmon.cli.users import users_group


def register_commands(app: Flask) -> None:
    """Add every command to ``flask``."""
    for command in (
        init_command,
        up_command,
        scan_command,
        jobs_group,
        history_command,
        reports_group,
        quarantine_group,
        copies_group,
        users_group,
        tokens_group,
        alerts_group,
        demo_command,
        doctor_command,
    ):
        app.cli.add_command(command)
