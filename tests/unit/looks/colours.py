"""Colours as the eye sees them: OKLCH to light, contrast, and eyes that lack a cone."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from backupmon.config import PROJECT_ROOT

TOKENS = PROJECT_ROOT / "static" / "css" / "tokens.css"
_TOKEN = re.compile(r"--([\w-]+): light-dark\(oklch\(([^)]+)\), oklch\(([^)]+)\)\);")


@dataclass(frozen=True)
class Colour:
    """OKLCH: lightness 0 to 1, chroma, hue in degrees."""

    lightness: float
    chroma: float
    hue: float

    @property
    def rgb(self) -> tuple[float, float, float]:
        """Linear red, green and blue; outside of 0 to 1 where no screen can show it."""
        a = self.chroma * math.cos(math.radians(self.hue))
        b = self.chroma * math.sin(math.radians(self.hue))
        long = (self.lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
        medium = (self.lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
        short = (self.lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
        return (
            4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
        )

    @property
    def is_shown_as_written(self) -> bool:
        """Whether an sRGB screen has it."""
        return all(-0.002 <= part <= 1.002 for part in self.rgb)


#: What is left of colours for eyes without one kind of cone (Machado et al., 2009).
BLINDNESS = {
    "red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "green": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "blue": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def luminance(rgb: tuple[float, float, float]) -> float:
    """Relative luminance, as WCAG has it."""
    red, green, blue = (min(1.0, max(0.0, part)) for part in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def seen_without(cone: str, rgb: tuple[float, float, float]) -> tuple[float, float, float]:
    """The colour as somebody sees it who lacks that cone."""
    red, green, blue = (
        sum(k * part for k, part in zip(row, rgb, strict=True)) for row in BLINDNESS[cone]
    )
    return red, green, blue


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """From 1 to 21, as WCAG has it."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def tokens(path: Path = TOKENS) -> dict[str, dict[str, Colour]]:
    """Every colour of the style sheet by scheme and name."""
    schemes: dict[str, dict[str, Colour]] = {"light": {}, "dark": {}}
    for name, light, dark in _TOKEN.findall(path.read_text(encoding="utf-8")):
        schemes["light"][name] = Colour(*map(float, light.split()))
        schemes["dark"][name] = Colour(*map(float, dark.split()))
    return schemes
