"""Looking through what was discovered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select

from backupmon.core.errors import NotFoundError
from backupmon.core.job_spec import agent_key
from backupmon.core.text import one_line
from backupmon.extensions import db
from backupmon.models import Discovery
from backupmon.models.columns import iso

#: Discoveries on one page.
PAGE_SIZE = 100
#: So many may be adopted at once.
_MOST = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which discoveries are looked for.

    Parameters
    ----------
    search:
        A part of the agent's id or of the database's name, in any case.
    agent:
        Of this agent only; empty for all.
    ignored:
        Those that somebody wants to hear no more of, instead of the others.
    page:
        From 1.
    """

    search: str = ""
    agent: str = ""
    ignored: bool = False
    page: int = 1


@dataclass(frozen=True, slots=True)
class DiscoveryPage:
    """One page of discoveries, and how many there are.

    Parameters
    ----------
    found:
        How many fit, on all pages.
    open, ignored:
        How many there are at all, of either kind.
    """

    rows: Sequence[Discovery]
    found: int
    open: int
    ignored: int

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.found // PAGE_SIZE))


def load_discoveries(wanted: Wanted) -> DiscoveryPage:
    """A page of them, by agent and database."""
    fits = _fits(wanted)
    counts = select(Discovery.ignored_at.is_not(None), func.count()).group_by(
        Discovery.ignored_at.is_not(None)
    )
    by_kind = {bool(ignored): number for ignored, number in db.session.execute(counts)}
    found = select(func.count()).select_from(Discovery).where(*fits)
    query = select(Discovery).where(*fits).order_by(Discovery.agent_key, Discovery.database_name)
    start = (max(1, wanted.page) - 1) * PAGE_SIZE
    return DiscoveryPage(
        list(db.session.scalars(query.offset(start).limit(PAGE_SIZE))),
        db.session.scalar(found) or 0,
        by_kind.get(False, 0),
        by_kind.get(True, 0),
    )


def list_discoveries(agent: str | None = None, *, ignored: bool = False) -> list[Discovery]:
    """What was discovered, of one agent or of all, by agent and database."""
    query = select(Discovery).where(_is_ignored(ignored))
    if agent is not None:
        query = query.where(Discovery.agent_key == agent_key(agent.strip()))
    return list(db.session.scalars(query.order_by(Discovery.agent_key, Discovery.database_name)))


def chosen_discoveries(ids: Iterable[int]) -> list[Discovery]:
    """Those of them that are still there, by agent and database; at most 500."""
    wanted = sorted({number for number in ids if 0 < number < 2**31})[:_MOST]
    query = select(Discovery).where(Discovery.id.in_(wanted))
    return list(db.session.scalars(query.order_by(Discovery.agent_key, Discovery.database_name)))


def count_discoveries() -> int:
    """How many databases agents report that no job expects, and nobody ignores."""
    query = select(func.count()).select_from(Discovery).where(_is_ignored(False))
    return db.session.scalar(query) or 0


def find_discovery(agent: str, database: str) -> Discovery:
    """The discovery of that database, be it an ignored one.

    Raises
    ------
    NotFoundError
        Where there is none.
    """
    # What no column could hold is never sent: some databases choke on it.
    query = select(Discovery).where(
        Discovery.agent_key == agent_key(one_line(agent)),
        Discovery.database_name == one_line(database),
    )
    found = db.session.scalar(query)
    if found is None:
        raise NotFoundError(
            f"{one_line(agent)}/{one_line(database)} is no discovery",
            "flask jobs adopt without arguments lists them",
        )
    return found


def discovery_dict(discovery: Discovery) -> dict[str, object]:
    """A discovery as commands and API bear it."""
    return {
        "id": discovery.id,
        "agent_id": discovery.agent_id,
        "database_name": discovery.database_name,
        "staged_file_name": discovery.staged_file_name,
        "folder": discovery.folder,
        "first_seen_at": iso(discovery.first_seen_at),
        "last_seen_at": iso(discovery.last_seen_at),
        "seen_count": discovery.seen_count,
        "backup_size": discovery.backup_size,
        "compress_size": discovery.compress_size,
        "ignored_at": iso(discovery.ignored_at),
    }


def _fits(wanted: Wanted) -> list[ColumnElement[bool]]:
    found = [_is_ignored(wanted.ignored)]
    if wanted.agent:
        found.append(Discovery.agent_key == agent_key(one_line(wanted.agent)))
    if words := one_line(wanted.search):
        found.append(
            or_(
                Discovery.agent_id.icontains(words, autoescape=True),
                Discovery.database_name.icontains(words, autoescape=True),
            )
        )
    return found


def _is_ignored(ignored: bool) -> ColumnElement[bool]:
    at = Discovery.ignored_at
    return at.is_not(None) if ignored else at.is_(None)
