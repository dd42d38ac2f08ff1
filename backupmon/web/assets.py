"""Style and scripts: many small files in the tree, one of each on the wire.

The address of a bundle holds a digest of what is in it. Browsers keep it for good, and ask for
another after an upgrade.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Response, abort, url_for

from backupmon.config import PROJECT_ROOT

_STATIC = PROJECT_ROOT / "static"
_STYLES = (
    "css/tokens.css",
    "css/base.css",
    "css/layout.css",
    "css/components/*.css",
    "css/print.css",
)
_SCRIPTS = ("vendor/htmx.min.js", "vendor/idiomorph-ext.min.js", "js/*.js")
_FOR_GOOD = "public, max-age=31536000, immutable"

bp = Blueprint("assets", __name__)


class Bundle:
    """Files one after the other, read once."""

    def __init__(self, name: str, mimetype: str, patterns: tuple[str, ...]) -> None:
        self.name, self.mimetype = name, mimetype
        self.content = b"\n".join(path.read_bytes() for path in _files(patterns))
        self.digest = sha256(self.content).hexdigest()[:12]

    @property
    def url(self) -> str:
        """Its address, as long as it is what it is."""
        return url_for("assets.bundle", digest=self.digest, name=self.name)


def _files(patterns: tuple[str, ...]) -> list[Path]:
    return [path for pattern in patterns for path in sorted(_STATIC.glob(pattern))]


STYLE = Bundle("app.css", "text/css", _STYLES)
SCRIPT = Bundle("app.js", "text/javascript", _SCRIPTS)
_BUNDLES = {bundle.name: bundle for bundle in (STYLE, SCRIPT)}


@bp.get("/assets/<digest>/<name>")
def bundle(digest: str, name: str) -> Response:
    """A bundle; under the address of an older one there is nothing."""
    found = _BUNDLES.get(name)
    if found is None or found.digest != digest:
        abort(404)
    response = Response(found.content, mimetype=found.mimetype)
    response.headers["Cache-Control"] = _FOR_GOOD
    return response


@bp.get("/assets/icon/<int:problems>.svg")
def icon(problems: int) -> Response:
    """The favicon: a tick, or the number of problems."""
    told = str(problems) if problems < 100 else "99+"
    size = {1: 11, 2: 9, 3: 7}[len(told)]
    drawing = _COUNTED.format(told=told, size=size) if problems else _WELL
    response = Response(drawing, mimetype="image/svg+xml")
    response.headers["Cache-Control"] = _FOR_GOOD
    return response


_WELL = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="none">'
    '<rect width="16" height="16" rx="4" fill="#2c7a7b"/>'
    '<path d="M4 8.5 7 11.5 12 5" stroke="#fff" stroke-width="2" stroke-linecap="round"'
    ' stroke-linejoin="round"/></svg>'
)
_COUNTED = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
    '<rect width="16" height="16" rx="4" fill="#b3261e"/>'
    '<text x="8" y="8.5" fill="#fff" font-family="sans-serif" font-weight="bold"'
    ' font-size="{size}" text-anchor="middle" dominant-baseline="central">{told}</text></svg>'
)
