"""Requests that HTMX makes for a part of a page."""

from __future__ import annotations

from flask import request


def is_htmx() -> bool:
    """Whether a fragment is wanted; a boosted link wants a page."""
    return "HX-Request" in request.headers and "HX-Boosted" not in request.headers
