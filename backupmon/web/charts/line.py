"""A measure over time: a thin line, the normal band behind it, and the odd points on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from backupmon.core.trend import Band, bands

#: Units of the drawing; the page stretches it, and lines keep their width.
WIDTH, HEIGHT = 1000, 240
_LABELS = 3


@dataclass(frozen=True, slots=True)
class Point:
    """One measure. `value` is None where nothing was measured."""

    at: datetime
    value: float | None


@dataclass(frozen=True, slots=True)
class Odd:
    """A point outside of its band, and where it lies."""

    x: float
    y: float
    point: Point
    band: Band


@dataclass(frozen=True, slots=True)
class LineChart:
    """What is drawn, as path data, and what is written beside it.

    Parameters
    ----------
    line, band:
        Path data; empty where there is nothing to draw.
    odd:
        The odd points, oldest first.
    ticks:
        Values at equal distances, from zero up.
    moments:
        Evenly spread over the width: for the labels below.
    bands:
        For each point what was normal.
    """

    points: Sequence[Point]
    line: str
    band: str
    odd: tuple[Odd, ...]
    ticks: tuple[float, ...]
    moments: tuple[datetime, ...]
    bands: Sequence[Band | None]

    @property
    def grid(self) -> str:
        """A line across at each tick but zero."""
        steps = len(self.ticks) - 1
        return "".join(f"M0 {_n(HEIGHT * place / steps)}H{WIDTH}" for place in range(steps))


def line_chart(
    points: Sequence[Point], ticks_for: Callable[[float], list[float]]
) -> LineChart | None:
    """Lay a measure out; None where fewer than two points were measured.

    Parameters
    ----------
    points:
        Oldest first.
    ticks_for:
        The ticks of an axis up to a value.
    """
    known = [point for point in points if point.value is not None]
    if len(known) < 2:
        return None
    normal = bands([point.value for point in points])
    highest = max([p.value or 0.0 for p in known] + [b.high for b in normal if b is not None])
    marks = ticks_for(highest)
    place = _placing(points[0].at, points[-1].at, marks[-1])
    return LineChart(
        points=points,
        line=_line(points, place),
        band=_band(points, normal, place),
        odd=tuple(_odd(points, normal, place)),
        ticks=tuple(marks),
        moments=_spread(points[0].at, points[-1].at),
        bands=normal,
    )


#: From a moment and a value to coordinates.
_Place = Callable[[datetime, float], tuple[float, float]]


def _placing(first: datetime, last: datetime, top: float) -> _Place:
    length = (last - first).total_seconds() or 1.0

    def place(at: datetime, value: float) -> tuple[float, float]:
        return (at - first).total_seconds() / length * WIDTH, HEIGHT * (1 - value / (top or 1.0))

    return place


def _line(points: Sequence[Point], place: _Place) -> str:
    """Broken where nothing was measured; a point between two breaks is a dot."""
    drawn = []
    for run in _runs(points, [point.value is not None for point in points]):
        where = [place(point.at, point.value or 0.0) for _, point in run]
        drawn.append(_path(where) if len(where) > 1 else f"{_path(where)}h0")
    return "".join(drawn)


def _band(points: Sequence[Point], normal: Sequence[Band | None], place: _Place) -> str:
    """Along the upper edges, and back along the lower ones."""
    drawn = []
    for run in _runs(points, [band is not None for band in normal]):
        edges = [(point.at, normal[number]) for number, point in run]
        upper = [place(at, band.high) for at, band in edges if band is not None]
        lower = [place(at, band.low) for at, band in reversed(edges) if band is not None]
        if len(upper) > 1:
            drawn.append(f"{_path([*upper, *lower])}Z")
    return "".join(drawn)


def _odd(points: Sequence[Point], normal: Sequence[Band | None], place: _Place) -> Iterable[Odd]:
    for point, band in zip(points, normal, strict=True):
        if point.value is not None and band is not None and not band.holds(point.value):
            x, y = place(point.at, point.value)
            yield Odd(round(x, 1), round(y, 1), point, band)


def _runs(points: Sequence[Point], there: Sequence[bool]) -> list[list[tuple[int, Point]]]:
    """The points that follow each other without a gap, with their numbers."""
    runs: list[list[tuple[int, Point]]] = []
    for number, (point, is_there) in enumerate(zip(points, there, strict=True)):
        if not is_there:
            continue
        if not runs or runs[-1][-1][0] != number - 1:
            runs.append([])
        runs[-1].append((number, point))
    return runs


def _path(where: Sequence[tuple[float, float]]) -> str:
    (x, y), *rest = where
    return f"M{_n(x)} {_n(y)}" + "".join(f"L{_n(x)} {_n(y)}" for x, y in rest)


def _spread(first: datetime, last: datetime) -> tuple[datetime, ...]:
    step: timedelta = (last - first) / (_LABELS - 1)
    return tuple(first + step * number for number in range(_LABELS))


def _n(number: float) -> str:
    """To a tenth, without needless zeros."""
    return f"{number:.1f}".rstrip("0").rstrip(".")
