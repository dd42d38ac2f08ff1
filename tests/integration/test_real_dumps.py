"""Real dumps of real databases go the whole way, and what was promoted is the same database."""

from __future__ import annotations

from backupmon.core.statuses import Status
from tests.integration.conftest import World, at
from tests.integration.site import section, sha256
from tests.integration.sources import Source, mariadb, postgresql, sqlite

__all__ = ["mariadb", "postgresql", "sqlite"]


def test_mariadb_dump_and_gzip(world: World, mariadb: Source) -> None:
    go_the_whole_way(world, mariadb)


def test_pg_dump(world: World, postgresql: Source) -> None:
    go_the_whole_way(world, postgresql)


def test_sqlite3_dump_and_zstd(world: World, sqlite: Source) -> None:
    go_the_whole_way(world, sqlite)


def go_the_whole_way(world: World, source: Source) -> None:
    """Dump, deliver as an agent does, scan, and restore the promoted copy."""
    job, site, name = world.job(), world.site(), f"shop.{source.suffix}"
    raw, sent = source.dump()
    site.put(name, sent)
    said = section(sent, name, BACKUP__sha256_checksum=sha256(raw), BACKUP__size=len(raw))
    site.report(at(11, 50), {"shop": said})
    world.scan(at(12, 0))
    entry = world.entry(job)
    assert entry.status == Status.SUCCESS
    assert entry.agent_backup_size_pre_compress == len(raw)
    assert entry.server_calculated_staged_hash == sha256(sent)
    assert [f["level"] for f in entry.findings if f["level"] != "good"] == []
    copy = world.final("2031", "Acme", "Douala", "shop", name)
    assert copy.read_bytes() == sent
    original = source.contents(restored=False)
    source.restore(copy)
    assert source.contents(restored=True) == original
    assert all(original)
