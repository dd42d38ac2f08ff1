"""When a verdict must wait, and which of several reports a file answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from backupmon.core.file_findings import Section
from backupmon.core.measurement import Measurement, Presence

#: However often a file is touched, the wait ends this long after the report landed. A time
#: further ahead of the clock was written before the clock was set back: it tells no age.
LONGEST_WAIT = timedelta(hours=1)

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Patience:
    """What decides whether a wrong, short or absent file may still become right.

    Parameters
    ----------
    settle:
        ``SETTLE_SECONDS``; zero never waits.
    now:
        The scan's moment, that the deadline is held against.
    clock:
        The filesystem's clock, that ages are held against.
    """

    settle: timedelta
    now: datetime
    clock: datetime

    def young(self, changed_at: datetime | None) -> bool:
        """Whether what changed at `changed_at` may still be changing."""
        # Without a time to settle nothing is young, not even what a coarse clock puts ahead.
        if changed_at is None or self.settle <= timedelta(0):
            return False
        return -LONGEST_WAIT < self.clock - changed_at < self.settle

    def waits(
        self, *, landed_at: datetime, changed_at: datetime | None, held: bool, deadline: datetime
    ) -> bool:
        """Whether a wrong file waits for another look.

        Parameters
        ----------
        landed_at:
            When the report landed.
        changed_at:
            The file's ctime; None where there is no file.
        held:
            A writer holds the file open, or something else keeps it from being ours.
        deadline:
            The cycle's deadline.
        """
        over = self.now >= deadline and abs(self.clock - landed_at) >= LONGEST_WAIT
        return not over and (held or self.young(changed_at) or self.young(landed_at))


@dataclass(frozen=True, slots=True)
class Claimant(Generic[K]):
    """A report that waits for a staged file. `key` is the caller's own."""

    key: K
    section: Section


@dataclass(frozen=True, slots=True)
class Contest(Generic[K]):
    """Which of one job's waiting reports a file is judged by.

    `overtaken` are older than the one it is judged by; `unanswered` are newer than the one
    the file answers, and still wait for their own.
    """

    chosen: Claimant[K]
    answered: bool
    overtaken: tuple[Claimant[K], ...]
    unanswered: tuple[Claimant[K], ...]


def answers(section: Section, measurement: Measurement) -> bool:
    """Whether the file is the very one that the section reports."""
    return (
        measurement.presence is Presence.FILE
        and section.compress_size in (None, measurement.size)
        and section.compress_sha256 is not None
        and section.compress_sha256 == measurement.sha256
    )


def contest(claimants: Sequence[Claimant[K]], measurement: Measurement) -> Contest[K]:
    """Choose the report that the file is judged by: the newest it answers, else the newest.

    Parameters
    ----------
    claimants:
        At least one; reports of one job that say success, in any order.
    """
    ordered = sorted(claimants, key=lambda c: c.section.report_end)
    answered = [c for c in ordered if answers(c.section, measurement)]
    chosen = answered[-1] if answered else ordered[-1]
    place = ordered.index(chosen)
    return Contest(chosen, bool(answered), tuple(ordered[:place]), tuple(ordered[place + 1 :]))
