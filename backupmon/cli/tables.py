"""Tables for people: drawn on a terminal, tab-free plain lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backupmon.core.statuses import Status
from backupmon.core.text import one_line

#: Each status has its own shape besides its colour and its word.
_MARKS = {
    Status.SUCCESS: ("✓", "green"),
    Status.HASH_MISMATCH: ("≠", "yellow"),
    Status.TRANSFER_INTEGRITY_FAILED: ("⨯", "magenta"),
    Status.FAILED: ("!", "red"),
    Status.MISSING: ("○", "blue"),
    Status.UNKNOWN: ("?", "bright_black"),
    Status.PENDING: ("…", "cyan"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, whether it holds numbers, whether it may wrap."""

    title: str
    right: bool = False
    wide: bool = False


def status_text(status: str) -> str:
    """The status with its mark, as it stands in tables."""
    return f"{_MARKS[Status(status)][0]} {status}"


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under titles. In a pipe every row is one line and nothing is cut."""
    if not sys.stdout.isatty():
        _print_plain(columns, rows)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.wide,
            overflow="fold" if column.wide else "ellipsis",
        )
    for row in rows:
        table.add_row(*(_coloured(cell) for cell in row))
    Console().print(table)


def _print_plain(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    cells = [[one_line(cell, 2000) for cell in row] for row in rows]
    widths = [max([len(r[i]) for r in cells] or [0]) for i in range(len(columns))]
    for row in cells:
        padded = [
            cell.rjust(width) if column.right else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ]
        click.echo("  ".join(padded).rstrip())


def _coloured(cell: str) -> str:
    for mark, colour in _MARKS.values():
        if cell.startswith(f"{mark} "):
            return f"[{colour}]{escape(cell)}[/]"
    return escape(one_line(cell, 2000))
