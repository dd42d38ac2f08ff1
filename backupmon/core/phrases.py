"""Sentences that are said in the reader's language, kept as their English pattern and values.

The pattern is the key that translations are looked up by; extraction finds it by the call of
`phrase`. Amounts stay amounts until somebody says them, since languages write them differently.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


class ByteCount(int):
    """A size in bytes, to be said in kB, MB, GB."""


Value = str | int | ByteCount | datetime | timedelta


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


def phrase(text: str, /, **values: Value) -> Phrase:
    """The sentence `text`, written out where it is called, filled with `values` once it is said."""
    return Phrase(text, tuple(values.items()))
