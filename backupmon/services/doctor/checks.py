"""What a check gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from backupmon.core.errors import BackupmonError
from backupmon.core.findings import Level
from backupmon.core.phrases import Phrase, in_english, phrase
from backupmon.core.text import clean
from backupmon.services.doctor.asking import said_by
from backupmon.services.doctor.patient import Patient

#: A sentence that pages say in the reader's language, or one that an error has said already.
Said = Phrase | str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    name:
        What was looked at.
    level:
        Good, warning (it works, and somebody should know), or bad (it has to be mended).
    said:
        What was found.
    advice:
        What to do; empty where nothing can be advised.
    """

    name: str
    level: Level
    said: Said
    advice: Said = ""

    @property
    def words(self) -> str:
        """What was found, in English."""
        return clean(in_english(self.said))

    @property
    def hint(self) -> str:
        """What to do, in English."""
        return clean(in_english(self.advice))

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


def good(name: str, said: Said, advice: Said = "") -> Check:
    """It is as it should be."""
    return Check(name, Level.GOOD, said, advice)


def warning(name: str, said: Said, advice: Said = "") -> Check:
    """It works, and somebody should know."""
    return Check(name, Level.WARNING, said, advice)


def bad(name: str, said: Said, advice: Said = "") -> Check:
    """It has to be mended."""
    return Check(name, Level.BAD, said, advice)


def trouble(name: str, error: Exception) -> Check:
    """What an error amounts to."""
    if isinstance(error, BackupmonError):
        return bad(name, error.message, error.hint)
    if isinstance(error, SQLAlchemyError):
        return bad(
            name,
            phrase("the database says: %(error)s", error=said_by(error)),
            phrase("see the database's own log"),
        )
    return bad(name, phrase("cannot be told: %(error)s", error=said_by(error)))
