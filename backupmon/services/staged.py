"""The work on one staged file that needs no database: measure, choose, claim.

It runs in a thread per file, several at once. What it is given are plain facts, and what it
gives back is what became of each report that waits for the file.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from backupmon.core.file_findings import Section
from backupmon.core.measurement import Measurement, Presence
from backupmon.core.phrases import phrase
from backupmon.core.waiting import Claimant, Contest, Patience, contest
from backupmon.services.context import Progress
from backupmon.storage.claims import (
    claim_copy,
    claim_file,
    claimed_name,
    copy_claimed,
    copy_unhashed,
    drop_part,
    open_part,
    release_folder,
)
from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import ServerFault, server_fault
from backupmon.storage.folders import NotAFolderError
from backupmon.storage.measure import CopyWhen, Look, look_at
from backupmon.storage.placing import remove_at
from backupmon.storage.roots import CLAIMED


@dataclass(frozen=True, slots=True)
class Waiting:
    """A report that says success and waits for a staged file, as plain facts."""

    entry_id: int
    job_id: int
    section: Section
    deadline: datetime
    landed_at: datetime


@dataclass(frozen=True, slots=True)
class StagedGroup:
    """All that waits for one staged file.

    Parameters
    ----------
    place:
        Its components below DEPOSIT_ROOT.
    waiting:
        At least one, of one or several jobs.
    copy:
        The staged file is to stay where it is.
    """

    place: tuple[str, ...]
    waiting: tuple[Waiting, ...]
    copy: bool = False

    @property
    def jobs(self) -> frozenset[int]:
        """The jobs concerned."""
        return frozenset(w.job_id for w in self.waiting)

    @property
    def oldest(self) -> datetime:
        """The oldest end among its reports."""
        return min(w.section.report_end for w in self.waiting)


@dataclass(frozen=True, slots=True)
class Judged:
    """An entry that can be judged now; `claimed` names the file that was taken for it."""

    entry_id: int
    measurement: Measurement
    claimed: str | None


@dataclass(slots=True)
class GroupResult:
    """What became of a group: every entry is in exactly one of the lists."""

    judged: list[Judged] = field(default_factory=list)
    #: Entry id, and the end of the report that its file was replaced for.
    overtaken: list[tuple[int, datetime]] = field(default_factory=list)
    #: Must wait for another scan.
    waiting: list[int] = field(default_factory=list)
    #: The file answered an older report; these look again for their own.
    again: list[Waiting] = field(default_factory=list)
    fault: ServerFault | None = None


def inspect(
    root_fd: int, group: StagedGroup, patience: Patience, progress: Progress | None
) -> GroupResult:
    """Measure the group's file, choose whose it is, and claim it.

    Never raises for trouble of the server: that comes back as the result's fault, with every
    entry waiting.
    """
    try:
        result = _inspect(root_fd, group, patience, progress)
        first = group.waiting[0].entry_id
        if not any(judged.claimed for judged in result.judged if judged.entry_id == first):
            # It was made beforehand, and is not wanted.
            release_folder(root_fd, first)
        return result
    except ServerFault as error:
        fault = error
    except (OSError, NotAFolderError) as error:
        subject = "/".join(group.place)
        cause = error if isinstance(error, OSError) else OSError(errno.ENOTDIR, str(error))
        fault = server_fault(cause, subject)
    return GroupResult(waiting=[w.entry_id for w in group.waiting], fault=fault)


def _inspect(
    root_fd: int, group: StagedGroup, patience: Patience, progress: Progress | None
) -> GroupResult:
    for holder in group.waiting:
        name = claimed_name(root_fd, holder.entry_id)
        if name is not None:
            return _resume(root_fd, group, holder, name, patience, progress)
    look = measure(root_fd, group, patience, progress)
    try:
        failpoint("claim.before")
        return _decide(root_fd, group, look, patience)
    finally:
        look.close()
        if look.copied:
            drop_part(root_fd, group.waiting[0].entry_id)


def measure(
    root_fd: int,
    group: StagedGroup,
    patience: Patience,
    progress: Progress | None,
    *,
    touch: bool = True,
) -> Look:
    """Look at the group's staged file; without `touch` no private copy is ever made."""
    sizes = _sizes(group.waiting)
    first = group.waiting[0].entry_id
    look = look_at(
        root_fd,
        group.place,
        sizes=sizes,
        copy_to=(lambda: open_part(root_fd, first)) if touch else None,
        copy_when=_copy_when(group, patience),
        progress=progress,
    )
    failpoint("measure.done")
    return look


def _sizes(waiting: Sequence[Waiting]) -> frozenset[int] | None:
    """The sizes worth hashing for; None when a report gives none, so that any may be right."""
    sizes = [w.section.compress_size for w in waiting]
    return None if None in sizes else frozenset(s for s in sizes if s is not None)


