"""Whether a page that asks again has anything new to learn.

A fragment that polls bears what it has seen in its own address, ``?seen=…``: the count of
changes, and the minute, since ages, "overdue" and the like become others as time goes by.
"""

from __future__ import annotations

from flask import request

from backupmon.language.filters import now
from backupmon.services.state_version import state_version


def freshness() -> str:
    """What a page of this moment has seen."""
    return f"{state_version():x}.{minute():x}"


def minute() -> int:
    """The minute of this request, since 1970."""
    return int(now().timestamp()) // 60


def is_fresh() -> bool:
    """Whether the page that asks has seen all there is."""
    return request.args.get("seen") == freshness()
