"""``flask doctor`` and a database that is absent, down, damaged or of another version."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from backupmon.config import Settings, load_settings
from backupmon.extensions import db
from tests.integration.conftest import World
from tests.integration.doctoring import (
    MISSING_REDIS,
    doctor,
    other_app,
    set_up,
)


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


@pytest.fixture
def server(app: Flask, settings: Settings) -> World:
    return set_up(app, settings)


def on_sqlite(settings: Settings) -> bool:
    return settings.database_url.startswith("sqlite")


def only_on_sqlite(settings: Settings) -> None:
    if not on_sqlite(settings):
        pytest.skip("about SQLite")


def test_before_flask_init_it_says_so_and_makes_no_database(tmp_path: Path) -> None:
    data_dir = tmp_path / "new"
    with other_app(load_settings(data_dir=data_dir)) as new:
        told = doctor(new)
    assert told.result.exit_code == 1
    assert "flask init" in told.words("database")
    assert "flask init" in told.words("DEPOSIT_ROOT")
    assert not data_dir.exists()


def test_a_database_that_is_down_is_told_without_its_password(server: World) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        url = f"postgresql+psycopg://ann:open-sesame@127.0.0.1:{port}/backupmon"
        with other_app(server.settings, database_url=url) as down:
            told = doctor(down)
    assert told.result.exit_code == 1
    assert told.bad == {"database", *MISSING_REDIS}
    assert "start PostgreSQL" in told.words("database")
    assert "readable and writable, and bears a marker" in told.words("DEPOSIT_ROOT")
    assert "open-sesame" not in told.result.output


@pytest.mark.parametrize(
    ("revision", "hint"),
    [("0001", "flask db upgrade"), ("9999", "start the newer program"), (None, "flask init")],
)
def test_a_schema_of_another_version_is_told(
    server: World, revision: str | None, hint: str
) -> None:
    statement = "DELETE FROM alembic_version"
    if revision:
        statement = f"UPDATE alembic_version SET version_num = '{revision}'"
    db.session.execute(text(statement))
    db.session.commit()
    told = doctor(server.app)
    assert told.bad == {"schema", *MISSING_REDIS}
    assert hint in told.words("schema")


def test_a_damaged_database_is_told(server: World, settings: Settings) -> None:
    only_on_sqlite(settings)
    file = settings.data_dir / "backupmon.db"
    # A page that no other check reads.
    of_table = text("SELECT rootpage FROM sqlite_master WHERE name = 'audit_events'")
    page = db.session.scalar(of_table)
    assert isinstance(page, int)
    db.session.commit()
    db.session.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    db.session.remove()
    db.engine.dispose()
    with file.open("r+b") as damaged:
        damaged.seek((page - 1) * 4096)
        damaged.write(b"\xff" * 4096)
    told = doctor(server.app)
    assert "integrity" in told.bad
    assert "is damaged" in told.words("integrity")


def test_a_file_that_is_no_database_is_told(server: World, settings: Settings) -> None:
    only_on_sqlite(settings)
    db.session.remove()
    db.engine.dispose()
    for file in settings.data_dir.glob("backupmon.db*"):
        file.unlink()
    (settings.data_dir / "backupmon.db").write_bytes(b"a letter to the editor\n" * 400)
    told = doctor(server.app)
    assert "file is not a database" in told.words("database")
    assert told.result.exit_code == 1


def test_what_a_power_cut_would_take_back_is_told(server: World, settings: Settings) -> None:
    if on_sqlite(settings):
        pytest.skip("about PostgreSQL")
    name = db.engine.url.database
    db.session.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = off'))
    db.session.commit()
    db.session.remove()
    db.engine.dispose()
    told = doctor(server.app)
    assert "synchronous_commit" in told.words("durability")
