"""Recovery: finishing what a crash cut off, from the rows and the places alone.

Every place is a function of the entry's id. A file that was concluded on is in the claimed
folder, beside its target, at its target, or, after a power cut that undid the claim, still
staged; whichever it is, the step that was cut off is done again or found done.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import structlog
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import joinedload

from backupmon.core.paths import deposit_components
from backupmon.core.phrases import phrase
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import BackupEntry, StoredBackup, StoredState
from backupmon.services.context import Scan
from backupmon.services.leases import clear_void_leases, drop_leases
from backupmon.services.promotion import (
    QUARANTINE,
    Placement,
    finish_placements,
    placement_of,
    put_away,
    quarantine_name,
)
from backupmon.services.taking import take_idle
from backupmon.storage.claims import (
    claim_again,
    claimed_entries,
    claimed_name,
    clear_folder,
    restore_original,
)
from backupmon.storage.faults import ServerFault
from backupmon.storage.placing import hash_at, names_below, remove_at
from backupmon.storage.quarantine import forget_quarantined
from backupmon.storage.roots import CLAIMED, INCOMING, PREVIOUS

log = structlog.get_logger()


def recover(scan: Scan) -> None:
    """Finish every file that was on its way, and tidy up after those that have arrived."""
    roots = scan.roots
    if scan.dry_run or None in (roots.deposit, roots.validated, roots.quarantine):
        return
    if clear_void_leases():
        # A process that worked on something was killed, whether or not it was a scan.
        scan.after_crash = True
    with _taken([row.entry_id for row in _moving()]) as ours:
        for row in _moving():
            if row.entry_id in ours:
                _go_on(scan, row)
    with scan.noting(f"DEPOSIT_ROOT/{CLAIMED}"):
        _tidy_claimed(scan)
    if scan.after_crash:
        with scan.noting("VALIDATED_ROOT"):
            _tidy_validated(scan)


def finish_moves(scan: Scan, entry_ids: Sequence[int]) -> None:
    """Finish what is on its way for the jobs of `entry_ids`, which are ours to work on.

    Whoever had it under way is dead. A newer copy that was put over it now, while no row says
    that it stands there, would leave it nowhere to be found.
    """
    jobs = select(BackupEntry.expected_job_id).where(BackupEntry.id.in_(entry_ids))
    theirs = StoredBackup.expected_job_id.in_(jobs)
    moving = [row.entry_id for row in _moving(theirs)]
    if not moving:
        return
    with _taken(moving) as ours:
        for row in _moving(theirs):
            if row.entry_id in ours:
                _go_on(scan, row)


@contextmanager
def _taken(entry_ids: Sequence[int]) -> Iterator[set[int]]:
    """Those of `entry_ids` that nobody else works on, ours until the end."""
    ours = take_idle(entry_ids)
    try:
        yield ours
    finally:
        db.session.rollback()
        drop_leases(sorted(ours))


def _go_on(scan: Scan, row: StoredBackup) -> None:
    """Finish the step that was cut off."""
    with scan.noting(row.path):
        placement = _finish(scan, row)
        if placement is not None:
            finish_placements(scan, [placement])
            scan.counts["recovered"] += placement.fault is None


def _tidy_validated(scan: Scan) -> None:
    """Remove what a crash left in the validated area's own folders.

    Half a copy in ``.incoming`` is made anew from the claimed file; a replaced copy whose row
    says that it is removed only had to be let go of.
    """
    root = scan.roots.validated
    assert root is not None
    # Listed before the rows are read: a copy that another process begins in between is not in it.
    incoming = names_below(root, (INCOMING,))
    moving = {str(row.entry_id) for row in _moving()}
    for name in incoming:
        if name.isdecimal() and name not in moving:
            remove_at(root, (INCOMING, name))
    for job in names_below(root, (PREVIOUS,)):
        for name in names_below(root, (PREVIOUS, job)):
            if name.isdecimal() and _is_removed(int(name)):
                remove_at(root, (PREVIOUS, job, name))


def _is_removed(entry_id: int) -> bool:
    query = select(StoredBackup.state).where(StoredBackup.entry_id == entry_id)
    return db.session.scalar(query) == StoredState.REMOVED.value


def _moving(*wanted: ColumnElement[bool]) -> list[StoredBackup]:
    """Files on their way, the oldest report first, so that a newer copy ends on top."""
    query = (
        select(StoredBackup)
        .where(StoredBackup.state == StoredState.MOVING.value, *wanted)
        .options(joinedload(StoredBackup.entry).joinedload(BackupEntry.job))
        .order_by(StoredBackup.report_end_at, StoredBackup.id)
    )
    return list(db.session.scalars(query))


def _finish(scan: Scan, row: StoredBackup) -> Placement | None:
    deposit = scan.roots.deposit
    assert deposit is not None
    log.info("recovery.moving", entry=row.entry_id, job=row.expected_job_id, path=row.path)
    placement = placement_of(row, row.entry)
    for place in _targets(row):
        if _holds(scan, row, place):
            # It had arrived; only the note of it is missing.
            remove_at(deposit, (CLAIMED, str(row.entry_id), row.file_name))
            clear_folder(deposit, row.entry_id)
            if placement.accepted:
                _clear_quarantine(scan, placement)
            return _arrived_as(placement, place)
    if placement.accepted or claimed_name(deposit, row.entry_id) is not None:
        return put_away(scan, placement)
    if _still_staged(scan, row):
        return None
    _lost(scan, row)
    return None


def _targets(row: StoredBackup) -> Iterator[tuple[str, ...]]:
    yield tuple(row.path.split("/"))
    if row.destination != QUARANTINE:
        yield (PREVIOUS, str(row.expected_job_id), str(row.entry_id))


def _clear_quarantine(scan: Scan, placement: Placement) -> None:
    root = scan.roots.quarantine
    assert root is not None
    remove_at(root, (str(placement.entry_id), quarantine_name(placement.claimed)))
    forget_quarantined(root, placement.entry_id)


def _arrived_as(placement: Placement, place: tuple[str, ...]) -> Placement:
    return replace(placement, path=place, aside=place[0] == PREVIOUS)


def _holds(scan: Scan, row: StoredBackup, place: tuple[str, ...]) -> bool:
    """Whether the file at `place` is the one that the row is about."""
    root = scan.roots.quarantine if row.destination == QUARANTINE else scan.roots.validated
    assert root is not None
    found = hash_at(root, place)
    if found is None:
        return False
    size, sha256 = found
    if row.sha256 is None:
        # Never hashed. It lies in a folder of its entry's own, so the size is proof enough.
        return size == row.size
    return sha256 == row.sha256


def _still_staged(scan: Scan, row: StoredBackup) -> bool:
    """A power cut can undo a rename that was not yet durable: the file is staged again.

    Then it is taken from there, provided it is the very same.
    """
    deposit = scan.roots.deposit
    assert deposit is not None
    entry = row.entry
    for place in staged_places(scan, entry):
        found = hash_at(deposit, place)
        if found is None or found[1] != row.sha256:
            continue
        if claim_again(deposit, place, row.entry_id):
            finish_placements(scan, [put_away(scan, placement_of(row, entry))])
            return True
    return False


def staged_places(scan: Scan, entry: BackupEntry) -> list[tuple[str, ...]]:
    """Where the entry's staged file may lie."""
    values = entry.job.path_values(entry.agent_staged_file_name, entry.cycle_due_at.year)
    components = deposit_components(entry.job.agent_deposit_path_template, values)
    return scan.listing.spelt(components)


