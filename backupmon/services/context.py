"""What every step of a scan is given: the moment, the roots, and what was noticed on the way."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backupmon.config import Settings
from backupmon.core.errors import BackupmonError, TemplateError
from backupmon.core.waiting import Patience
from backupmon.extensions import begin_write, db
from backupmon.storage.faults import ServerFault, server_fault
from backupmon.storage.folders import NotAFolderError
from backupmon.storage.listing import DepositListing
from backupmon.storage.measure import Look

#: Called with the bytes of each chunk as files are read.
Progress = Callable[[int], None]


class GivenBackError(BackupmonError):
    """The reading of a file was broken off, because the process is to end."""


def _never() -> bool:
    return False


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on while files are read, and may end it.

    Parameters
    ----------
    expect:
        Told before a file is read: the entries that wait for it, and the bytes there are to read.
    reading:
        Gives for the entries that wait for a file what is to be told of each chunk.
    done:
        Told when the file has been read, or not.
    tick:
        Called about twice a second while there is anything under way.
    stopping:
        Whether to begin nothing more, and to give back what is not concluded.
    """

    expect: Callable[[Sequence[int], int], None] = lambda _ids, _total: None
    reading: Callable[[Sequence[int]], Progress | None] = lambda _ids: None
    done: Callable[[Sequence[int]], None] = lambda _ids: None
    tick: Callable[[], None] = _nothing
    stopping: Callable[[], bool] = _never


@dataclass(frozen=True, slots=True)
class OpenRoots:
    """The folders of the roots, open; what could not be used is None."""

    deposit: int | None
    validated: int | None
    quarantine: int | None
    archive: int | None

    def close(self) -> None:
        """Close all that are open."""
        for fd in (self.deposit, self.validated, self.quarantine, self.archive):
            if fd is not None:
                os.close(fd)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A report that the server's user may not read.

    Parameters
    ----------
    folder:
        The log folder, for people.
    path:
        The file, for people.
    agents:
        Those whose folder it is, by key.
    landed_at:
        When it landed, on the scale of the scan's moment.
    """

    folder: str
    path: str
    agents: frozenset[str]
    landed_at: datetime


@dataclass(slots=True)
class Scan:
    """One scan under way.

    Parameters
    ----------
    settings:
        The settings in force.
    now:
        The moment it judges as of: deadlines are held against it.
    real_now:
        The clock's own moment; differs under ``--as-of``.
    clock:
        The filesystem's clock, that ages of files are held against.
    roots:
        The roots that can be used.
    agent:
        The key of the one agent it is limited to; None for all.
    workers:
        How many files are measured at once.
    dry_run:
        Nothing is moved, and nothing recorded.
    watch:
        Who looks on, and may end it.
    """

    settings: Settings
    now: datetime
    real_now: datetime
    clock: datetime
    roots: OpenRoots
    agent: str | None = None
    workers: int = 1
    dry_run: bool = False
    watch: Watch = field(default_factory=Watch)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[ServerFault] = field(default_factory=list)
    concluded: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    #: Agents with a report that may not be complete yet: not overdue for now.
    settling: set[str] = field(default_factory=set)
    unreadable: list[Unreadable] = field(default_factory=list)
    #: The scan before this one was killed.
    after_crash: bool = False
    #: Agents whose reports end in the future.
    ahead: set[str] = field(default_factory=set)
    #: Agents whose folders could not be read: nothing is known of them.
    unseen: set[str] = field(default_factory=set)
    look_again_at: datetime | None = None
    #: In a dry run: what was seen of each staged file, measured beforehand.
    looks: dict[tuple[str, ...], Look | ServerFault] = field(default_factory=dict)
    _listing: DepositListing | None = None

    @property
    def patience(self) -> Patience:
        """What decides whether a wrong file may still become right."""
        return Patience(timedelta(seconds=self.settings.settle_seconds), self.now, self.clock)

    @property
    def listing(self) -> DepositListing:
        """The folders of the deposit area."""
        if self._listing is None:
            assert self.roots.deposit is not None
            self._listing = DepositListing(self.roots.deposit)
        return self._listing

    def landed(self, changed_at: datetime) -> datetime:
        """When a file landed, on the scale of the scan's moment: as old then as it is now.

        Without ``--as-of`` that is its ctime, corrected for a file server's clock that differs
        from ours; with it, a file delivered just now has landed just before that moment.
        """
        return self.now - max(self.clock - changed_at, timedelta(0))

    def note(self, fault: ServerFault) -> None:
        """Remember a server condition; it is recorded at the end."""
        if (fault.code, fault.subject) not in {(f.code, f.subject) for f in self.faults}:
            self.faults.append(fault)

    def wait_until(self, moment: datetime) -> None:
        """Ask for another look, at `moment` or sooner."""
        if self.look_again_at is None or moment < self.look_again_at:
            self.look_again_at = moment

    @contextlib.contextmanager
    def noting(self, subject: str, agents: frozenset[str] = frozenset()) -> Iterator[None]:
        """Turn trouble with one thing into a server condition, and go on with the next.

        Parameters
        ----------
        subject:
            What the trouble is with, where the error itself does not say.
        agents:
            Those of whom nothing can be said for now.
        """
        try:
            yield
            return
        except ServerFault as error:
            fault = error
        except (NotAFolderError, TemplateError) as error:
            hint = error.hint or "see what stands in its way; nothing was lost"
            fault = ServerFault("path.unusable", subject, f"{subject}: {error.message}", hint)
        except OSError as error:
            fault = server_fault(error, subject)
        self.note(fault)
        self.unseen |= agents

    @contextlib.contextmanager
    def recording(self, alone: int | None = None) -> Iterator[None]:
        """One durable transaction; in a dry run it is only kept for the steps that follow."""
        if not self.dry_run:
            begin_write(alone)
        try:
            yield
            if self.dry_run:
                db.session.flush()
            else:
                db.session.commit()
        except BaseException:
            db.session.rollback()
            raise
