"""Days that somebody typed, as moments: a day begins where the reader is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from backupmon.core.words import to_translate
from backupmon.language import choose_timezone

NO_DATE = to_translate("is no date")


def beginning_of(day: str, later: int = 0) -> datetime:
    """Midnight of a day such as ``2031-03-03``, or of one so many days `later`.

    Raises
    ------
    ValueError
        Where it is no day, or none that has a midnight in UTC.
    """
    try:
        zone = ZoneInfo(choose_timezone())
        begins = datetime.strptime(day.strip(), "%Y-%m-%d").replace(tzinfo=zone)
        return (begins + timedelta(days=later)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(day) from error


def beginning_if_given(day: str) -> datetime | None:
    """As `beginning_of`; None where nothing was typed."""
    return beginning_of(day) if day.strip() else None
