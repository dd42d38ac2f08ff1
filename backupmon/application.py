"""The application object: Flask, which wires its pages when the first of them is asked for."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from threading import RLock
from typing import Any

import structlog
from flask import Flask, current_app, g, request
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Map

from backupmon.config import Settings

log = structlog.get_logger()


class Application(Flask):
    """Flask whose routes are there from the first look at them.

    ``flask scan`` and its like never look: they start without forms, sessions and views, which
    cost more than all they need themselves. A server looks with its first request, and may do
    so beforehand: `wire`.

    Parameters
    ----------
    wiring:
        Adds the pages. Where it fails before it has added any, the next look tries again.
    """

    def __init__(self, *args: Any, wiring: Callable[[Flask], None], **kwargs: Any) -> None:
        self._wired = self._busy = True
        self._wiring = wiring
        self._wiring_lock = RLock()
        super().__init__(*args, **kwargs)
        self._wired = self._busy = False

    def wire(self) -> None:
        """Add the pages now, unless they are there."""
        with self._wiring_lock:
            # Who is busy and has the lock is the wiring itself, which looks at the routes too.
            if self._wired or self._busy:
                return
            self._busy = True
            try:
                self._wiring(self)
                self._wired = True
            finally:
                self._busy = False

    @property
    def url_map(self) -> Map:
        """The routes. Every request, ``url_for`` and ``flask routes`` come by here."""
        if not self._wired:
            self.wire()
        return self._url_map

    @url_map.setter
    def url_map(self, routes: Map) -> None:
        self._url_map = routes

    def trust_proxies(self, count: int) -> None:
        """Believe the address and the scheme that the last `count` proxies give."""
        if count:
            proxied = ProxyFix(self.wsgi_app, x_for=count, x_proto=count)
            self.wsgi_app = proxied  # type: ignore[method-assign]

    def log_exception(self, exc_info: Any) -> None:
        """Log an error nobody expected, under the id that its page shows."""
        g.error_id = secrets.token_hex(4)
        log.error(
            "request.failed",
            error_id=g.error_id,
            method=request.method,
            path=request.path,
            exc_info=exc_info,
        )


def current_settings() -> Settings:
    """The settings of the application that this is a part of."""
    found = current_app.extensions["backupmon"]
    assert isinstance(found, Settings)
    return found
