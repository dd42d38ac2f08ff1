"""Alerts in the background: a worker of the ``alerts`` queue sends them, each once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backupmon.config import Settings
from backupmon.queue import ALERTS, enqueue_delivery, queue_named
from backupmon.services.background import request_scan
from tests.integration.background import Background, background, until
from tests.integration.conftest import NOON, World, at
from tests.integration.mailbox import Mailbox, free_port, running
from tests.integration.site import section
from tests.integration.test_delivery import states, with_mail


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with running(Mailbox(free_port())) as box:
        yield box


@pytest.fixture
def settings(sqlite_settings: Settings, mailbox: Mailbox) -> Settings:
    return with_mail(sqlite_settings, mailbox.port)


@pytest.fixture
def back(world: World, tmp_path: Path) -> Iterator[Background]:
    with background(world, tmp_path) as found:
        yield found


def test_what_scans_and_verifications_find_is_told_by_workers(
    back: Background, mailbox: Mailbox
) -> None:
    world = back.world
    world.job("silent", agent="bolt")
    world.job("shop")
    bad = section(b"x", "shop.sql.gz", BACKUP__status=False)
    world.site().report(NOON, {"shop": bad})
    request_scan(back.settings, at(12, 31))
    for number in range(2):
        back.worker(name=f"worker{number}")
    until(lambda: sorted(states()) == ["sent", "sent"], "both are told")
    said = " ".join(mailbox.subjects())
    assert "bolt: silent MISSING" in said
    assert "acme: shop FAILED" in said
    assert said.count("silent") == said.count("shop") == 1


def test_one_delivery_waits_on_the_queue_however_often_it_is_asked_for(back: Background) -> None:
    for _ in range(3):
        enqueue_delivery(back.redis, None)
    assert queue_named(ALERTS, back.redis).count == 1
