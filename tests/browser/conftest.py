"""The pages in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Response,
    sync_playwright,
)
from werkzeug.serving import make_server

from tests.integration.conftest import client_as, make_world, world
from tests.integration.web import ClientAs
from tests.servers import do_without

__all__ = ["client_as", "make_world", "world"]

#: As a server without a screen starts it: alone, and without calling home.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
#: Milliseconds. Only a failure takes that long.
PATIENCE = 15_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; each opens windows of its own."""
    chromium = shutil.which("chromium") or do_without("not on the path: chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        yield opened
        opened.close()


@dataclass
class Site:
    """The application, serving on a port of its own."""

    app: Flask
    url: str
    stop: Callable[[], None]


@pytest.fixture
def site(app: Flask) -> Iterator[Site]:
    """Serve the application from threads of this process, until the test is over."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    yield Site(app, f"http://127.0.0.1:{server.port}", stop)
    if thread.is_alive():
        stop()


@pytest.fixture
def open_page(browser: Browser, site: Site, client_as: ClientAs) -> Iterator[Callable[..., Page]]:
    """Opens a page of the site in a window of its own; what goes wrong in it fails the test.

    An operator is signed in, unless another `role` is given ("stranger": nobody). Options are
    those of a window: ``viewport``, ``color_scheme``, ``locale``, ``java_script_enabled``.
    """
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def open_one(path: str = "/", role: str = "operator", **options: Any) -> Page:
        context = browser.new_context(**{"locale": "en-GB", "base_url": site.url, **options})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        cookie = client_as(role).get_cookie(site.app.config["SESSION_COOKIE_NAME"])
        if cookie is not None:
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: _note(errors, message))
        page.on("response", lambda response: _note_missing(errors, response))
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert errors == []


def _note(errors: list[str], message: ConsoleMessage) -> None:
    # What could not be loaded is noted below; a server that is gone is what some tests are about.
    passed_over = ("Failed to load resource", "htmx:")
    if message.type == "error" and not any(words in message.text for words in passed_over):
        errors.append(message.text)


def _note_missing(errors: list[str], response: Response) -> None:
    """Whatever a page needs and does not get; what was asked for itself is the test's affair."""
    if response.status >= 400 and response.request.resource_type != "document":
        errors.append(f"{response.status} {response.url}")


def unfold_all(page: Page) -> None:
    """Open every fold, and wait for what is loaded into it."""
    page.evaluate("document.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    page.wait_for_load_state("networkidle")


def refresh(page: Page) -> None:
    """Let what polls ask now, as it does when a tab is looked at again."""
    page.evaluate("htmx.trigger(document.body, 'awake')")
