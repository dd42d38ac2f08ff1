"""Axes with few, round ticks; sizes and lengths of time have units of their own."""

from __future__ import annotations

import math

#: Steps that a person counts in, in seconds.
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_DAY = 86_400


def ticks(highest: float, step: float) -> list[float]:
    """From zero up to the first multiple of `step` that is not below `highest`."""
    count = max(1, math.ceil(highest / step - 1e-9))
    return [step * number for number in range(count + 1)]


def byte_ticks(highest: float, most: int = 4) -> list[float]:
    """Round numbers of bytes in decimal units, at most `most` above zero."""
    return ticks(highest, max(1.0, _round_step(highest / most)))


def second_ticks(highest: float, most: int = 4) -> list[float]:
    """Round lengths of time in seconds, at most `most` above zero."""
    wanted = highest / most
    step = next((step for step in _TIME_STEPS if step >= wanted), None)
    return ticks(highest, step or _DAY * _round_step(wanted / _DAY))


def _round_step(wanted: float) -> float:
    """The first of 1, 2, 5, 10, 20 … (times a power of ten) that is not below `wanted`."""
    if wanted <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(wanted))
    # Against what floats make of round numbers.
    return next(
        factor * power for factor in (1, 2, 5, 10, 20) if factor * power >= wanted * (1 - 1e-9)
    )
