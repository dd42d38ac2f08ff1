"""Sentences that are said in the reader's language, kept as their English pattern and values.

The pattern is the key that translations are looked up by; extraction finds it by the call of
`phrase`. Amounts stay amounts until somebody says them, since languages write them differently.

What is kept as text, as the message of an error or of a server condition, is the English sentence
that `in_english` gives; `language.retelling` knows it again by its pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from backupmon.core.words import human_bytes, human_span, human_time


class ByteCount(int):
    """A size in bytes, to be said in kB, MB, GB."""


class Kept(str):
    """A sentence of the server's own, kept in English, to be said in the reader's language."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Phrase:
    """One sentence.

    Parameters
    ----------
    text:
        English, with ``%(name)s`` for each value: ``"%(file)s is not there."``
    values:
        Pairs of name and value.
    """

    text: str
    values: tuple[tuple[str, Value], ...] = ()


#: A phrase within a phrase is said in the same language.
Value = str | int | ByteCount | datetime | timedelta | Phrase


def phrase(text: str, /, **values: Value) -> Phrase:
    """The sentence `text`, written out where it is called, filled with `values` once it is said."""
    return Phrase(text, tuple(values.items()))


def in_english(said: Phrase | str) -> str:
    """The sentence for commands, logs and whatever keeps text; a plain text is itself."""
    if isinstance(said, str):
        return said
    return said.text % {name: _in_english(value) for name, value in said.values}


def _in_english(value: Value) -> str:
    if isinstance(value, Phrase):
        return in_english(value)
    if isinstance(value, ByteCount):
        return human_bytes(value)
    if isinstance(value, datetime):
        return human_time(value)
    if isinstance(value, timedelta):
        return human_span(value)
    return str(value)


class Sentence(str):
    """A phrase that is its own English: a plain string to whoever does not translate."""

    __slots__ = ("phrase",)
    phrase: Phrase

    def __new__(cls, spoken: Phrase) -> Sentence:
        """The sentence that says `spoken`."""
        found = super().__new__(cls, in_english(spoken))
        found.phrase = spoken
        return found

    def __getnewargs__(self) -> tuple[Phrase]:  # type: ignore[override]
        """What a copy is made of."""
        return (self.phrase,)


def sentence(text: str, /, **values: Value) -> Sentence:
    """An error's words, written out where it is called: English as they are, and translatable.

    A number that is not an amount, such as a year, is given as a string.
    """
    return Sentence(phrase(text, **values))
