"""Backups that wait to be judged, and what has become of them."""

from __future__ import annotations

from sqlalchemy import select

from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import BackupEntry, ScanRun
from tests.integration.background import until
from tests.integration.conftest import World, at
from tests.integration.site import section, sha256

NIGHT = at(12, 0)
#: A file of several chunks, so that one can be held in its middle.
LARGE = b"0123456789abcdef" * (3 << 16)


def large_backup(world: World) -> int:
    job = world.job()
    site = world.site()
    site.put("shop.sql.gz", LARGE)
    site.report(at(11, 50), {"shop": section(LARGE, "shop.sql.gz")})
    return job


def deliver(world: World, agents: int, databases: int) -> dict[int, bytes]:
    """Small backups of several agents; gives the bytes by job."""
    files = {}
    for agent in (f"site{n}" for n in range(agents)):
        contents = {f"db{n}": f"{agent} {n}" for n in range(databases)}
        for name, data in world.site(agent).deliver(at(11, 50), **contents).items():
            files[world.job(name, agent, neighborhood=agent)] = data
    return files


def all_stored(world: World, jobs: dict[int, bytes]) -> bool:
    return all([copy.state for copy in world.stored(job)] == ["stored"] for job in jobs)


def check_each_judged_once(world: World, files: dict[int, bytes]) -> None:
    for job, data in files.items():
        entry = world.entry(job)
        assert (entry.status, entry.server_calculated_staged_hash) == (
            Status.SUCCESS,
            sha256(data),
        )
        (stored,) = world.stored(job)
        assert world.final(*stored.path.split("/")).read_bytes() == data
    until(lambda: not leased_entries(), "all leases are given back")


def runs(world: World) -> list[str]:
    db.session.rollback()
    query = select(ScanRun.state).where(ScanRun.moment >= NIGHT).order_by(ScanRun.id)
    return list(db.session.scalars(query))


def leased_entries() -> list[int]:
    db.session.rollback()
    query = select(BackupEntry.id).where(BackupEntry.lease_host.is_not(None))
    return list(db.session.scalars(query))
