"""Reading one field of a job from a string or a JSON value; each reader says what it takes.

Every reader raises a BackupmonError whose message continues the field's name.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from backupmon.core.cron import check_cron, check_timezone
from backupmon.core.errors import RefusedError
from backupmon.core.paths import TemplateKind, check_template, is_control, safe_component
from backupmon.core.phrases import sentence
from backupmon.core.schedule import MAX_MINUTES
from backupmon.core.text import MAX_NAME, one_line
from backupmon.core.words import to_translate

MAX_AGENT_ID = 100
#: Room is left for what a template puts beside the id in one path component (255 bytes).
MAX_AGENT_ID_BYTES = 200
MAX_RECIPIENTS = 50
FIRST_YEAR, LAST_YEAR = 1970, 9999

E = TypeVar("E", bound=StrEnum)

_WHOLE = re.compile(r"[+-]?[0-9]+(?:\.0+)?")
#: More digits than any number that is allowed; int() itself balks at thousands.
_MAX_DIGITS = 20
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#: A dot-atom at a host name (RFC 5321, 4.1.2), without quoted parts and address literals.
_ADDRESS = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*@{_LABEL}(?:\.{_LABEL})*")
_NAMED = re.compile(r'(?P<name>[^<>"]*)<(?P<address>[^<>]*)>')
_MAX_ADDRESS, _MAX_LOCAL = 254, 64
#: In French too: a spreadsheet translates the words by itself.
_TRUE = frozenset({"true", "1", "yes", "on", "vrai", "oui"})
_FALSE = frozenset({"false", "0", "no", "off", "faux", "non"})
_NUMBER = sentence("a number")
_KINDS = {
    bool: sentence("true or false"),
    int: _NUMBER,
    float: _NUMBER,
    list: sentence("a list"),
}
_TIME_HINT = to_translate(
    "write ISO 8601, such as 2026-01-31T08:00Z; without a zone it is read as UTC"
)


def is_blank(value: object) -> bool:
    """Whether nothing was said."""
    return value is None or (isinstance(value, str) and not value.strip())


def text(value: object) -> str:
    """A string without the blanks at its ends."""
    if not isinstance(value, str):
        raise RefusedError(
            sentence("must be text, not %(kind)s", kind=_kind(value)),
            to_translate("put it in quotes"),
        )
    return value.strip()


def name(value: object) -> str:
    """The name of a company, place or database, as it was written."""
    found = text(value)
    if len(found) > MAX_NAME:
        raise RefusedError(
            sentence("is longer than %(most)s characters", most=MAX_NAME),
            to_translate("shorten it"),
        )
    _refuse_controls(found)
    return found


def agent_id(value: object) -> str:
    """An agent's id, in NFC: the name of its folder, so it must be usable as one."""
    found = unicodedata.normalize("NFC", text(value))
    if len(found) > MAX_AGENT_ID:
        raise RefusedError(
            sentence("is longer than %(most)s characters", most=MAX_AGENT_ID),
            to_translate("shorten it"),
        )
    if len(found.encode(errors="replace")) > MAX_AGENT_ID_BYTES:
        raise RefusedError(
            sentence("is longer than %(most)s bytes in UTF-8", most=MAX_AGENT_ID_BYTES),
            to_translate("shorten it"),
        )
    _refuse_controls(found)
    if "/" in found or "\\" in found:
        raise RefusedError(
            to_translate("has a path separator"),
            to_translate("it names one folder: remove / and \\"),
        )
    if found.startswith("."):
        raise RefusedError(
            to_translate("begins with a dot"), to_translate("such folders are the server's own")
        )
    if safe_component(found) != found:
        raise RefusedError(
            to_translate("cannot name a folder"), to_translate("use letters, digits, - and _")
        )
    return found


def cron(value: object) -> str:
    """A schedule, its fields one blank apart."""
    found = " ".join(text(value).split())
    check_cron(found)
    return found


def timezone(value: object) -> str:
    """The name of a time zone."""
    found = text(value)
    check_timezone(found)
    return found


def template(value: object, kind: TemplateKind) -> str:
    """A path template."""
    found = text(value)
    check_template(found, kind)
    return found


def minutes(value: object) -> int:
    """Minutes from 0 to a year."""
    found = _whole(value)
    if found < 0:
        raise RefusedError(
            to_translate("must not be negative"), to_translate("give 0 or more minutes")
        )
    if found > MAX_MINUTES:
        raise RefusedError(
            sentence("is more than %(most)s minutes, a year", most=MAX_MINUTES),
            to_translate("give fewer minutes"),
        )
    return found


def year(value: object) -> int:
    """A year."""
    found = _whole(value)
    if not FIRST_YEAR <= found <= LAST_YEAR:
        raise RefusedError(
            sentence(
                "is not a year from %(first)s to %(last)s",
                first=str(FIRST_YEAR),
                last=str(LAST_YEAR),
            ),
            to_translate("leave it out for the cycle's year"),
        )
    return found


