"""``flask doctor`` tells whether scans go on, and what they met."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.models import ScanRun, ServerCondition
from tests.integration.conftest import World
from tests.integration.doctoring import (
    MISSING_REDIS,
    doctor,
    set_up,
)


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


@pytest.fixture
def server(app: Flask, settings: Settings) -> World:
    return set_up(app, settings)


def scanned(ago: timedelta, state: str = "done", **values: Any) -> None:
    """A scan that began a while ago."""
    began = datetime.now(UTC) - ago
    values = {"host": socket.gethostname(), "pid": os.getpid(), "moment": began, **values}
    db.session.add(ScanRun(started_at=began, state=state, **values))
    db.session.commit()


def test_a_scan_a_moment_ago_is_good(server: World) -> None:
    scanned(timedelta(minutes=20))
    told = doctor(server.app)
    assert told.bad == MISSING_REDIS
    assert "last scan" in told.names("good")


def test_two_intervals_without_a_scan_are_told(server: World) -> None:
    scanned(timedelta(minutes=31))
    scanned(timedelta(minutes=1), agent="acme")
    told = doctor(server.app)
    assert "last scan" in told.bad
    assert "31 min ago" in told.words("last scan")


def test_a_long_scan_that_goes_on_is_no_trouble_and_a_dead_one_is(server: World) -> None:
    scanned(timedelta(hours=5))
    scanned(timedelta(hours=4), "running")
    assert "last scan" in doctor(server.app).names("good")
    scanned(timedelta(hours=4), "running", pid=2**22 + 1)
    assert "last scan" in doctor(server.app).bad


def test_a_scan_that_failed_is_told_with_its_reason(server: World) -> None:
    scanned(timedelta(minutes=20))
    scanned(timedelta(minutes=5), "failed", error="the disk of \x1b[31mroses")
    told = doctor(server.app)
    assert "last scan" in told.bad
    assert "the disk of" in told.words("last scan")
    assert "\x1b" not in told.words("last scan")


def test_every_open_condition_is_a_cross_with_its_hint(server: World) -> None:
    began = datetime.now(UTC) - timedelta(hours=2)
    for number in range(23):
        db.session.add(
            ServerCondition(
                code="disk.full",
                subject=f"disk {number}",
                message=f"disk {number} is full",
                hint="free some",
                started_at=began,
                last_seen_at=began,
                ended_at=began if number == 22 else None,
            )
        )
    db.session.commit()
    told = doctor(server.app)
    assert told.bad == {"disk.full", "server conditions", *MISSING_REDIS}
    assert told.words("disk.full").count("free some") == 20
    assert "and 2 besides these" in told.words("server conditions")
    assert "disk 22 is full" not in told.result.stdout


def test_that_the_queue_is_down_is_told_once_with_since_when(server: World) -> None:
    began = datetime(2031, 3, 3, 12, tzinfo=UTC)
    db.session.add(
        ServerCondition(
            code="background.down",
            subject="queue",
            message="it does not answer",
            started_at=began,
            last_seen_at=began,
        )
    )
    db.session.commit()
    told = doctor(server.app)
    assert told.bad == MISSING_REDIS
    assert "since 2031-03-03 12:00 UTC" in told.words("Redis")
    assert "server conditions" in told.names("good")
