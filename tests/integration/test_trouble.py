"""Trouble with one thing of the server's own is a condition, and the scan goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from backupmon.core.statuses import Status
from backupmon.storage.faults import ServerFault
from tests.integration.conftest import World, at

FAULT = ServerFault("io.error", "somewhere", "somewhere: cannot be read", "check the disk")


@pytest.mark.parametrize(
    "what",
    [
        "backupmon.services.recovery._tidy_claimed",
        "backupmon.services.recovery.claimed_entries",
        "backupmon.services.intake.left_aside",
        "backupmon.services.intake.finish_with",
    ],
)
def test_trouble_on_the_way_does_not_keep_a_backup_from_being_judged(
    world: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The disk cannot be made to fail at will, so the call to it is."""
    job = world.job()
    world.site().deliver(at(11, 50), shop="a")

    def fail(*_arguments: object) -> None:
        raise FAULT

    with monkeypatch.context() as trouble:
        trouble.setattr(what, fail)
        world.scan(at(12))
    assert world.statuses(job) == [Status.SUCCESS]
    assert world.conditions() == {"io.error": "somewhere"}
    world.scan(at(12, 5))
    assert world.statuses(job) == [Status.SUCCESS]
    assert world.conditions() == {}
    assert not list(Path(world.settings.deposit_root / ".claimed" / "reports").glob("*"))


def test_a_replaced_copy_that_cannot_be_removed_ends_no_scan(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.job()
    site = world.site()
    for day in (0, 1):
        site.deliver(at(11, 50, days=day), shop=f"day {day}")
        world.scan(at(12, 0, days=day))

    def fail(*_arguments: object) -> None:
        raise FAULT

    monkeypatch.setattr("backupmon.services.promotion.remove_at", fail)
    site.deliver(at(11, 50, days=2), shop="day 2")
    world.scan(at(12, 0, days=2))
    assert world.statuses(job) == [Status.SUCCESS] * 3
    assert "io.error" in world.conditions()
