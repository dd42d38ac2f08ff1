"""A finding is one checked fact: a stable code, a level, what was expected and observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backupmon.core.codes import FindingCode


class Level(StrEnum):
    """How much a finding weighs."""

    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One checked fact of a verdict.

    Parameters
    ----------
    code:
        Stable and dotted (``file.sha256``), one of `FindingCode`; what another version kept
        may bear one that this version does not know.
    level:
        Good, warning or bad.
    message:
        The fact in words, with the next step where there is one.
    expected, observed:
        What the report, job or schedule asked for, and what was there; None where
        the check has no such side.
    """

    code: str
    level: Level
    message: str
    expected: str | None = None
    observed: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """The finding as the API, the commands and the database bear it."""
        return {
            "code": self.code,
            "level": self.level,
            "expected": self.expected,
            "observed": self.observed,
            "message": self.message,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """The inverse of `as_dict`."""
        return cls(
            code=data["code"],
            level=Level(data["level"]),
            message=data["message"],
            expected=data.get("expected"),
            observed=data.get("observed"),
        )


def good(
    code: FindingCode, message: str, expected: object = None, observed: object = None
) -> Finding:
    """A fact that is as it should be."""
    return Finding(code, Level.GOOD, message, _text(expected), _text(observed))


def warning(
    code: FindingCode, message: str, expected: object = None, observed: object = None
) -> Finding:
    """A fact that is odd, but does not spoil the backup."""
    return Finding(code, Level.WARNING, message, _text(expected), _text(observed))


def bad(
    code: FindingCode, message: str, expected: object = None, observed: object = None
) -> Finding:
    """A fact that spoils the backup."""
    return Finding(code, Level.BAD, message, _text(expected), _text(observed))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
