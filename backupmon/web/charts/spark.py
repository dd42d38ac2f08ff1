"""A sparkline: how a size went, in the room of a word. It has no axis; zero is its foot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Units of the drawing.
WIDTH, HEIGHT, _MARGIN = 72, 20, 3
#: Room above the largest: a line along the very edge looks like a border.
_HEADROOM = 1.4


@dataclass(frozen=True, slots=True)
class Spark:
    """The points of the line, and where it ends."""

    points: str
    end_x: float
    end_y: float


def sparkline(values: Sequence[int | None]) -> Spark | None:
    """Lay values out, oldest first; None where there are fewer than two.

    What was not measured is passed over: the line shows the sizes of the files that came.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    top = _HEADROOM * max(known) or 1
    step = (WIDTH - 2 * _MARGIN) / (len(known) - 1)
    room = HEIGHT - 2 * _MARGIN
    where = [
        (round(_MARGIN + number * step, 1), round(_MARGIN + room * (1 - value / top), 1))
        for number, value in enumerate(known)
    ]
    return Spark(" ".join(f"{x:g},{y:g}" for x, y in where), *where[-1])
