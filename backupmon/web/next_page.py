"""Where to go after a form: only ever to a page of this server."""

from __future__ import annotations

from flask import request

HOME = "/"
_LONGEST = 2000


def safe_next(wanted: str | None) -> str:
    """`wanted` where it is a path on this server, else the front page.

    Browsers read backslashes as slashes, and pass over tabs and line breaks: neither may be there.
    """
    if not wanted or len(wanted) > _LONGEST or not wanted.startswith("/"):
        return HOME
    if wanted.startswith("//") or "\\" in wanted or not wanted.isprintable():
        return HOME
    return wanted


def this_page() -> str:
    """The page that was asked for, to come back to; what HTMX asks for is only a part of one."""
    if request.method not in ("GET", "HEAD"):
        return HOME
    return safe_next(request.full_path.rstrip("?"))
