"""Filters of templates for times and quantities, in the reader's language and zone.

A time is always a ``<time>`` element, whose title tells the exact instant in UTC. What is None is
a dash.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import g
from flask_babel import format_datetime, gettext
from markupsafe import Markup, escape

from backupmon.core.phrases import Sentence
from backupmon.core.words import short_hash
from backupmon.language.phrases import say
from backupmon.language.wording import say_age, say_number, say_size, say_span

#: The same order in every language that is spoken here, and no doubt about noon.
_DATE, _TIME = "d MMM y", "HH:mm"
_NOTHING = "–"


def now() -> datetime:
    """The moment of this page: one and the same wherever it says how old something is."""
    if "now" not in g:
        g.now = datetime.now(UTC)
    found = g.now
    assert isinstance(found, datetime)
    return found


#: How a sentence may begin: "the disk is full", "l’alerte", but not "acme/shop: …".
_WORD = re.compile(r"[a-zà-öø-ÿ]+[ '’]")


def time_element(moment: datetime | None, words: str | None = None, pattern: str = "") -> Markup:
    """``<time>`` with `words`, or with `moment` after a CLDR `pattern`."""
    if moment is None:
        return Markup(_NOTHING)
    utc = moment.astimezone(UTC).replace(tzinfo=None, microsecond=0)
    said = escape(format_datetime(moment, pattern) if words is None else words)
    machine, exact = utc.isoformat(), utc.isoformat(" ")
    # By hand: Markup's own `format` takes five times as long, and a page has hundreds of times.
    return Markup(f'<time datetime="{machine}Z" title="{exact} UTC">{said}</time>')


def datetime_filter(moment: datetime | None) -> Markup:
    """``3 Mar 2031, 12:00``."""
    return time_element(moment, pattern=f"{_DATE}, {_TIME}")


def date_filter(moment: datetime | None) -> Markup:
    """``3 Mar 2031``."""
    return time_element(moment, pattern=_DATE)


def clock_filter(moment: datetime | None) -> Markup:
    """``12:00``."""
    return time_element(moment, pattern=_TIME)


def age_filter(moment: datetime | None) -> Markup:
    """``3 h ago``, ``in 11 min``."""
    return time_element(moment, words=None if moment is None else say_age(now() - moment))


def translate(words: str) -> str:
    """Words from elsewhere in the reader's language, where they are known in it."""
    return say(words.phrase) if isinstance(words, Sentence) else str(gettext(words))


def sentence(words: str) -> str:
    """What a command says in passing, as a sentence of its own; names and paths stay."""
    said = words.strip().rstrip(".")
    if _WORD.match(said):
        said = said[:1].upper() + said[1:]
    return f"{said}." if said else ""


def _or_dash(say: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: _NOTHING if value is None else say(value)


def span_filter(span: timedelta | float | None, units: int = 2) -> str:
    """``2 h 5 min``, of a length of time or of seconds; with one unit, ``2 h``."""
    if span is None:
        return _NOTHING
    return say_span(span if isinstance(span, timedelta) else timedelta(seconds=span), units)


FILTERS: dict[str, Callable[..., str]] = {
    "datetime": datetime_filter,
    "date": date_filter,
    "clock": clock_filter,
    "age": age_filter,
    "span": span_filter,
    "size": _or_dash(say_size),
    "number": _or_dash(say_number),
    # Words that only their maker knew: ``_()`` would stumble over a per cent sign in them.
    "translate": translate,
    "sentence": sentence,
    "short_hash": _or_dash(short_hash),
}
