"""``flask scan``: one whole scan, in the foreground."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from backupmon.cli.edge import fail, needs_database, print_json, settings
from backupmon.cli.tables import Column, print_table, status_text
from backupmon.core.errors import BackupmonError
from backupmon.core.statuses import BEST_FIRST
from backupmon.core.text import clean
from backupmon.core.words import human_bytes, human_span, human_time
from backupmon.logs import configure_logging
from backupmon.models.columns import iso
from backupmon.services.background import request_scan
from backupmon.services.context import Watch
from backupmon.services.locking import ScanRunningError
from backupmon.services.scanning import ScanOptions, ScanResult, run_scan

#: Exit code when another scan is running.
RUNNING = 3
_SHOWN = 40


class Moment(click.ParamType[datetime]):
    """An ISO 8601 moment; one without an offset is read as UTC."""

    name = "ISO"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """From the command line."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value.strip())
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            moment = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no ISO 8601 moment such as 2025-06-12T13:40:00Z", param, ctx)
        if not 2000 <= moment.year <= 9000:
            self.fail(f"{value!r} is not between the years 2000 and 9000", param, ctx)
        return moment


@click.command("scan")
@click.option("--as-of", type=Moment(), help="Judge, and tell people, as if it were that moment.")
@click.option("--agent", metavar="ID", help="Look at this agent only.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=min(4, os.cpu_count() or 1),
    show_default="one for each processor, 4 at the most",
    help="How many files to hash at once.",
)
@click.option("--dry-run", is_flag=True, help="Move nothing and record nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, and nothing else.")
@click.option("--enqueue", is_flag=True, help="Let the workers do it, and do not wait.")
@needs_database
def scan_command(
    as_of: datetime | None,
    agent: str | None,
    workers: int,
    dry_run: bool,
    as_json: bool,
    enqueue: bool,
) -> None:
    """Take in reports, verify what was delivered, and enter what is missing.

    Exits with 0 whatever the verdicts; with 1 when it could not scan; with 3 when another scan
    is running.
    """
    if enqueue:
        _enqueue(as_of, agent, dry_run, as_json)
        return
    options = ScanOptions(as_of, agent, workers, dry_run)
    bar = sys.stderr.isatty() and not as_json
    if bar and "BACKUPMON_LOG_LEVEL" not in os.environ:
        # What matters is told at the end; a bar and log lines would only spoil each other.
        configure_logging(settings(), level="CRITICAL")
    try:
        with _progress(bar) as watch:
            result = run_scan(settings(), options, watch=watch)
    except ScanRunningError as error:
        if as_json:
            print_json({"error": error.message, "running_since": iso(error.since)})
        fail(error, RUNNING)
    except BackupmonError as error:
        if as_json:
            print_json({"error": error.message, "hint": error.hint})
        fail(error)
    if as_json:
        print_json(result_dict(result))
    else:
        _tell(result)


def _enqueue(as_of: datetime | None, agent: str | None, dry_run: bool, as_json: bool) -> None:
    if dry_run:
        raise click.UsageError("--dry-run looks on here and now: it does not go with --enqueue")
    try:
        request_scan(settings(), as_of, agent)
    except BackupmonError as error:
        if as_json:
            print_json({"error": error.message, "hint": error.hint})
        fail(error)
    if as_json:
        print_json({"enqueued": True, "as_of": iso(as_of)})
    else:
        click.echo("A scan is on the queue.")


def result_dict(result: ScanResult) -> dict[str, Any]:
    """A scan for programs."""
    return {
        "scan_id": result.scan_id,
        "dry_run": result.dry_run,
        "as_of": iso(result.moment),
        "started_at": iso(result.started_at),
        "finished_at": iso(result.finished_at),
        "look_again_at": iso(result.look_again_at),
        "counts": result.counts,
        "entries": list(result.entries),
        "waiting": list(result.waiting),
        "conditions": list(result.conditions),
    }


@contextmanager
def _progress(shown: bool) -> Iterator[Watch | None]:
    """A bar of bytes hashed, on a terminal; elsewhere nothing."""
    if not shown:
        yield None
        return
    with Progress(
        "{task.description}",
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("hashing", total=0, visible=False)
        expected = [0]

        def expect(_entry_ids: Sequence[int], count: int) -> None:
            expected[0] += count
            bar.update(task, total=expected[0], visible=True)

        yield Watch(expect, lambda _entry_ids: lambda count: bar.advance(task, count))


def _tell(result: ScanResult) -> None:
    """What changed, the worst first, and what needs a person."""
    entries = sorted(result.entries, key=lambda e: _WORST_FIRST.index(e["status"]))
    more = 0
    if sys.stdout.isatty():
        # A person wants to see what is not simply good; the rest is a number below.
        odd = [entry for entry in entries if _is_odd(entry)]
        entries, more = odd[:_SHOWN], len(odd[_SHOWN:])
    if entries:
        print_table(_COLUMNS, [_row(entry) for entry in entries])
    if more:
        click.echo(f"… and {more} more: flask jobs list shows them all")
    for condition in result.conditions:
        click.secho(f"server: {clean(condition['message'])}", fg="red")
        click.echo(f"  hint: {clean(condition['hint'])}")
    click.echo(_summary(result))


_WORST_FIRST = [status.value for status in reversed(BEST_FIRST)]
_COLUMNS = (
    Column("status"),
    Column("agent", cut=True),
    Column("database", cut=True),
    Column("size", right=True),
    Column("what was found", wide=True),
)


def _is_odd(entry: dict[str, Any]) -> bool:
    return any(finding["level"] != "good" for finding in entry["findings"])


def _row(entry: dict[str, Any]) -> list[str]:
    size = entry["server_calculated_staged_size"]
    return [
        status_text(entry["status"]) + (" (late)" if entry["late"] else ""),
        entry["agent_id_responsible"],
        entry["database_name"],
        "" if size is None else human_bytes(size),
        entry["message"],
    ]


#: What a scan counts besides verdicts: its name, and its words for one and for several.
_ALSO = (
    ("waiting", "waits for its file to settle", "wait for their files to settle"),
    ("reports_settling", "report is still being written", "reports are still being written"),
    ("reports_invalid", "report cannot be read", "reports cannot be read"),
    (
        "reports_passed_over",
        "file among the reports is no regular file, or may not be read (the log says which)",
        "files among the reports are no regular files, or may not be read (the log says which)",
    ),
    (
        "discoveries",
        "database was found that no job expects (flask jobs adopt)",
        "databases were found that no job expects (flask jobs adopt)",
    ),
    (
        "withdrawn",
        "entry was withdrawn, since its deadline lies ahead",
        "entries were withdrawn, since their deadlines lie ahead",
    ),
    ("moves_put_off", "file could not be put in place yet", "files could not be put in place yet"),
    (
        "recovered",
        "file that a crash had caught on its way is in place",
        "files that a crash had caught on their way are in place",
    ),
)


def _summary(result: ScanResult) -> str:
    counts = result.counts
    judged = [f"{counts[s.value]} {s.value}" for s in BEST_FIRST if counts.get(s.value)]
    told = ", ".join(judged) if judged else "nothing new"
    if result.dry_run:
        told = f"dry run, nothing was changed; it would be: {told}"
    words = [f"{told}."]
    for name, one, several in _ALSO:
        if counts.get(name):
            words.append(f"{counts[name]} {one if counts[name] == 1 else several}.")
    if result.look_again_at:
        words.append(f"Look again at {human_time(result.look_again_at)}.")
    took = human_span(result.finished_at - result.started_at)
    return " ".join([*words, f"As of {human_time(result.moment)}; took {took}."])
