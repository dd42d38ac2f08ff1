"""Phrases of the core, said in the reader's language."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask_babel import format_datetime, gettext

from backupmon.core.phrases import ByteCount, Kept, Phrase, Sentence, Value
from backupmon.core.text import clean
from backupmon.language.retelling import retell
from backupmon.language.wording import say_number, say_size, say_span

_MOMENT = "d MMM y, HH:mm"


def say(phrase: Phrase) -> str:
    """The sentence, with its amounts as the reader writes them and its times in their zone."""
    values = {name: _say_value(value) for name, value in phrase.values}
    return str(gettext(phrase.text, **values))


def say_server(said: Phrase | str) -> str:
    """What the server says of itself: a phrase, or a sentence that was kept in English."""
    return clean(retell(said) if isinstance(said, str) else say(said))


def _say_value(value: Value) -> str:
    if isinstance(value, Phrase):
        return say(value)
    if isinstance(value, ByteCount):
        return say_size(value)
    if isinstance(value, datetime):
        return str(format_datetime(value, _MOMENT))
    if isinstance(value, timedelta):
        return say_span(value)
    if isinstance(value, Sentence):
        return say(value.phrase)
    if isinstance(value, Kept):
        return retell(value)
    return say_number(value) if isinstance(value, int) else value
