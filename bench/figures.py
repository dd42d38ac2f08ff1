"""One line of the table: what was measured, the goal, the figure, and whether it was met."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

#: Says what goes on, on standard error.
Tell = Callable[[str], None]

_BEGIN, _END = "<!-- figures: make bench writes them -->", "<!-- end of the figures -->"
_HEADS = ("measured", "figure", "goal", "verdict")


@dataclass(frozen=True, slots=True)
class Figure:
    """A line of the table.

    Parameters
    ----------
    goal, verdict:
        In words; empty for a line that others are held against.
    """

    measured: str
    figure: str
    goal: str = ""
    verdict: str = ""

    def cells(self) -> tuple[str, str, str, str]:
        """As text, in the order of the heads."""
        return self.measured, self.figure, self.goal, self.verdict


def held_against(values: Sequence[float], reached: Callable[[float], bool]) -> str:
    """The verdict on a goal; where rounds contradict each other there is none."""
    met = {reached(value) for value in values}
    if len(met) > 1:
        return "rounds disagree"
    return "met" if met == {True} else "not met"


def spread(values: Sequence[float], form: str) -> str:
    """The median, and the least and the greatest where there are several."""
    if len(values) == 1:
        return form.format(values[0])
    ends = f"{form.format(min(values))} to {form.format(max(values))}"
    return f"{form.format(median(values))} ({ends})"


def as_table(figures: Sequence[Figure]) -> str:
    """A Markdown table, padded so that it reads well as it is."""
    rows = [_HEADS, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


def write_into(page: Path, told: str) -> None:
    """Replace what stands between the marks of `page`.

    Raises
    ------
    ValueError
        When the page has no marks.
    """
    text = page.read_text(encoding="utf-8")
    between = re.compile(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", re.DOTALL)
    changed, count = between.subn(lambda _: f"{_BEGIN}\n\n{told}\n\n{_END}", text)
    if count != 1:
        raise ValueError(f"{page} does not bear the marks of the table once")
    page.write_text(changed, encoding="utf-8")
