"""Alerts in the background: a worker of the ``alerts`` queue sends them, each once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.models import Alert, BackupEntry
from backupmon.queue import ALERTS, enqueue_delivery, queue_named
from backupmon.services.background import request_scan
from backupmon.services.delivery import deliver_alerts
from tests.integration.background import Background, background, until
from tests.integration.conftest import NOON, World, at
from tests.integration.mailbox import Mailbox
from tests.integration.site import dump_of, section
from tests.integration.test_delivery import states, with_mail

UNSIZED = {"COMPRESS__size": None}


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


def test_a_site_of_many_databases_recovers_in_one_mail(back: Background, mailbox: Mailbox) -> None:
    world, names = back.world, [f"db{number}" for number in range(8)]
    for name in names:
        world.job(name)
    world.scan(at(12, 31))
    assert len(mailbox.take()) == 1
    site = world.site()
    # Of an unknown size, so that each is a task by itself.
    site.report(
        at(12, days=1),
        {
            name: section(dump_of(name), site.put(f"{name}.gz", dump_of(name)).name, **UNSIZED)
            for name in names
        },
    )
    request_scan(back.settings, at(12, 1, days=1))
    for number in range(2):
        back.worker(name=f"worker{number}")
    until(lambda: states() == ["sent"] * 16, "all recoveries are told")
    (subject,) = mailbox.subjects()
    assert subject.startswith("Recovered: acme: db")
    assert subject.endswith(", 5 more")


def test_bad_news_do_not_wait_for_siblings_that_take_long(world: World, mailbox: Mailbox) -> None:
    world.job("shop")
    world.job("huge")
    world.site().report(
        NOON,
        {
            "shop": section(b"x", "shop.sql.gz", BACKUP__status=False),
            "huge": section(b"y", "huge.sql.gz"),
        },
    )
    nobody = world.with_settings(mail_server=None)
    nobody.scan(at(12, 1))
    # As where a worker is at it.
    pending = update(BackupEntry).where(BackupEntry.agent_staged_file_name == "huge.sql.gz")
    db.session.execute(pending.values(status="PENDING", looked_at=None))
    db.session.execute(delete(Alert).where(Alert.status != "FAILED"))
    db.session.commit()
    first = deliver_alerts(world.settings, at(12, 1), together=True)
    assert (first.sent, first.held) == (0, True)
    second = deliver_alerts(world.settings, at(12, 2), together=True)
    assert (second.sent, second.held) == (1, False)
    assert mailbox.subjects() == ["1 problem: acme: shop FAILED since 12:00"]
