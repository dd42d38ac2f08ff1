"""What every test may use: settings in an empty folder, a migrated database, the commands."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from backupmon import create_app
from backupmon.config import Settings, load_settings


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's environment nor an ``.env`` decides what a test sees."""
    for name in list(os.environ):
        if name.startswith("BACKUPMON_") and not name.startswith("BACKUPMON_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def template_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that went through all migrations once; every test gets a copy of the file."""
    from backupmon.extensions import db
    from backupmon.services.schema import upgrade_schema

    folder = tmp_path_factory.mktemp("template")
    app = create_app(load_settings(data_dir=folder, log_level="ERROR"))
    with app.app_context():
        upgrade_schema()
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
    return folder / "backupmon.db"


@pytest.fixture
def settings(tmp_path: Path, template_database: Path) -> Settings:
    """Settings of a server of this test's own; nothing ever waits to settle."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    shutil.copyfile(template_database, data_dir / "backupmon.db")
    return load_settings(data_dir=data_dir, settle_seconds=0)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The application, within its context."""
    from backupmon.extensions import db

    application = create_app(settings)
    with application.app_context():
        yield application
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