def truth(value: object) -> bool:
    """Yes or no."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    word = value.strip().lower() if isinstance(value, str) else None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise RefusedError(
        sentence("is neither true nor false: %(value)s", value=_shown(value)),
        to_translate("write true or false"),
    )


def choice(value: object, choices: type[E]) -> E:
    """One of the words of `choices`, in any case."""
    word = text(value).lower()
    try:
        return choices(word)
    except ValueError:
        raise RefusedError(
            sentence("cannot be %(value)s", value=_shown(value)),
            sentence("choose one of %(words)s", words=", ".join(choices)),
        ) from None


def recipients(value: object) -> str | None:
    """Mail addresses, comma-separated or a JSON list, as one normalised string."""
    good, bad = split_recipients(_joined(value))
    if bad:
        raise RefusedError(
            sentence(
                "has what is no mail address: %(words)s", words=", ".join(map(_shown, bad[:5]))
            ),
            to_translate(
                "separate addresses with commas, such as ann@example.org, bob@example.org"
            ),
        )
    if len(good) > MAX_RECIPIENTS:
        raise RefusedError(
            sentence("has more than %(most)s addresses", most=MAX_RECIPIENTS),
            to_translate("use a mailing list"),
        )
    return ", ".join(good) or None


def address(value: object) -> str:
    """One mail address."""
    found = text(value)
    if not _is_address(found):
        raise RefusedError(
            sentence("is no mail address: %(value)s", value=_shown(found)),
            to_translate("such as ann@example.org"),
        )
    return found


def sender(value: object) -> str:
    """A mail address, alone or as ``Name <address>``."""
    found = text(value)
    _refuse_controls(found)
    named = _NAMED.fullmatch(found)
    if not _is_address(named["address"] if named else found):
        raise RefusedError(
            sentence("is no mail address: %(value)s", value=_shown(found)),
            to_translate("such as backups@example.org or Backups <backups@example.org>"),
        )
    return found


def split_recipients(value: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The mail addresses of a comma-separated list, and what in it is none; each once."""
    words: dict[str, str] = {}
    for word in filter(None, map(str.strip, value.split(","))):
        words.setdefault(word.lower(), word)
    found = tuple(words.values())
    good = tuple(word for word in found if _is_address(word))
    return good, tuple(word for word in found if not _is_address(word))


def moment(value: object) -> datetime:
    """A moment, in UTC; a naive one is taken for UTC."""
    if isinstance(value, datetime):
        found = value
    else:
        try:
            found = datetime.fromisoformat(text(value))
        except ValueError:
            raise RefusedError(
                sentence("is no time: %(value)s", value=_shown(value)), _TIME_HINT
            ) from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    # The edges of the calendar cannot be moved to UTC, and mean nothing here.
    if not FIRST_YEAR <= found.year < LAST_YEAR:
        raise RefusedError(
            sentence(
                "is not in the years %(first)s to %(last)s",
                first=str(FIRST_YEAR),
                last=str(LAST_YEAR - 1),
            ),
            _TIME_HINT,
        )
    return found.astimezone(UTC)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise RefusedError(
            sentence("must be a whole number, not %(kind)s", kind=_kind(value)),
            to_translate("write digits only"),
        )
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        if value.is_integer():
            return int(value)
        raise RefusedError(
            sentence("is not a whole number: %(value)s", value=str(value)),
            to_translate("write digits only"),
        )
    written = value.strip()
    if not _WHOLE.fullmatch(written):
        raise RefusedError(
            sentence("is not a whole number: %(value)s", value=_shown(written)),
            to_translate("write digits only"),
        )
    digits = written.split(".")[0]
    if len(digits) > _MAX_DIGITS:
        raise RefusedError(
            to_translate("has far too many digits"), to_translate("write a smaller number")
        )
    return int(digits)


def _joined(value: object) -> str:
    if isinstance(value, list | tuple):
        words = [text(word) for word in value]
        # A comma within one item would make two of it.
        return ",".join(word.replace(",", " ") for word in words)
    return text(value)


def _is_address(word: str) -> bool:
    if len(word) > _MAX_ADDRESS or not _ADDRESS.fullmatch(word):
        return False
    return len(word.partition("@")[0]) <= _MAX_LOCAL


def _refuse_controls(found: str) -> None:
    for char in found:
        if is_control(char):
            raise RefusedError(
                sentence(
                    "has a character that cannot be shown, U+%(code)s", code=f"{ord(char):04X}"
                ),
                to_translate("remove it"),
            )


def _kind(value: object) -> str:
    return _KINDS.get(type(value), sentence("an object"))


def _shown(value: object) -> str:
    return f'"{one_line(value, 60)}"' if isinstance(value, str) else _kind(value)
