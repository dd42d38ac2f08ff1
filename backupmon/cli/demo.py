"""``flask demo``: a believable set of sites to look at."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.progress import Progress

from backupmon.cli.edge import needs_database, settings
from backupmon.config import Settings
from backupmon.core.statuses import BEST_FIRST
from backupmon.logs import configure_logging
from backupmon.services.demo import DAYS, DemoSummary, NotEmptyError, make_demo


@click.command("demo")
@click.option(
    "--if-empty", is_flag=True, help="Where the server is not empty: say so, and exit with 0."
)
@click.option(
    "--days",
    type=click.IntRange(1, 60),
    default=DAYS,
    show_default=True,
    help="Nights of history.",
)
@needs_database
def demo_command(if_empty: bool, days: int) -> None:
    """Fill an empty server with made-up sites, real dumps, a history and trouble.

    Refuses where the database or one of the folders holds anything. Mails nothing; where a mail
    server is set, none of the jobs names anybody to be told of it.
    """
    configuration = settings()
    if "BACKUPMON_LOG_LEVEL" not in os.environ:
        # Hundreds of verdicts of the past, one line each, are no news.
        configure_logging(configuration, level="ERROR")
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        with _progress(sys.stderr.isatty()) as on_step:
            summary = make_demo(
                configuration, now, days=days, workers=min(4, os.cpu_count() or 1), on_step=on_step
            )
    except NotEmptyError as error:
        if not if_empty:
            raise
        click.echo(f"No demonstration was made: {error.message}.")
        return
    _tell(summary, configuration)


@contextmanager
def _progress(shown: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A bar of nights, on a terminal; elsewhere nothing."""
    if not shown:
        yield None
        return
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("making history", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _tell(summary: DemoSummary, configuration: Settings) -> None:
    """What was made, and what to do next."""
    told = ", ".join(
        f"{summary.statuses[s.value]} {s.value}" for s in BEST_FIRST if s.value in summary.statuses
    )
    nights = "1 night" if summary.days == 1 else f"{summary.days} nights"
    click.echo(
        f"Made {summary.sites} sites of {summary.companies} companies with {summary.jobs} jobs, "
        f"and {nights} of history: {told}."
    )
    click.echo(
        f"The last night lies in {configuration.deposit_root}, with one of every kind of trouble."
    )
    click.echo("Next:")
    eventful = f"flask history {summary.eventful_job_id}"
    for command, does in (
        ("flask scan", "judge the last night"),
        ("flask jobs list", "see how every job stands"),
        (eventful, "see what became of one with a bad line"),
    ):
        click.echo(f"  {command:20} {does}")
    settle = configuration.settle_seconds
    if settle:
        click.echo(
            f"What is wrong gets {settle} s to settle before it is judged: wait that long, or "
            "scan with BACKUPMON_SETTLE_SECONDS=0."
        )
