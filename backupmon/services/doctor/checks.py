"""What a check gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from backupmon.core.errors import BackupmonError
from backupmon.core.findings import Level
from backupmon.core.text import clean
from backupmon.services.doctor.asking import said_by
from backupmon.services.doctor.patient import Patient


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name:
        What was looked at.
    level:
        Good, warning (it works, and somebody should know), or bad (it has to be mended).
    words:
        What was found.
    hint:
        What to do; empty where nothing can be advised.
    """

    name: str
    level: Level
    words: str
    hint: str = ""

    def as_dict(self) -> dict[str, str]:
        """For programs."""
        return {
            "name": self.name,
            "level": self.level.value,
            "words": self.words,
            "hint": self.hint,
        }


#: Looks at one thing, and gives what is to be said of it: nothing where it has nothing to say.
CheckFunction = Callable[[Patient], Iterable[Check]]


def good(name: str, words: str, hint: str = "") -> Check:
    """It is as it should be."""
    return Check(name, Level.GOOD, clean(words), clean(hint))


def warning(name: str, words: str, hint: str = "") -> Check:
    """It works, and somebody should know."""
    return Check(name, Level.WARNING, clean(words), clean(hint))


def bad(name: str, words: str, hint: str = "") -> Check:
    """It has to be mended."""
    return Check(name, Level.BAD, clean(words), clean(hint))


def trouble(name: str, error: Exception) -> Check:
    """What an error amounts to."""
    if isinstance(error, BackupmonError):
        return bad(name, error.message, error.hint)
    if isinstance(error, SQLAlchemyError):
        return bad(name, f"the database says: {said_by(error)}", "see the database's own log")
    return bad(name, f"cannot be told: {said_by(error)}")
