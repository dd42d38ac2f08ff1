"""A database that is restored from a backup, beside folders that have gone on."""

from __future__ import annotations

from backupmon.extensions import db
from tests.integration.conftest import World, at
from tests.integration.site import dump_of, section


def deliver_damaged(world: World, day: int) -> bytes:
    data = dump_of(f"day {day}")
    site = world.site()
    site.put("shop.sql.gz", data[:-1] + b"!")
    site.report(at(11, 50, days=day), {"shop": section(data, "shop.sql.gz")})
    world.scan(at(12, 0, days=day))
    return data[:-1] + b"!"


def test_new_entries_are_not_numbered_into_the_folders_of_forgotten_ones(world: World) -> None:
    world.job()
    database = world.settings.data_dir / "backupmon.db"
    _hang_up()
    backup = database.read_bytes()
    forgotten = deliver_damaged(world, 0)
    _hang_up()
    for name in ("backupmon.db-wal", "backupmon.db-shm"):
        database.with_name(name).unlink(missing_ok=True)
    database.write_bytes(backup)
    new = deliver_damaged(world, 1)
    assert {forgotten, new} <= set(world.every_file().values())


def test_folders_named_by_years_or_by_agents_are_no_numbers_of_entries(world: World) -> None:
    jobs = [world.job(), world.job(agent="4711", city="Buea")]
    world.site().deliver(at(11, 50), shop="one")
    world.site("4711").deliver(at(11, 50), shop="one")
    world.scan(at(12, 0))
    assert (world.settings.validated_root / "2031").is_dir()
    world.site().deliver(at(11, 50, days=1), shop="two")
    world.scan(at(12, 0, days=1))
    assert sorted(entry.id for job in jobs for entry in world.entries(job)) == [1, 2, 3]


def _hang_up() -> None:
    """Close every connection, so that the file is all there is of the database."""
    db.session.remove()
    db.engine.dispose()
