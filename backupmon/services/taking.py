"""Taking work: which entries one process may work on, while others work beside it.

Entries of one job are judged one after the other, since each is judged by those before it; and
reports that wait for one staged file are judged together, since the file answers one of them.
So what is connected in either way is taken by one process, as a whole or not at all.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, or_, select

from backupmon.core.errors import TemplateError
from backupmon.core.paths import deposit_components
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob
from backupmon.services.leases import LEASE_COLUMNS, begin_taking, is_void, lease
from backupmon.storage.locks import this_process

#: Up to this size, in bytes, a backup is small: reading it costs no more than a task by itself.
SMALL = 16 << 20
#: What is taken together, at most, in bytes and in number: others wait for no more than a moment.
TOGETHER = 64 << 20
MANY = 32


class Found(Enum):
    """What became of the wish to work on an entry."""

    TAKEN = "taken"
    #: It is concluded, or never was.
    GONE = "gone"
    #: Another process works on it.
    HELD = "held"
    #: Another process works on something that must be done before it, or with it.
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry that waits or is being worked on; `held` by another process."""

    entry_id: int
    job_id: int
    pending: bool
    place: str | None
    size: int | None
    held: bool

    @property
    def bonds(self) -> Iterator[Hashable]:
        """What connects it with others. A concluded entry's file is out of everybody's way."""
        yield ("job", self.job_id)
        if self.pending and self.place is not None:
            yield ("place", self.place)


def take_pending(agent: str | None = None) -> list[int]:
    """Take all that waits, of the agent with that key or of all; gives the entries' ids.

    The oldest report comes first.
    """
    now = begin_taking()
    wanted = [] if agent is None else [ExpectedBackupJob.agent_key == agent]
    taken = [
        one.entry_id
        for group in connected(_waiting(now, *wanted))
        if not any(one.held for one in group)
        for one in group
        if one.pending
    ]
    lease(taken, now)
    db.session.commit()
    return taken


def take_one(entry_id: int) -> tuple[Found, list[int]]:
    """Take an entry and what is connected with it; with a small one, more of its agent's.

    Nothing is taken along with a large one: it would wait for that to be read.

    Gives what was found and, where it was taken, the ids of all that was.
    """
    now = begin_taking()
    try:
        found, taken = _choose(entry_id, now)
        lease(taken, now)
        db.session.commit()
    finally:
        db.session.rollback()
    return found, taken


def take_idle(entry_ids: Sequence[int]) -> set[int]:
    """Take those of `entry_ids`, concluded or not, on whose jobs nobody else works."""
    if not entry_ids:
        return set()
    now = begin_taking()
    busy = {one.job_id for one in _rows(now, BackupEntry.lease_host.is_not(None)) if one.held}
    # Few of them: files that a crash left under way.
    query = select(BackupEntry.id, BackupEntry.expected_job_id).where(BackupEntry.id.in_(entry_ids))
    free = [entry_id for entry_id, job_id in db.session.execute(query) if job_id not in busy]
    lease(free, now)
    db.session.commit()
    return set(free)


def connected(waiting: Sequence[Waiting]) -> list[list[Waiting]]:
    """`waiting` in groups that share a job or a staged file, in the order of their first."""
    leader: dict[Hashable, Hashable] = {}

    def find(bond: Hashable) -> Hashable:
        leader.setdefault(bond, bond)
        while leader[bond] != bond:
            leader[bond] = leader[leader[bond]]
            bond = leader[bond]
        return bond

    for one in waiting:
        first, *others = one.bonds
        for other in others:
            leader[find(other)] = find(first)
    groups: dict[Hashable, list[Waiting]] = {}
    for one in waiting:
        groups.setdefault(find(("job", one.job_id)), []).append(one)
    return list(groups.values())


