"""Making text that strangers wrote fit to be stored and shown."""

from __future__ import annotations

import unicodedata

#: Long enough for any error message a person will read, short enough for a row.
MAX_TEXT = 4000
#: As long as a file name may be; database and agent names are cut here.
MAX_NAME = 255


def clean(value: str, limit: int = MAX_TEXT) -> str:
    """`value` without what a database, a terminal or a mail header would choke on.

    Line breaks and tabs stay, those of Windows as a line feed; other control characters,
    lone surrogates and bidirectional overrides become U+FFFD. What is longer than `limit`
    characters is cut, with an ellipsis.
    """
    text = value.replace("\r\n", "\n")[: limit + 1]
    if not (text.isascii() and text.isprintable()):
        text = "".join(c if _harmless(c) else "\ufffd" for c in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def one_line(value: str, limit: int = MAX_NAME) -> str:
    """`clean`, with line breaks and tabs as single spaces: for names and headers."""
    return " ".join(clean(value, limit).split())


def _harmless(char: str) -> bool:
    if char in "\n\t":
        return True
    if char in "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069":
        return False
    return unicodedata.category(char) not in ("Cc", "Cs")


def folded(value: str) -> str:
    """`value` as it is searched for: without regard to case and accents.

    ``yaounde`` finds ``Yaoundé``, ``strasse`` finds ``Straße``.
    """
    apart = unicodedata.normalize("NFKD", value)
    return "".join(c for c in apart.casefold() if not unicodedata.combining(c))
