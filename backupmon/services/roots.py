"""Opening the roots: each must be the one that was used before."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.extensions import begin_write, db
from backupmon.models import StorageRoot
from backupmon.services.context import OpenRoots
from backupmon.storage.faults import ServerFault, server_fault
from backupmon.storage.roots import Root, check_marker, mark, read_marker

log = structlog.get_logger()


def all_roots(settings: Settings) -> list[Root]:
    """The four roots, as set."""
    return [Root(name, path) for name, path in settings.roots().items()]


def mark_roots(settings: Settings, now: datetime, *, again: bool = False) -> list[Root]:
    """Create and mark the roots that were never used; gives those that were marked.

    Parameters
    ----------
    again:
        Mark also a root that was used before and bears no marker, or another's: an operator
        says that this is the right folder.

    Raises
    ------
    ServerFault
        When a root cannot be made or written.
    """
    begin_write()
    marked = [root for root in all_roots(settings) if _mark_if_new(root, now, again)]
    db.session.commit()
    return marked


def open_roots(
    settings: Settings, now: datetime, note: Callable[[ServerFault], None], *, dry_run: bool
) -> OpenRoots:
    """Open every root that is there and is the right one; `note` is told of the others."""
    opened: list[int | None] = []
    markers = _known_markers()
    for root in all_roots(settings):
        try:
            _check(root, markers.get((root.name, str(root.path))), now, dry_run=dry_run)
            opened.append(root.open())
        except ServerFault as fault:
            note(fault)
            opened.append(None)
        except OSError as error:
            note(server_fault(error, f"{root.name} ({root.path})"))
            opened.append(None)
    return OpenRoots(*opened)


def _check(root: Root, marker: str | None, now: datetime, *, dry_run: bool) -> None:
    if marker is not None:
        check_marker(root, marker)
    elif not dry_run:
        begin_write()
        _mark_if_new(root, now, again=False)
        db.session.commit()


def _mark_if_new(root: Root, now: datetime, again: bool) -> bool:
    known = known_root(root)
    if known is not None and not again:
        return False
    # A marker that is there already is kept: the root may be shared with another server's
    # database, or this database may be a new one beside old copies.
    found = read_marker(root) if root.path.is_dir() else None
    if known is not None and found == known.marker:
        return False
    marker = found or mark(root)
    if known is None:
        db.session.add(
            StorageRoot(name=root.name, path=str(root.path), marker=marker, noted_at=now)
        )
    else:
        known.marker = marker
    log.info("root.marked", root=root.name, path=str(root.path))
    return True


def _known_markers() -> dict[tuple[str, str], str]:
    """The markers of all roots ever used, by the root's name and path."""
    query = select(StorageRoot.name, StorageRoot.path, StorageRoot.marker)
    return {(name, path): marker for name, path, marker in db.session.execute(query)}


def known_root(root: Root) -> StorageRoot | None:
    """What the database says of a root at this path; None when it was never used."""
    query = select(StorageRoot).where(
        StorageRoot.name == root.name, StorageRoot.path == str(root.path)
    )
    return db.session.scalar(query)
