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
    """A column of a table.

    Parameters
    ----------
    title:
        Above it, on a terminal.
    right:
        It holds numbers.
    wide:
        It may wrap.
    cut:
        It may be cut short where there is no room.
    spare:
        It is left out where the terminal is narrow.
    """

    title: str
    right: bool = False
    wide: bool = False
    cut: bool = False
    spare: bool = False


#: Below so many columns a terminal is narrow.
_NARROW = 120


def status_text(status: str) -> str:
    """The status with its mark, as it stands in tables."""
    return f"{_MARKS[Status(status)][0]} {status}"


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under titles. In a pipe every row is one line and nothing is cut."""
    if not sys.stdout.isatty():
        _print_plain(columns, rows)
        return
    console = Console()
    shown = [i for i, c in enumerate(columns) if not c.spare or console.width >= _NARROW]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for i in shown:
        column = columns[i]
        whole = max([len(r[i]) for r in rows], default=0)
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.wide,
            overflow="fold" if column.wide else "ellipsis",
            min_width=None if column.cut or column.wide else whole,
        )
    for row in rows:
        table.add_row(*(_coloured(row[i]) for i in shown))
    console.print(table)


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
