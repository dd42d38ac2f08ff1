"""``flask doctor``: what is well with the server and what is not."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator

import click

from backupmon.cli.edge import print_json, settings
from backupmon.core.findings import Level
from backupmon.core.text import clean
from backupmon.services.doctor.checks import Check
from backupmon.services.doctor.examination import examine

#: On a terminal that has the signs, and on one that has not; and in which colour.
_MARKS = {
    Level.GOOD: ("✓", "ok", "green"),
    Level.WARNING: ("!", "! ", "yellow"),
    Level.BAD: ("✗", "x ", "red"),
}
#: The width of the names, and of what stands before a check's words; in characters.
_NAME, _BEFORE = 20, 25


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects.")
def doctor_command(as_json: bool) -> None:
    """Check settings, folders, database, Redis, workers and clock; say what to mend.

    Nothing is changed. Exit 0 when nothing is bad, 1 otherwise.
    """
    found = examine(settings())
    if as_json:
        areas = list(found)
        checks = [check for area in areas for check in area.checks]
        print_json([{"area": a.area, **check.as_dict()} for a in areas for check in a.checks])
    else:
        checks = []
        for area in found:
            if area.checks:
                _say(click.style(area.area, bold=True))
            for check in area.checks:
                for line in _lines(check):
                    _say(line)
            checks.extend(area.checks)
        _say(_summary(checks))
    sys.exit(int(any(check.level is Level.BAD for check in checks)))


def _lines(check: Check) -> Iterator[str]:
    sign, plain, colour = _MARKS[check.level]
    mark = click.style(sign if _has_signs() else plain, fg=colour)
    first, *more = _wrapped(check.words) or [""]
    yield f"  {mark} {clean(check.name):{_NAME}} {first}"
    if check.hint:
        more += _wrapped(f"hint: {check.hint}")
    yield from (f"{' ' * _BEFORE}{line}" for line in more)


def _wrapped(words: str) -> list[str]:
    """Lines for the room that is left beside the names; whole in a pipe."""
    lines = clean(words).splitlines()
    if not sys.stdout.isatty():
        return lines
    room = max(30, shutil.get_terminal_size().columns - _BEFORE)
    # A path stays whole, so that it can be copied.
    return [
        piece
        for line in lines
        for piece in textwrap.wrap(line, room, break_long_words=False, break_on_hyphens=False)
    ]


def _summary(checks: list[Check]) -> str:
    bad, warned = (
        sum(check.level is level for check in checks) for level in (Level.BAD, Level.WARNING)
    )
    if not bad and not warned:
        return click.style("All is well.", fg="green")
    told = [f"{bad} to mend"] if bad else ["Nothing has to be mended"]
    told += [f"{warned} to know of"] if warned else []
    return click.style(", ".join(told) + ".", fg="red" if bad else "yellow")


def _say(line: str) -> None:
    """Print a line; what the terminal's encoding lacks is written as its number."""
    encoding = sys.stdout.encoding or "ascii"
    click.echo(line.encode(encoding, "backslashreplace").decode(encoding))


def _has_signs() -> bool:
    try:
        "".join(sign for sign, _, _ in _MARKS.values()).encode(sys.stdout.encoding or "ascii")
    except UnicodeError:
        return False
    return True