def _choose(entry_id: int, now: datetime) -> tuple[Found, list[int]]:
    agent = db.session.execute(
        select(ExpectedBackupJob.agent_key, ExpectedBackupJob.agent_deposit_path_template)
        .join(BackupEntry, BackupEntry.expected_job_id == ExpectedBackupJob.id)
        .where(BackupEntry.id == entry_id, BackupEntry.status == Status.PENDING.value)
    ).one_or_none()
    if agent is None:
        return Found.GONE, []
    groups = connected(_waiting(now, *_near(*agent)))
    (own,) = (group for group in groups if any(one.entry_id == entry_id for one in group))
    if any(one.held for one in own):
        itself = next(one for one in own if one.entry_id == entry_id)
        return (Found.HELD if itself.held else Found.BLOCKED), []
    chosen = taken_together(own, groups)
    return Found.TAKEN, [one.entry_id for group in chosen for one in group if one.pending]


def taken_together(own: list[Waiting], groups: list[list[Waiting]]) -> list[list[Waiting]]:
    """`own`, and as many small groups as may be taken together with it."""
    chosen, size, count = [own], _size(own), len(own)
    if not _is_small(own):
        return chosen
    for group in groups:
        if group is own or not _is_small(group):
            continue
        size, count = size + _size(group), count + len(group)
        if size > TOGETHER or count > MANY:
            break
        chosen.append(group)
    return chosen


def _near(agent: str, template: str) -> list[ColumnElement[bool]]:
    """Conditions that leave out what cannot be connected: other agents have other folders."""
    by_agent = "{agent_id}"
    if by_agent not in template:
        return []
    named = ExpectedBackupJob.agent_deposit_path_template.contains(by_agent, autoescape=True)
    return [or_(ExpectedBackupJob.agent_key == agent, ~named)]


def _is_small(group: Sequence[Waiting]) -> bool:
    free = all(one.pending and not one.held for one in group)
    return free and None not in {one.size for one in group} and _size(group) <= SMALL


def _size(group: Sequence[Waiting]) -> int:
    return sum(one.size or 0 for one in group)


def _waiting(now: datetime, *wanted: ColumnElement[bool]) -> list[Waiting]:
    """All that waits and meets the conditions, oldest first, then what others work on."""
    pending = _rows(now, BackupEntry.status == Status.PENDING.value, *wanted)
    seen = {one.entry_id for one in pending}
    worked_on = _rows(now, BackupEntry.lease_host.is_not(None))
    return pending + [one for one in worked_on if one.held and one.entry_id not in seen]


_COLUMNS = (
    BackupEntry.id.label("entry_id"),
    BackupEntry.expected_job_id,
    BackupEntry.status,
    BackupEntry.cycle_due_at,
    BackupEntry.agent_staged_file_name,
    BackupEntry.agent_compress_size_post_compress,
    *LEASE_COLUMNS,
    ExpectedBackupJob.agent_id_responsible,
    ExpectedBackupJob.agent_deposit_path_template,
    ExpectedBackupJob.company_name,
    ExpectedBackupJob.city,
    ExpectedBackupJob.neighborhood,
    ExpectedBackupJob.database_name,
    ExpectedBackupJob.year,
)


def _rows(now: datetime, *conditions: ColumnElement[bool]) -> list[Waiting]:
    me = this_process()
    query = (
        select(*_COLUMNS)
        .join(ExpectedBackupJob, ExpectedBackupJob.id == BackupEntry.expected_job_id)
        .where(*conditions)
        .order_by(BackupEntry.report_end_at, BackupEntry.id)
    )
    return [
        Waiting(
            row.entry_id,
            row.expected_job_id,
            row.status == Status.PENDING.value,
            _place(row),
            row.agent_compress_size_post_compress,
            not is_void(row, me, now),
        )
        for row in db.session.execute(query)
    ]


def _place(row: Any) -> str | None:
    """The staged file's place as places are compared; None where the template gives none.

    Two that differ only in case may be one file, since agents' folders come in any case.
    """
    values = {
        "agent_id": row.agent_id_responsible,
        "company_name": row.company_name,
        "city": row.city,
        "neighborhood": row.neighborhood,
        "database_name": row.database_name,
        "staged_file_name": row.agent_staged_file_name,
        "year": row.year if row.year is not None else row.cycle_due_at.year,
    }
    try:
        components = deposit_components(row.agent_deposit_path_template, values)
    except TemplateError:
        return None
    return "/".join(component.text for component in components).casefold()
