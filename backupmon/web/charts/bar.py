"""A bar of parts in proportion, in which the smallest part can still be seen and hit."""

from __future__ import annotations

from collections.abc import Sequence

#: Units of the drawing; the page stretches it.
WIDTH = 1000.0
_LEAST, _GAP = 8.0, 3.0


def proportional_bar(counts: Sequence[int]) -> list[tuple[float, float]]:
    """Where each part begins and how wide it is; parts of zero are zero wide.

    A part is never narrower than `_LEAST`: one failure among ten thousand must show. What the
    small ones are given is taken from the large ones.
    """
    there = [count for count in counts if count > 0]
    if not there:
        return [(0.0, 0.0)] * len(counts)
    room = WIDTH - _GAP * (len(there) - 1)
    widths = _widths(counts, room)
    found, x = [], 0.0
    for width in widths:
        found.append((round(x, 1), round(width, 1)))
        x += width + _GAP if width else 0.0
    return found


def _widths(counts: Sequence[int], room: float) -> list[float]:
    total = sum(counts)
    small = [0 < count * room < _LEAST * total for count in counts]
    left = room - _LEAST * sum(small)
    large = sum(count for count, is_small in zip(counts, small, strict=True) if not is_small)
    return [
        _LEAST if is_small else (left * count / large if count > 0 else 0.0)
        for count, is_small in zip(counts, small, strict=True)
    ]