def _lost(scan: Scan, row: StoredBackup) -> None:
    scan.note(
        ServerFault(
            "copy.lost",
            f"entry {row.entry_id}",
            phrase(
                "the file of entry %(entry)s (%(job)s, %(file)s) was judged and is nowhere to be "
                "found, neither at %(path)s nor on its way",
                entry=str(row.entry_id),
                job=row.entry.job.title,
                file=row.file_name,
                path=row.path,
            ),
            phrase(
                "somebody or something other than this server removed it; ask the agent to send "
                "it again"
            ),
        )
    )
    with scan.recording():
        row.state = StoredState.LOST.value


def _tidy_claimed(scan: Scan) -> None:
    """Empty what is left in the claimed folders of entries that are done with."""
    deposit = scan.roots.deposit
    assert deposit is not None
    there = list(claimed_entries(deposit))
    with _taken(there) as ours:
        for entry_id in there:
            entry = db.session.get(BackupEntry, entry_id, populate_existing=True)
            if entry is None:
                scan.note(_orphan(entry_id))
            elif entry_id in ours:
                _tidy_claim(scan, deposit, entry)


def _tidy_claim(scan: Scan, deposit: int, entry: BackupEntry) -> None:
    with scan.noting(f"DEPOSIT_ROOT/{CLAIMED}/{entry.id}"):
        for place in staged_places(scan, entry):
            restore_original(deposit, entry.id, place)
    if entry.status != Status.PENDING.value and claimed_name(deposit, entry.id) is None:
        clear_folder(deposit, entry.id)


def _orphan(entry_id: int) -> ServerFault:
    return ServerFault(
        "claimed.orphan",
        f"entry {entry_id}",
        phrase(
            "DEPOSIT_ROOT/%(folder)s holds a file for an entry that the database does not know",
            folder=f"{CLAIMED}/{entry_id}",
        ),
        phrase(
            "the database may be an older copy, or another one; look at the file and move it away"
        ),
    )
