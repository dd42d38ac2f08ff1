"""Phrases of the core, said in the reader's language."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask_babel import format_datetime, gettext

from backupmon.core.phrases import ByteCount, Phrase, Value
from backupmon.language.wording import say_number, say_size, say_span

_MOMENT = "d MMM y, HH:mm"


def say(phrase: Phrase) -> str:
    """The sentence, with its amounts as the reader writes them and its times in their zone."""
    values = {name: _say_value(value) for name, value in phrase.values}
    return str(gettext(phrase.text, **values))


def _say_value(value: Value) -> str:
    if isinstance(value, ByteCount):
        return say_size(value)
    if isinstance(value, datetime):
        return str(format_datetime(value, _MOMENT))
    if isinstance(value, timedelta):
        return say_span(value)
    return say_number(value) if isinstance(value, int) else value
