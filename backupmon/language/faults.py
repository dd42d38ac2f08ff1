"""Faults of reports in the reader's words. Where an agent is quoted, it is quoted as it is."""

from __future__ import annotations

from dataclasses import replace

from flask_babel import get_locale, gettext, lazy_gettext

from backupmon.core.faults import Fault
from backupmon.core.phrases import Phrase
from backupmon.language.phrases import say

#: What stands for a value that is not quoted; a string would bear its quotes.
_KINDS = {"an object": lazy_gettext("an object"), "a list": lazy_gettext("a list")}


def say_fault(fault: Fault) -> str:
    """What is wrong there, without a subject; in English where an older version kept no more."""
    if not fault.said or _is_english():
        return fault.problem
    return str(gettext("; ")).join(say(_kinds_told(one)) for one in fault.said)


def stays_english(fault: Fault) -> bool:
    """Whether `say_fault` says it in English to a reader of another language."""
    return not fault.said and not _is_english()


def _is_english() -> bool:
    locale = get_locale()
    return locale is None or locale.language == "en"


def _kinds_told(said: Phrase) -> Phrase:
    values = ((name, value) for name, value in said.values)
    told = ((n, str(_KINDS[v]) if isinstance(v, str) and v in _KINDS else v) for n, v in values)
    return replace(said, values=tuple(told))
