"""What an operator may do with a quarantined file, and what not."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from backupmon.core.errors import NotFoundError, RefusedError
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import AuditEvent
from backupmon.services.quarantine import Operator, accept_quarantined, delete_quarantined
from tests.integration.conftest import World, at
from tests.integration.scan_process import run_command_to_end

ANNE = Operator("anne", "the law was amended")


def changed(world: World) -> tuple[int, int, bytes, bytes]:
    """A job whose copy must not change, and did: job, entry, the old bytes, the new."""
    job = world.job(content_policy="must_not_change")
    site = world.site()
    old = site.deliver(at(11, 50), shop="law")["shop"]
    world.scan(at(12))
    new = site.deliver(at(11, 50, days=1), shop="amended")["shop"]
    world.scan(at(12, 0, days=1))
    return job, world.entries(job)[-1].id, old, new


def test_an_accepted_file_is_promoted_and_becomes_the_baseline(world: World) -> None:
    job, entry, old, new = changed(world)
    assert world.final().read_bytes() == old
    accept_quarantined(world.settings, entry, ANNE)
    assert world.final().read_bytes() == new
    assert [row.state for row in world.stored(job)] == ["previous", "stored"]
    assert not (world.settings.quarantine_root / str(entry)).exists()
    assert world.entries(job)[-1].status == Status.HASH_MISMATCH
    site = world.site()
    site.deliver(at(11, 50, days=2), shop="amended")
    world.scan(at(12, 0, days=2))
    assert world.statuses(job)[-1] == Status.SUCCESS
    site.deliver(at(11, 50, days=3), shop="law")
    world.scan(at(12, 0, days=3))
    assert world.statuses(job)[-1] == Status.HASH_MISMATCH


@pytest.mark.parametrize("step", ["place.synced", "place.kept", "place.replaced", "place.done"])
def test_killed_while_accepting_the_next_scan_finishes_it(world: World, step: str) -> None:
    job, entry, old, new = changed(world)
    code = run_command_to_end(world.settings, ["quarantine", "accept", str(entry)], {step: "kill"})
    assert code == -9
    assert world.final().read_bytes() in (old, new)
    world.scan(at(12, 30, days=1))
    assert world.final().read_bytes() == new
    assert [row.state for row in world.stored(job)] == ["previous", "stored"]
    assert not (world.settings.quarantine_root / str(entry)).exists()


def test_what_was_accepted_is_audited_with_who_and_why(world: World) -> None:
    _job, entry, _old, _new = changed(world)
    accept_quarantined(world.settings, entry, ANNE)
    event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None
    assert (event.actor, event.action, event.subject_id) == ("anne", "quarantine.accept", entry)
    assert event.after is not None
    assert event.after["reason"] == "the law was amended"


def test_a_damaged_file_is_never_promoted(world: World) -> None:
    job = world.job()
    site = world.site()
    site.deliver(at(11, 50), shop="a")
    (site.staging / "shop.sql.gz").write_bytes(b"damaged")
    world.scan(at(12))
    with pytest.raises(RefusedError, match="never promoted"):
        accept_quarantined(world.settings, world.entry(job).id, ANNE)
    assert world.stored(job)[0].state == "quarantined"


def test_a_file_is_not_accepted_over_a_newer_copy(world: World) -> None:
    job, entry, old, _new = changed(world)
    world.site().deliver(at(11, 50, days=2), shop="law")
    world.scan(at(12, 0, days=2))
    with pytest.raises(RefusedError, match="newer copy"):
        accept_quarantined(world.settings, entry, ANNE)
    assert world.final().read_bytes() == old
    assert world.statuses(job)[-1] == Status.SUCCESS


def test_a_deleted_file_is_gone_and_its_entry_stays(world: World) -> None:
    job, entry, old, _new = changed(world)
    delete_quarantined(world.settings, entry, ANNE)
    assert not (world.settings.quarantine_root / str(entry)).exists()
    assert world.entries(job)[-1].status == Status.HASH_MISMATCH
    assert world.final().read_bytes() == old
    with pytest.raises(NotFoundError):
        delete_quarantined(world.settings, entry, ANNE)
    assert world.scan(at(12, 30, days=1)).conditions == []
