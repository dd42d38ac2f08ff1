"""Sentences of the server's own that were kept in English, said in the reader's language.

Messages and hints of errors and of server conditions are kept as text. The patterns that they
were made from (`core.phrases.phrase`) stand in the ``.po`` files below; a sentence that is one of
these, filled with any values, is said anew with the same values. So what older versions kept
is told too, and what nobody knows stays as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from flask_babel import get_locale

from backupmon.language.catalogs import TRANSLATIONS, read

_FILES = ("server.po", "doctor.po")
_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")
#: A pattern with fewer letters of its own than this would fit anything.
_FEWEST_LETTERS = 8


@dataclass(frozen=True, slots=True)
class _Known:
    """A pattern as the pieces between its values, their names, and what it is elsewhere."""

    pieces: tuple[str, ...]
    names: tuple[str, ...]
    said: str

    def retold(self, sentence: str) -> str | None:
        """The sentence, where it is of this pattern.

        Pieces are found from the left and never looked for again: a name that was chosen to
        look like several pieces costs no more time than any other.
        """
        first, last = self.pieces[0], self.pieces[-1]
        if not self.names:
            return self.said if sentence == first else None
        begin, end = len(first), len(sentence) - len(last)
        if begin >= end or not sentence.startswith(first) or not sentence.endswith(last):
            return None
        values: dict[str, str] = {}
        for place, name in enumerate(self.names, 1):
            is_last = place == len(self.names)
            stop = end if is_last else sentence.find(self.pieces[place], begin + 1, end)
            if (
                stop <= begin
                or values.setdefault(name, sentence[begin:stop]) != sentence[begin:stop]
            ):
                return None
            begin = stop + (0 if is_last else len(self.pieces[place]))
        return self.said % values


def retell(sentence: str) -> str:
    """The sentence in the reader's language, or as it is."""
    locale = get_locale()
    language = locale.language if locale else "en"
    for known in _known(language) if language != "en" else ():
        found = known.retold(sentence)
        if found is not None:
            return found
    return sentence


@cache
def _known(language: str) -> tuple[_Known, ...]:
    """The patterns of a language, those that say the most first."""
    paths = [TRANSLATIONS / language / name for name in _FILES]
    messages = [m for path in paths if path.exists() for m in read(path) if m.id and m.string]
    found = [_of(m.id, m.string) for m in messages if isinstance(m.id, str)]
    telling = [known for known in found if _letters(known) >= _FEWEST_LETTERS]
    return tuple(sorted(telling, key=_letters, reverse=True))


def _of(pattern: str, said: object) -> _Known:
    parts = _PLACEHOLDER.split(pattern)
    pieces = tuple(part.replace("%%", "%") for part in parts[::2])
    text = str(said)
    return _Known(pieces, tuple(parts[1::2]), text if len(parts) > 1 else text.replace("%%", "%"))


def _letters(known: _Known) -> int:
    return sum(character.isalpha() for piece in known.pieces for character in piece)
