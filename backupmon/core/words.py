"""Quantities as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def human_bytes(size: int) -> str:
    """`size` bytes in decimal units, to one decimal place: ``17.9 MB``."""
    amount, unit = scaled_bytes(size)
    return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"


def scaled_bytes(size: int) -> tuple[float, str]:
    """`size` bytes in the decimal unit in which a person says them, and that unit."""
    amount, unit = float(size), _UNITS[0]
    for unit in _UNITS:
        if abs(amount) < 999.95 or unit == _UNITS[-1]:
            break
        amount /= 1000
    return amount, unit


def human_time(moment: datetime) -> str:
    """`moment` in UTC to the minute: ``2025-06-12 13:30 UTC``."""
    # strftime would write the year 1 as "1".
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "minutes") + " UTC"


def human_span(span: timedelta) -> str:
    """A length of time in its two largest units: ``2 h 5 min``, ``3 d``, ``40 s``."""
    seconds = abs(int(span.total_seconds()))
    if not seconds and span:
        return "less than 1 s"
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86400
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    said = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(said[:2])


def short_hash(sha256: str) -> str:
    """The first twelve hex digits: enough to tell two apart."""
    return sha256[:12]


def to_translate(message: str) -> str:
    """`message` itself, marked as words that a page says in its reader's language."""
    return message
