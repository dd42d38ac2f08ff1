"""Making jobs of discoveries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from backupmon.core.job_spec import JobDefaults
from backupmon.extensions import db
from backupmon.models import Discovery, ExpectedBackupJob
from backupmon.services.discoveries.guessing import Guess, guess_jobs
from backupmon.services.discoveries.listing import chosen_discoveries
from backupmon.services.job_changes import put_jobs
from backupmon.services.job_drafts import JobRow, RowsRefusedError


@dataclass(frozen=True, slots=True)
class Adopted:
    """A job made of a discovery, and what in it was guessed."""

    job: ExpectedBackupJob
    guesses: tuple[Guess, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What became of discoveries that somebody chose; `gone` of them were none any more."""

    adopted: Sequence[Adopted]
    gone: int


def adopt(
    discoveries: Sequence[Discovery],
    values: Mapping[str, object],
    defaults: JobDefaults,
    now: datetime,
    actor: str,
) -> list[Adopted]:
    """Make jobs of discoveries, all or none, and forget the discoveries.

    What `values` does not say is guessed (`guess_jobs`), and told.

    Raises
    ------
    RowsRefusedError
        Naming every discovery of which no job can be made.
    """
    guessed = guess_jobs(discoveries, values, defaults)
    rows = [JobRow(one.title, one.values) for one in guessed]
    added = put_jobs(rows, defaults, now, actor, update=False).added
    return [Adopted(job, one.guesses) for job, one in zip(added, guessed, strict=True)]


def adopt_chosen(
    ids: Collection[int],
    values: Mapping[str, object],
    defaults: JobDefaults,
    now: datetime,
    actor: str,
) -> Chosen:
    """Adopt the discoveries of these numbers; what others adopted meanwhile is left out.

    Raises
    ------
    RowsRefusedError
        As `adopt`.
    """
    found = chosen_discoveries(ids)
    while True:
        try:
            adopted = adopt(found, values, defaults, now, actor)
            return Chosen(adopted, len(set(ids)) - len(adopted))
        except RowsRefusedError:
            db.session.expire_all()
            left = chosen_discoveries(ids)
            # Refused because somebody was faster? Then there are fewer now, and so on to an end.
            if len(left) >= len(found):
                raise
            found = left