def _resume(
    root_fd: int,
    group: StagedGroup,
    holder: Waiting,
    name: str,
    patience: Patience,
    progress: Progress | None,
) -> GroupResult:
    """Go on with a file that a scan had claimed and not concluded: it is out of all reach."""
    place = (CLAIMED, str(holder.entry_id), name)
    look = look_at(root_fd, place, sizes=_sizes(group.waiting), progress=progress)
    look.close()
    # Which jobs the claim was for was decided when it was made, for the whole group.
    result = GroupResult()
    for chosen in contests(group.waiting, look.measurement):
        _overtake(result, chosen)
        result.again += [_waiting_of(group, c) for c in chosen.unanswered]
        _take_share(root_fd, result, chosen.chosen.key, holder.entry_id, name, look.measurement)
    return result


def _decide(root_fd: int, group: StagedGroup, look: Look, patience: Patience) -> GroupResult:
    result = GroupResult()
    ready: list[Contest[int]] = []
    for outcome in contests(group.waiting, look.measurement):
        if must_wait(group, outcome, look, patience):
            jobs_entries = [outcome.chosen, *outcome.overtaken, *outcome.unanswered]
            result.waiting += [claimant.key for claimant in jobs_entries]
        else:
            ready.append(outcome)
    if not ready:
        return result
    claimed = None
    # What a writer still holds when its time is up stays where it is: it is no copy of anything.
    if look.measurement.presence is Presence.FILE and not look.disturbed:
        if not _claim(root_fd, group, look, ready[0].chosen.key):
            result.waiting = [w.entry_id for w in group.waiting]
            return result
        claimed = group.place[-1]
    for outcome in ready:
        _overtake(result, outcome)
        result.again += [_waiting_of(group, c) for c in outcome.unanswered]
        entry_id = outcome.chosen.key
        _take_share(root_fd, result, entry_id, ready[0].chosen.key, claimed, look.measurement)
    return result


def contests(waiting: Sequence[Waiting], measurement: Measurement) -> list[Contest[int]]:
    """One contest for each job, the job of the oldest report first."""
    jobs: dict[int, list[Claimant[int]]] = {}
    for one in sorted(waiting, key=lambda w: (w.section.report_end, w.entry_id)):
        jobs.setdefault(one.job_id, []).append(Claimant(one.entry_id, one.section))
    return [contest(claimants, measurement) for claimants in jobs.values()]


def must_wait(group: StagedGroup, outcome: Contest[int], look: Look, patience: Patience) -> bool:
    """Whether the outcome may still become another, so that nothing is concluded yet."""
    chosen = _waiting_of(group, outcome.chosen)
    linked = look.links > 1 and not look.copied
    if outcome.answered and not look.disturbed and not linked:
        return False
    return patience.waits(
        landed_at=chosen.landed_at,
        changed_at=look.changed_at,
        held=look.disturbed or (linked and outcome.answered),
        deadline=chosen.deadline,
    ) or (outcome.answered and look.disturbed)


def _copy_when(group: StagedGroup, patience: Patience) -> CopyWhen:
    """A file with a second name is copied once it has had its time to lose that name."""
    if group.copy:
        return CopyWhen.ALWAYS
    has_time = any(
        patience.waits(landed_at=w.landed_at, changed_at=None, held=True, deadline=w.deadline)
        for w in group.waiting
    )
    return CopyWhen.NO_LEASE if has_time else CopyWhen.LINKED


def _claim(root_fd: int, group: StagedGroup, look: Look, entry_id: int) -> bool:
    """Take the measured file for `entry_id`; False when it is not ours to take yet."""
    place, remove = group.place, not group.copy
    if look.copied:
        first = group.waiting[0].entry_id
        return claim_copy(root_fd, place, look, first, entry_id, remove=remove)
    if group.copy or look.links > 1:
        return copy_unhashed(root_fd, place, look, entry_id, remove=remove)
    return claim_file(root_fd, place, look, entry_id)


def _take_share(
    root_fd: int,
    result: GroupResult,
    entry_id: int,
    holder: int,
    name: str | None,
    measurement: Measurement,
) -> None:
    """Each job that shares a staged file gets its own copy of it."""
    if name is not None and entry_id != holder and claimed_name(root_fd, entry_id) is None:
        copied = copy_claimed(root_fd, holder, entry_id, name)
        if measurement.sha256 not in (None, copied):
            # A file under its own name counts as claimed: this one must not.
            remove_at(root_fd, (CLAIMED, str(entry_id), name))
            raise ServerFault(
                "copy.differs",
                f"entry {entry_id}",
                phrase(
                    "entry %(entry)s: the copy of %(file)s is not what was read before",
                    entry=str(entry_id),
                    file=name,
                ),
                phrase("check the server's memory and disks; the original is kept and tried again"),
            )
    result.judged.append(Judged(entry_id, measurement, name))


def _overtake(result: GroupResult, outcome: Contest[int]) -> None:
    end = outcome.chosen.section.report_end
    result.overtaken += [(claimant.key, end) for claimant in outcome.overtaken]


def _waiting_of(group: StagedGroup, claimant: Claimant[int]) -> Waiting:
    return next(w for w in group.waiting if w.entry_id == claimant.key)
