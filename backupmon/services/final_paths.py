"""Which final paths are taken: two jobs that share one would overwrite each other's copies."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from sqlalchemy import select

from backupmon.extensions import db
from backupmon.models import ExpectedBackupJob, StoredBackup, StoredState

#: States of a copy that stands, or will stand, at a final path.
_STANDING = (StoredState.MOVING.value, StoredState.STORED.value, StoredState.SUPERSEDED.value)
_YEAR = re.compile(r"(?=([0-9]{4}))")
#: A key in which one year stands more often than this is generalised all at once.
_MOST_PLACES = 4


@dataclass(frozen=True, slots=True)
class Holder:
    """What a final path belongs to.

    Parameters
    ----------
    job_id:
        None for a row of a file that is being imported.
    place:
        Where in that file, such as ``line 3``.
    left_behind:
        A copy that a job left there which is deleted, or has another path by now.
    deleted:
        That job is deleted.
    """

    title: str
    job_id: int | None = None
    place: str = ""
    left_behind: bool = False
    deleted: bool = False


class FinalPaths:
    """The final paths of all jobs, and those where a copy still stands that a job left behind."""

    def __init__(self) -> None:
        self._live = _Keys()
        self._left = _Keys()
        #: Where copies of a job stand that is where they are.
        self._beside: defaultdict[int, list[tuple[str, Holder]]] = defaultdict(list)
        self._key_of: dict[int, str] = {}

    @classmethod
    def load(cls) -> FinalPaths:
        """As the database has them, in two queries."""
        paths = cls()
        for job_id, agent, database, key in db.session.execute(
            select(
                ExpectedBackupJob.id,
                ExpectedBackupJob.agent_id_responsible,
                ExpectedBackupJob.database_name,
                ExpectedBackupJob.final_path_key,
            ).where(ExpectedBackupJob.deleted_at.is_(None))
        ):
            paths._key_of[job_id] = key
            paths._live.put(key, Holder(f"{agent}/{database}", job_id))
        for key, holder in _standing():
            if holder.left_behind:
                paths._left.put(key, holder)
            elif holder.job_id is not None:
                paths._beside[holder.job_id].append((key, replace(holder, left_behind=True)))
        return paths

    def leave(self, job_id: int) -> None:
        """A job is about to get another path: its copies stay where they are."""
        for key, holder in self._beside.pop(job_id, ()):
            self._left.put(key, holder)

    def release(self, job_id: int) -> None:
        """Forget the path of a job, which is about to be said anew."""
        key = self._key_of.pop(job_id, None)
        if key is not None:
            self._live.drop(key)

    def take(self, key: str, holder: Holder, *, held: bool = False) -> Holder | None:
        """Give the path to `holder`; where another has it, say who.

        Parameters
        ----------
        held:
            The job had that path before: what stands there keeps nobody from changing the rest.
        """
        other = self._live.find(key)
        left = None if held else self._left.find(key, but_not=holder.job_id)
        if other is None and left is None:
            self._live.put(key, holder)
        return other or left


class _Keys:
    """Keys and their holders; a ``*`` in a key stands for any year."""

    def __init__(self) -> None:
        self._holders: dict[str, Holder] = {}
        #: For keys with a year of their own: what they are with ``*`` in its place.
        self._by_form: defaultdict[str, list[str]] = defaultdict(list)

    def put(self, key: str, holder: Holder) -> None:
        self._holders.setdefault(key, holder)
        for form in _forms(key):
            self._by_form[form].append(key)

    def drop(self, key: str) -> None:
        self._holders.pop(key, None)

    def find(self, key: str, but_not: int | None = None) -> Holder | None:
        for other in (key, *_forms(key), *self._by_form.get(key, ())):
            holder = self._holders.get(other)
            if holder is not None and (but_not is None or holder.job_id != but_not):
                return holder
        return None


def _standing() -> Iterator[tuple[str, Holder]]:
    query = (
        select(
            StoredBackup.path_key,
            StoredBackup.cycle_due_at,
            ExpectedBackupJob.id,
            ExpectedBackupJob.agent_id_responsible,
            ExpectedBackupJob.database_name,
            ExpectedBackupJob.final_path_key,
            ExpectedBackupJob.deleted_at,
        )
        .join(ExpectedBackupJob, ExpectedBackupJob.id == StoredBackup.expected_job_id)
        .where(
            StoredBackup.destination == "validated",
            StoredBackup.state.in_(_STANDING),
        )
    )
    for path, due, job_id, agent, database, key, deleted_at in db.session.execute(query):
        # A template may end in the staged name, hold it within a component, or lack it.
        places, own = {path, path.rpartition("/")[0] or path}, key.replace("*", str(due.year))
        deleted = deleted_at is not None
        left = deleted or own not in places
        holder = Holder(f"{agent}/{database}", job_id, left_behind=left, deleted=deleted)
        for place in places | {own} if deleted else places:
            yield place, holder


def _forms(key: str) -> Iterator[str]:
    """`key` with ``*`` for each year that may stand in it; nothing for one that has ``*``."""
    if "*" in key:
        return
    for year in {found for found in _YEAR.findall(key) if found >= "1970"}:
        parts = key.split(year)
        if len(parts) - 1 > _MOST_PLACES:
            yield "*".join(parts)
            continue
        for joints in product((year, "*"), repeat=len(parts) - 1):
            if "*" in joints:
                yield "".join(p + j for p, j in zip(parts, (*joints, ""), strict=True))
