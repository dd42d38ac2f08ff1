"""How often one may try to log in: ten times a minute, and never locked out for longer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

MOST_TRIES = 10
WINDOW = timedelta(minutes=1)


def wait_before_try(tries: Iterable[datetime], now: datetime) -> timedelta | None:
    """How long to wait before one more try; None when it may be made at once.

    Parameters
    ----------
    tries:
        When those before it were made, in any order. What lies outside the last minute counts
        for nothing; neither does what lies far ahead, from a clock that was set back.
    """
    recent = sorted(at for at in tries if now - WINDOW < at < now + WINDOW)
    if len(recent) < MOST_TRIES:
        return None
    # It is free again when the oldest of the last ten is a minute old.
    return min(recent[-MOST_TRIES] + WINDOW - now, WINDOW)
