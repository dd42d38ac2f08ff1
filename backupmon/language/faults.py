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
    locale = get_locale()
    if not fault.said or locale is None or locale.language == "en":
        return fault.problem
    return str(gettext("; ")).join(say(_kinds_told(one)) for one in fault.said)


def _kinds_told(said: Phrase) -> Phrase:
    values = ((name, value) for name, value in said.values)
    told = ((n, str(_KINDS[v]) if isinstance(v, str) and v in _KINDS else v) for n, v in values)
    return replace(said, values=tuple(told))
