"""Discoveries that nobody wants to hear of: put aside, until they are asked for."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from backupmon.core.errors import NotFoundError
from backupmon.extensions import begin_write, db
from backupmon.models import Discovery
from backupmon.models.columns import row_dict
from backupmon.services.audit import Act, record_acts
from backupmon.services.discoveries.listing import chosen_discoveries

_SHOWN = ("agent_id", "database_name", "ignored_at")


def ignore_discoveries(ids: Collection[int], now: datetime, actor: str) -> int:
    """Put discoveries aside; gives how many were not aside, or gone, already.

    They are noted on as reports name them, and do not come back by that.
    """
    begin_write()
    found = [one for one in chosen_discoveries(ids) if one.ignored_at is None]
    acts = [_set(one, now, actor, "discovery.ignore") for one in found]
    record_acts(acts, actor, now)
    db.session.commit()
    return len(found)


def restore_discovery(discovery_id: int, now: datetime, actor: str) -> Discovery:
    """Let a discovery that was put aside be one again.

    Raises
    ------
    NotFoundError
        When there is none, since somebody adopted it meanwhile.
    """
    begin_write()
    found = chosen_discoveries([discovery_id])
    if not found:
        db.session.rollback()
        raise NotFoundError(f"there is no discovery {discovery_id}")
    (discovery,) = found
    if discovery.ignored_at is not None:
        record_acts([_set(discovery, None, None, "discovery.restore")], actor, now)
    db.session.commit()
    return discovery


def _set(discovery: Discovery, at: datetime | None, by: str | None, action: str) -> Act:
    before = row_dict(discovery, _SHOWN)
    discovery.ignored_at, discovery.ignored_by = at, by and by[:255]
    return Act(action, "discovery", discovery.id, before, row_dict(discovery, _SHOWN))
