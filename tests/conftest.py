"""What every test may use: settings in an empty folder, a migrated database, the commands."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import make_url

from backupmon import create_app
from backupmon.config import Settings, load_settings
from tests.servers import postgresql_database


def pytest_xdist_auto_num_workers() -> int:
    """How many processes ``-n auto`` starts: many tests wait for processes of their own."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


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
    folder = tmp_path_factory.mktemp("template")
    _migrate(load_settings(data_dir=folder, log_level="ERROR"))
    return folder / "backupmon.db"


@pytest.fixture(scope="session")
def template_postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a PostgreSQL database that went through all migrations once."""
    folder = tmp_path_factory.mktemp("template")
    with postgresql_database() as url:
        _migrate(load_settings(data_dir=folder, database_url=url, log_level="ERROR"))
        name = make_url(url).database
        assert name is not None
        yield name


def _migrate(settings: Settings) -> None:
    from backupmon.services.schema import upgrade_schema

    with create_app(settings).app_context():
        upgrade_schema()
        _hang_up()


def _hang_up() -> None:
    """Close every connection, as the end of a process does."""
    from backupmon.extensions import db

    db.session.remove()
    for engine in db.engines.values():
        engine.dispose()


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    """Settings of a server of this test's own; a module may name others in this one's place."""
    return sqlite_settings


@pytest.fixture(params=["sqlite", "postgresql"])
def settings_on_each(request: pytest.FixtureRequest) -> Settings:
    """For tests that run once on each kind of database."""
    found = request.getfixturevalue(f"{request.param}_settings")
    assert isinstance(found, Settings)
    return found


@pytest.fixture
def sqlite_settings(tmp_path: Path, template_database: Path) -> Settings:
    """With SQLite; nothing ever waits to settle, and nobody gets digests unasked."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    shutil.copyfile(template_database, data_dir / "backupmon.db")
    return load_settings(data_dir=data_dir, settle_seconds=0, alert_digest="off")


@pytest.fixture
def postgresql_settings(tmp_path: Path, template_postgresql: str) -> Iterator[Settings]:
    """With PostgreSQL; as with SQLite."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with postgresql_database(template_postgresql) as url:
        yield load_settings(
            data_dir=data_dir, database_url=url, settle_seconds=0, alert_digest="off"
        )


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The application, within its context."""
    application = create_app(settings)
    with application.app_context():
        yield application
        _hang_up()
