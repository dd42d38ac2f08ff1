"""Lists in pages: ``{"items": […], "total": n, "next": url or null}``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from backupmon.api.problems import ProblemError

_USUAL, _MOST = 100, 1000
#: More than any table has rows, and less than a database's whole numbers hold.
_FARTHEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Page:
    """What of a list is asked for, by ``limit`` and ``offset``."""

    limit: int
    offset: int

    def answer(self, items: Sequence[dict[str, Any]], total: int) -> dict[str, Any]:
        """The list's representation; the next page's address keeps all filters."""
        end = self.offset + len(items)
        arguments = {**request.view_args, **request.args} if request.view_args else request.args
        following = {**arguments, "limit": self.limit, "offset": end}
        more = bool(items) and end < total
        return {
            "items": list(items),
            "total": total,
            "next": url_for(str(request.endpoint), **following) if more else None,
        }


def asked_page() -> Page:
    """The page that the request asks for.

    Raises
    ------
    ProblemError
        For what is no whole number, or out of bounds.
    """
    return Page(_number("limit", _USUAL, 1, _MOST), _number("offset", 0, 0, _FARTHEST))


def _number(name: str, usual: int, least: int, most: int) -> int:
    text = request.args.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) < 11 and least <= int(text) <= most):
        raise ProblemError(
            400, f"{name} cannot be used", f"a whole number from {least} to {most} is wanted"
        )
    return int(text)
