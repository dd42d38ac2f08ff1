"""``flask doctor`` on servers with real faults: it names each, and changes nothing."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from flask import Flask

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.services.reset import count_rows
from tests.integration.conftest import World
from tests.integration.doctoring import (
    MISSING_REDIS,
    NOBODY,
    doctor,
    nobody,
    other_app,
    passable,
    set_up,
)


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


@pytest.fixture
def server(app: Flask, settings: Settings) -> World:
    return set_up(app, settings)


# A server that is well, but for Redis


def test_a_server_just_set_up_lacks_nothing_but_its_redis(server: World) -> None:
    told = doctor(server.app)
    assert told.bad == MISSING_REDIS
    assert told.result.exit_code == 1
    assert "flask scan works without" in told.words("Redis")
    assert {"database", "schema", *server.settings.roots()} <= told.names("good")
    assert "there was none yet" in told.words("last scan")


def test_it_changes_nothing(server: World) -> None:
    def everything() -> dict[Path, float | None]:
        found = server.settings.data_dir.rglob("*")
        own = ("backupmon.db", "backupmon.db-wal", "backupmon.db-shm")
        return {p: p.stat().st_mtime if p.is_file() else None for p in found if p.name not in own}

    files, rows = everything(), count_rows()
    db.session.rollback()
    doctor(server.app)
    doctor(server.app)
    assert everything() == files
    assert count_rows() == rows


def test_json_is_an_array_of_objects_and_all_there_is(server: World) -> None:
    told = doctor(server.app)
    assert told.checks
    for check in told.checks:
        assert set(check) == {"area", "name", "level", "words", "hint"}
        assert check["level"] in ("good", "warning", "bad")
        assert check["words"]
    assert all(check["hint"] for check in told.checks if check["level"] == "bad")


def test_people_see_a_sign_the_words_and_a_hint_below(server: World) -> None:
    result = server.app.test_cli_runner().invoke(args=["doctor"])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    (redis,) = [number for number, line in enumerate(lines) if "✗ Redis" in line]
    assert lines[redis + 1].strip().startswith("hint: ")
    assert any("✓ schema" in line for line in lines)
    assert lines[-1].startswith("1 to mend")
    assert "\x1b" not in result.stdout


def test_a_terminal_without_the_signs_gets_letters(
    server: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = server.app.test_cli_runner(charset="ascii")
    monkeypatch.setenv("BACKUPMON_DÉPÔT", "x")
    result = runner.invoke(args=["doctor"])
    assert result.exit_code == 1
    assert result.stdout.isascii()
    assert "ok schema" in result.stdout
    assert "x  Redis" in result.stdout
    assert r"BACKUPMON_D\xc9P\xd4T is no setting" in result.stdout


# Settings


def test_a_setting_that_is_none_is_told(server: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKUPMON_DEPOSIT_ROOF", "/srv")
    told = doctor(server.app)
    assert "did you mean BACKUPMON_DEPOSIT_ROOT?" in told.words("settings")
    assert told.bad == MISSING_REDIS


def test_secrets_that_every_user_may_read_are_told(server: World, tmp_path: Path) -> None:
    key = server.settings.data_dir / "secret_key"
    key.write_text("secret")
    key.chmod(0o644)
    assert "closed to other users" in doctor(server.app).words("secrets"), "nobody gets there"
    with passable(tmp_path):
        assert f"every user may read {key}" in doctor(server.app).words("secrets")
        key.chmod(0o666)
        told = doctor(server.app)
    assert f"every user may change {key}" in told.words("secrets")
    assert "secrets" in told.bad


# Folders


def test_a_root_without_its_marker_is_told_and_not_written_to(server: World) -> None:
    root = server.settings.deposit_root
    (root / ".backupmon").unlink()
    before = root.stat().st_mtime_ns
    told = doctor(server.app)
    assert told.bad == {"DEPOSIT_ROOT", *MISSING_REDIS}
    assert "bears no marker: its disk may not be mounted -> mount it" in told.words("DEPOSIT_ROOT")
    assert root.stat().st_mtime_ns == before
    assert list(root.iterdir()) == []


def test_a_root_that_is_not_there_is_told_and_not_made(server: World) -> None:
    root = server.settings.validated_root
    (root / ".backupmon").unlink()
    root.rmdir()
    told = doctor(server.app)
    assert told.bad == {"VALIDATED_ROOT", *MISSING_REDIS}
    assert "is not there" in told.words("VALIDATED_ROOT")
    assert not root.exists()


def test_a_root_that_was_never_used_is_told_and_not_marked(server: World, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    with other_app(server.settings, quarantine_root=new) as other:
        told = doctor(other)
    assert told.bad == MISSING_REDIS
    assert "mark it with flask init" in told.words("QUARANTINE_ROOT")
    assert list(new.iterdir()) == []


def test_a_root_that_we_may_not_write_is_told(server: World, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can look as another user")
    doctor(server.app)
    for path in server.settings.data_dir.rglob("*"):
        os.chown(path, NOBODY, NOBODY)
    os.chown(server.settings.data_dir, NOBODY, NOBODY)
    os.chown(server.settings.quarantine_root, 0, 0)
    server.settings.quarantine_root.chmod(0o755)
    os.chown(server.settings.report_archive_root, 0, 0)
    server.settings.report_archive_root.chmod(0o700)
    with passable(tmp_path), nobody():
        told = doctor(server.app)
    assert told.bad == {"QUARANTINE_ROOT", "REPORT_ARCHIVE_ROOT", *MISSING_REDIS}
    assert "give the server's user the right" in told.words("QUARANTINE_ROOT")


def test_whoever_is_not_the_owner_is_told_to_look_as_the_owner(server: World) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give folders away")
    os.chown(server.settings.data_dir, NOBODY, NOBODY)
    told = doctor(server.app)
    assert "user" in told.names("warning")
    assert "sudo -u nobody flask doctor" in told.words("user")


# The queue; how it is with a real one is told in test_doctor_background.py


def test_a_redis_that_does_not_answer_is_told_without_its_password(server: World) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"redis://ann:open-sesame@127.0.0.1:{closed.getsockname()[1]}/0"
        with other_app(server.settings, redis_url=url) as down:
            told = doctor(down)
    assert told.bad == MISSING_REDIS
    assert "BACKUPMON_REDIS_URL" in told.words("Redis")
    assert "open-sesame" not in told.result.output
