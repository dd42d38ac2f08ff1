"""``flask reports check``: validate reports without touching anything."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from backupmon.cli.edge import told_plainly
from backupmon.core.findings import Finding
from backupmon.core.report import MAX_REPORT_BYTES, Report, parse_report
from backupmon.core.report_schema import report_schema
from backupmon.core.text import one_line


@click.group("reports")
def reports_group() -> None:
    """Look at agents' reports."""


@reports_group.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@told_plainly
def check_command(files: tuple[Path, ...]) -> None:
    """Validate report FILES; exit with 1 and every fault where one is bad.

    All that the JSON Schema of reports asks for (`flask reports schema`) is checked, and besides
    what no schema can tell: dates and clocks, contradictions, lengths.
    """
    good = [_check(path) for path in files]
    if not all(good):
        click.echo("hint: what a report must say: flask reports schema", err=True)
    sys.exit(0 if all(good) else 1)


@reports_group.command("schema")
@told_plainly
def schema_command() -> None:
    """Print what a report must say, as a JSON Schema (draft 2020-12)."""
    click.echo(json.dumps(report_schema(), indent=2, ensure_ascii=False))


def _check(path: Path) -> bool:
    shown = one_line(str(path), 1000)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_REPORT_BYTES + 1)
    except OSError as error:
        click.echo(f"{shown}: cannot be read: {error.strerror}")
        return False
    now = datetime.now(UTC)
    report = parse_report(data, agents=frozenset(), landed_at=now, now=now)
    faults = report.all_faults()
    for fault in faults:
        click.echo(f"{shown}: {f'{fault.path}: ' if fault.path else ''}{fault.problem}")
    for oddity in _oddities(report):
        click.echo(f"{shown}: warning: {oddity.message}")
    if not faults:
        count = len(report.sections)
        noun = "database" if count == 1 else "databases"
        click.echo(f"{shown}: good: {report.agent_id}, {count} {noun}")
    return not faults


def _oddities(report: Report) -> list[Finding]:
    return [*report.oddities, *(oddity for s in report.sections for oddity in s.oddities)]
