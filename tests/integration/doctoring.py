"""``flask doctor`` in tests: what it told, and servers to have it look at."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask

from backupmon import create_app
from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.services.roots import mark_roots
from tests.integration.conftest import World

NOBODY = 65534
#: What is bad about a server that nobody has started.
MISSING_REDIS = {"Redis"}


def set_up(app: Flask, settings: Settings) -> World:
    """A server as ``flask init`` leaves it."""
    mark_roots(settings, datetime.now(UTC))
    db.session.rollback()
    return World(app, settings)


class Told:
    """What doctor told."""

    def __init__(self, app: Flask) -> None:
        self.result = app.test_cli_runner().invoke(args=["doctor", "--json"])
        self.checks: list[dict[str, str]] = json.loads(self.result.stdout)

    @property
    def bad(self) -> set[str]:
        return self.names("bad")

    def names(self, level: str) -> set[str]:
        return {check["name"] for check in self.checks if check["level"] == level}

    def words(self, name: str) -> str:
        """All that is said of a thing, with what to do."""
        found = [f"{c['words']} -> {c['hint']}" for c in self.checks if c["name"] == name]
        return "\n".join(found)


def doctor(app: Flask) -> Told:
    return Told(app)


@contextmanager
def other_app(settings: Settings, **changes: Any) -> Iterator[Flask]:
    """A server with other settings, within its context."""
    app = create_app(settings.model_copy(update=changes))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@contextmanager
def passable(folder: Path) -> Iterator[None]:
    """Let every user pass through to a folder of the test's own, and no further."""
    ours = [p for p in folder.parents if p.stat().st_uid == os.geteuid() and p != Path("/")]
    modes = {path: path.stat().st_mode for path in (folder, *ours)}
    for path, mode in modes.items():
        path.chmod(mode | 0o011)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


@contextmanager
def nobody() -> Iterator[None]:
    """Be another user for a while."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
