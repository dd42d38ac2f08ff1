"""Quantities as a reader of any language reads them: ages, spans, sizes, numbers.

`core.words` says the same in English, for commands and logs.
"""

from __future__ import annotations

from datetime import timedelta

from babel.numbers import format_decimal
from flask_babel import get_locale, gettext, lazy_pgettext, pgettext

from backupmon.core.words import scaled_bytes

_SPACE = "\N{NO-BREAK SPACE}"

#: Units of time by their length in seconds, longest first.
_UNITS = {
    86_400: lazy_pgettext("unit", "d"),
    3_600: lazy_pgettext("unit", "h"),
    60: lazy_pgettext("unit", "min"),
    1: lazy_pgettext("unit", "s"),
}
#: Hours tell more than "1 d"; days begin here.
_DAYS_FROM = 172_800


def say_span(span: timedelta, units: int = 2) -> str:
    """A length of time in its largest units: ``2 h 5 min``, ``3 d``, ``40 s``.

    Parameters
    ----------
    units:
        How many of them at the most: with one, ``2 h``.
    """
    left = abs(int(span.total_seconds()))
    said: list[str] = []
    for length in _UNITS:
        count, left = divmod(left, length)
        if count and not (length == 1 and said):
            said.append(_say(count, length))
    return _SPACE.join(said[:units]) or _say(0, 1)


def say_age(age: timedelta) -> str:
    """How long ago, or how far ahead, in the one unit that fits: ``3 h ago``, ``in 11 min``.

    Parameters
    ----------
    age:
        Positive for what is past.
    """
    seconds = abs(int(age.total_seconds()))
    past = age >= timedelta(0)
    if seconds < 60:
        return str(gettext("just now") if past else gettext("in a moment"))
    length = next(n for n in _UNITS if seconds >= (_DAYS_FROM if n == 86_400 else n))
    span = _say(seconds // length, length)
    told = gettext("%(span)s ago", span=span) if past else gettext("in %(span)s", span=span)
    return str(told)


def say_size(size: int) -> str:
    """Bytes in decimal units: ``17.9 MB``, ``17,9 Mo``."""
    amount, unit = scaled_bytes(size)
    digits = "#,##0" if unit == "B" else "#,##0.0"
    number = format_decimal(amount, format=digits, locale=get_locale())
    # In French a byte is an octet.
    byte = pgettext("unit", "B")
    return f"{number}{_SPACE}{unit[:-1]}{byte}"


def say_round_size(size: int) -> str:
    """A round size, as axes have it: ``600 kB``."""
    amount, unit = scaled_bytes(size)
    number = format_decimal(amount, format="#,##0.#", locale=get_locale())
    return f"{number}{_SPACE}{unit[:-1]}{pgettext('unit', 'B')}"


def say_number(number: float) -> str:
    """A number with the marks of the language: ``1,040``, ``1 040``."""
    return format_decimal(number, locale=get_locale())


def _say(count: int, length: int) -> str:
    return f"{count}{_SPACE}{_UNITS[length]}"
