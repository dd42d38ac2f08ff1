"""Column types and how columns are shown to programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, stored as UTC without an offset, and always handed out aware.

    Raises
    ------
    ValueError
        When a naive time is written: nobody knows which instant it is.
    """

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without an offset: {value}")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else value.replace(tzinfo=UTC)


def iso(value: datetime | None) -> str | None:
    """ISO 8601 in UTC with ``Z``, as commands and API print times; None stays None."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def row_dict(row: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """The columns `names` of `row`, times as ISO 8601 with ``Z``."""
    values = {name: getattr(row, name) for name in names}
    return {k: iso(v) if isinstance(v, datetime) else v for k, v in values.items()}
