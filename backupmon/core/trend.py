"""What is normal for a measure that is taken cycle by cycle, and which values are odd."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

#: A value is held against so many before it, and nothing is odd before there are so few.
WINDOW, ENOUGH = 14, 5
#: So many typical distances from the middle are still normal, and a tenth always is: a dump
#: that grows by the same megabyte each night must not be odd for growing.
_DISTANCES, _ALWAYS = 4.0, 0.1
#: Makes the median distance comparable to a standard deviation.
_SCALE = 1.4826


@dataclass(frozen=True, slots=True)
class Band:
    """The normal values of one cycle, by those before it."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether the value is a normal one."""
        return self.low <= value <= self.high


def bands(values: Sequence[float | None]) -> list[Band | None]:
    """For each value what would have been normal; None where too little came before.

    Medians, since one odd value must not make the next odd one look normal.

    Parameters
    ----------
    values:
        Oldest first, none below zero; None where nothing was measured.
    """
    return [band_after(values[:place]) for place in range(len(values))]


def odd_places(values: Sequence[float | None]) -> set[int]:
    """The places of the values outside of their bands."""
    return {
        place
        for place, (value, band) in enumerate(zip(values, bands(values), strict=True))
        if value is not None and band is not None and not band.holds(value)
    }


def band_after(before: Sequence[float | None]) -> Band | None:
    """What is normal after these values; None where they are too few."""
    known = [value for value in before if value is not None][-WINDOW:]
    if len(known) < ENOUGH:
        return None
    middle = median(known)
    distance = median(abs(value - middle) for value in known)
    reach = max(_DISTANCES * _SCALE * distance, _ALWAYS * middle)
    return Band(max(0.0, middle - reach), middle + reach)
