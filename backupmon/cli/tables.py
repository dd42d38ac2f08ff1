"""Tables for people: drawn on a terminal, tab-free plain lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import click
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.segment import Segment, Segments
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


#: Between two columns; the least that a name, and a sentence, is cut or wrapped to; and what a
#: name should have before columns are left out for it. In characters.
_GAP, _NAME, _WIDE, _COMFORTABLE = 2, 8, 30, 22


def status_text(status: str) -> str:
    """The status with its mark, as it stands in tables."""
    return f"{_MARKS[Status(status)][0]} {status}"


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under titles. In a pipe every row is one line and nothing is cut."""
    if not sys.stdout.isatty():
        _print_plain(columns, rows)
        return
    console = Console()
    table = Table(box=None, pad_edge=False, header_style="dim")
    widths = _layout(columns, rows, console.width)
    below = [i for i in widths if columns[i].wide and widths[i] < _WIDE]
    if below:
        beside = [Column("", cut=True) if c.wide else c for c in columns]
        emptied = [["" if c.wide else x for c, x in zip(columns, r, strict=True)] for r in rows]
        widths = _layout(beside, emptied, console.width)
        widths = {i: width for i, width in widths.items() if i not in below}
    for i, width in widths.items():
        column = columns[i]
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=not column.wide,
            overflow="fold" if column.wide else "ellipsis",
            width=width,
        )
    for row in rows:
        table.add_row(*(_coloured(row[i]) for i in widths))
    if not below:
        console.print(table)
        return
    # There is no room beside: what was found goes on lines of its own.
    title, *lines = console.render_lines(table, pad=False)
    console.print(Segments([*title, Segment.line()]), end="")
    for line, row in zip(lines, rows, strict=True):
        console.print(Segments([*line, Segment.line()]), end="")
        for i in below:
            console.print(Padding(_coloured(row[i]), (0, 0, 0, 4)))


def _layout(columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int) -> dict[int, int]:
    """The columns to show, each with its width in characters.

    A status, a number or a time is never cut; names share what room is left, and what is
    found has the rest.
    """
    whole = [max(len(c.title), *(len(r[i]) for r in rows)) for i, c in enumerate(columns)]
    shown = list(range(len(columns)))
    while _least(columns, whole, shown) > room and any(columns[i].spare for i in shown):
        shown.remove(next(i for i in shown if columns[i].spare))
    spent = sum(whole[i] for i in shown if not columns[i].cut and not columns[i].wide)
    left = room - spent - _GAP * (len(shown) - 1)
    wide = [i for i in shown if columns[i].wide]
    cut = [i for i in shown if columns[i].cut]
    share = max(_NAME, (left - len(wide) * _WIDE) // max(1, len(cut)))
    widths = {i: min(whole[i], share) if columns[i].cut else whole[i] for i in shown}
    left -= sum(widths[i] for i in cut)
    widths.update({i: max(_NAME, min(whole[i], left // len(wide))) for i in wide})
    return widths


def _least(columns: Sequence[Column], whole: Sequence[int], shown: Sequence[int]) -> int:
    """The room that these columns take when names are cut as short as may be."""
    return _GAP * (len(shown) - 1) + sum(
        _WIDE if columns[i].wide else min(whole[i], _COMFORTABLE) if columns[i].cut else whole[i]
        for i in shown
    )


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
