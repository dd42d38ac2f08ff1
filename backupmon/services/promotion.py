"""Promotion and quarantine: a judged file goes where its verdict sends it.

The row is written in the verdict's own transaction (state ``moving``); the file follows, and
then the row says so. Cut off anywhere, `recovery` goes on from the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import aliased

from backupmon.core.errors import TemplateError
from backupmon.core.paths import render
from backupmon.core.phrases import in_english, phrase
from backupmon.core.statuses import Status
from backupmon.core.verdict import Verdict
from backupmon.extensions import db
from backupmon.models import BackupEntry, ExpectedBackupJob, StoredBackup, StoredState
from backupmon.services.context import Scan
from backupmon.services.judging import Case
from backupmon.storage.claims import clear_folder
from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import ServerFault
from backupmon.storage.folders import NotAFolderError
from backupmon.storage.placing import (
    Source,
    place,
    quarantine_target,
    remove_at,
    validated_target,
)
from backupmon.storage.quarantine import REASON, forget_quarantined, write_reason
from backupmon.storage.roots import CLAIMED, PREVIOUS

log = structlog.get_logger()

VALIDATED, QUARANTINE = "validated", "quarantine"


@dataclass(frozen=True, slots=True)
class Placement:
    """A file on its way, as plain facts that a thread can work with.

    Parameters
    ----------
    replaces:
        The entry whose copy stands at the final path, and is kept in ``.previous``.
    reason:
        What goes into ``reason.json``; None for the validated area.
    aside:
        A newer copy stands at the final path: this one goes to ``.previous`` beside it.
    accepted:
        An operator accepted it: it comes from quarantine.
    """

    entry_id: int
    job_id: int
    destination: str
    path: tuple[str, ...]
    claimed: str
    sha256: str | None
    replaces: str | None = None
    reason: dict[str, object] | None = None
    aside: bool = False
    accepted: bool = False
    fault: ServerFault | None = None


def plan_placements(scan: Scan, judged: Sequence[tuple[Case, Verdict]]) -> list[Placement]:
    """Add the rows for judged files, and say where each goes; at most one of each job.

    Success and "unchanged" are promoted; "changed though it must not" and what did not arrive
    whole go to quarantine.
    """
    taken = [(case, verdict) for case, verdict in judged if case.claimed is not None]
    promoted = [case.entry for case, verdict in taken if _is_promoted(verdict)]
    paths, standing = _final_paths(scan, promoted)
    rows = [_moving_row(scan, case, paths.get(case.entry.id)) for case, _ in taken]
    # As plain rows: nothing else is done with them before the files have arrived.
    db.session.bulk_save_objects(rows)
    return [
        _placement(row, case.entry, standing.get(row.path_key, ()))
        for row, (case, _) in zip(rows, taken, strict=True)
    ]


def _is_promoted(verdict: Verdict) -> bool:
    return verdict.status is Status.SUCCESS or verdict.comparison == "unchanged"


def _moving_row(scan: Scan, case: Case, found: FinalPath | None) -> StoredBackup:
    """The row of a claimed file; `found` is None where it is not to be promoted."""
    entry = case.entry
    assert case.claimed is not None
    path, note = found or (None, "")
    below = "/".join(path or (str(entry.id), quarantine_name(case.claimed)))
    return StoredBackup(
        entry_id=entry.id,
        expected_job_id=entry.expected_job_id,
        state=StoredState.MOVING.value,
        destination=VALIDATED if path else QUARANTINE,
        path=below,
        path_key=below.lower(),
        file_name=case.claimed,
        sha256=entry.server_calculated_staged_hash,
        size=entry.server_calculated_staged_size or 0,
        cycle_due_at=entry.cycle_due_at,
        report_end_at=entry.report_end_at,
        note=note,
        created_at=scan.real_now,
    )


def placement_of(row: StoredBackup, entry: BackupEntry) -> Placement:
    """Where the file of a ``moving`` row goes, as things stand now."""
    return _placement(row, entry, _standing_at([row.path_key]).get(row.path_key, ()))


def _placement(row: StoredBackup, entry: BackupEntry, there: Sequence[Standing]) -> Placement:
    placement = Placement(
        row.entry_id,
        row.expected_job_id,
        row.destination,
        tuple(row.path.split("/")),
        row.file_name,
        row.sha256,
        accepted=entry.accepted_at is not None,
    )
    if row.destination == QUARANTINE:
        return replace(placement, reason=_reason(row, entry))
    standing = _own_copy(row, there)
    if standing is None:
        return replace(placement, replaces="unknown")
    if standing.report_end_at > row.report_end_at:
        kept = (PREVIOUS, str(row.expected_job_id), _kept_name(row))
        return replace(placement, path=kept, aside=True)
    return replace(placement, replaces=str(standing.entry_id))


def put_away(scan: Scan, placement: Placement) -> Placement:
    """Move the file; trouble of the server comes back as the placement's fault."""
    roots = scan.roots
    assert roots.deposit is not None
    root = roots.quarantine if placement.destination == QUARANTINE else roots.validated
    assert root is not None
    source = _source(scan, placement)
    try:
        if placement.reason is not None:
            write_reason(root, placement.entry_id, placement.reason)
            target = quarantine_target(root, placement.entry_id, placement.path[-1])
        else:
            target = validated_target(
                root,
                placement.path,
                placement.entry_id,
                placement.job_id,
                placement.replaces,
            )
        place(source, target, sha256=placement.sha256)
        clear_folder(roots.deposit, placement.entry_id)
        if placement.accepted:
            assert roots.quarantine is not None
            forget_quarantined(roots.quarantine, placement.entry_id)
    except ServerFault as fault:
        return replace(placement, fault=fault)
    except (OSError, NotAFolderError) as error:
        path = "/".join(placement.path)
        return replace(
            placement,
            fault=ServerFault(
                "path.unusable",
                path,
                phrase(
                    "%(path)s: the file cannot be put there (%(error)s)",
                    path=path,
                    error=str(error),
                ),
                phrase("see what stands in its way; the file is kept and tried again"),
            ),
        )
    return placement


def _source(scan: Scan, placement: Placement) -> Source:
    """Where the file comes from: the claimed folder, or quarantine when it was accepted."""
    roots, own = scan.roots, str(placement.entry_id)
    assert roots.deposit is not None
    if placement.accepted:
        assert roots.quarantine is not None
        return Source(roots.quarantine, (own,), quarantine_name(placement.claimed))
    return Source(roots.deposit, (CLAIMED, own), placement.claimed)


def finish_placements(scan: Scan, placements: Sequence[Placement]) -> None:
    """Record which files have arrived, and let go of what they replaced twice over.

    At most one placement of each job.
    """
    arrived = {p.entry_id: p for p in placements if p.fault is None}
    for placement in placements:
        if placement.fault is not None:
            scan.note(placement.fault)
            scan.counts["moves_put_off"] += 1
    if not arrived:
        return
    with scan.recording():
        dropped = _mark_arrived(scan, arrived)
    failpoint("place.recorded")
    root = scan.roots.validated
    assert root is not None
    for path in dropped:
        with scan.noting(path):
            remove_at(root, tuple(path.split("/")))
        failpoint("place.previous_dropped")


#: A final path, or None and why it cannot be used.
FinalPath = tuple[tuple[str, ...] | None, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """A copy that stands at a path of the validated area, or will."""

    job_id: int
    entry_id: int
    state: str
    report_end_at: datetime


def final_path(scan: Scan, entry: BackupEntry) -> FinalPath:
    """The final path, or None and why it cannot be used."""
    return _final_paths(scan, [entry])[0][entry.id]


def note_occupied(scan: Scan) -> None:
    """Note final paths that are still another's, whose jobs' good backups lie in quarantine.

    Else the trouble would be over with the next scan, and it would be told that all is well.
    """
    kept, job = aliased(StoredBackup), ExpectedBackupJob
    newer = (
        select(kept.id)
        .where(
            kept.expected_job_id == StoredBackup.expected_job_id,
            kept.destination == VALIDATED,
            kept.report_end_at > StoredBackup.report_end_at,
        )
        .exists()
    )
    query = (
        select(BackupEntry)
        .join(StoredBackup, StoredBackup.entry_id == BackupEntry.id)
        .join(job, job.id == BackupEntry.expected_job_id)
        .where(
            StoredBackup.state == StoredState.QUARANTINED.value,
            BackupEntry.status == Status.SUCCESS.value,
            BackupEntry.report_end_at == job.last_successful_backup_timestamp,
            job.deleted_at.is_(None),
            job.is_active.is_(True),
            ~newer,
        )
        .order_by(BackupEntry.id)
    )
    for entry in db.session.scalars(query).all():
        # One by one: these are few, and none of them is on its way to its path.
        final_path(scan, entry)


def _final_paths(
    scan: Scan, entries: Sequence[BackupEntry]
) -> tuple[dict[int, FinalPath], dict[str, list[Standing]]]:
    """The final path of each entry, and the copies that stand at them, by the path's key.

    Two entries may want the same path: the first has it.
    """
    found = {entry.id: _rendered(entry) for entry in entries}
    standing = _standing_at([_key(path) for path, _ in found.values() if path is not None])
    holders = {key: {copy.job_id for copy in copies} for key, copies in standing.items()}
    for entry in entries:
        path, _ = found[entry.id]
        if path is None:
            continue
        here = holders.setdefault(_key(path), set())
        if others := here - {entry.expected_job_id}:
            found[entry.id] = None, _occupied(scan, entry.job, path, min(others))
        else:
            here.add(entry.expected_job_id)
    return found, standing


def _rendered(entry: BackupEntry) -> FinalPath:
    job = entry.job
    values = job.path_values(entry.agent_staged_file_name, entry.cycle_due_at.year)
    try:
        return render(job.final_storage_path_template, values), ""
    except TemplateError as error:
        return None, error.message


def _key(path: Sequence[str]) -> str:
    return "/".join(path).lower()


def _occupied(scan: Scan, job: ExpectedBackupJob, path: Sequence[str], other_id: int) -> str:
    """Note that another job's copy stands there; gives the words for it."""
    other = db.session.get_one(ExpectedBackupJob, other_id)
    taken = {"path": "/".join(path), "other": other.title, "number": str(other.id)}
    note = in_english(
        phrase("%(path)s is taken by the copy of %(other)s (job %(number)s)", **taken)
    )
    scan.note(
        ServerFault(
            "path.occupied",
            f"job {job.id}",
            phrase(
                "%(job)s: %(path)s is taken by the copy of %(other)s (job %(number)s); its good "
                "backup went to quarantine",
                job=job.title,
                **taken,
            ),
            phrase("give one of the two jobs another final path"),
        )
    )
    return note


#: States of a copy that stands at a final path; and of one that does or will.
_AT_THEIR_PATH = (StoredState.STORED.value, StoredState.SUPERSEDED.value)
_STANDING = (StoredState.MOVING.value, *_AT_THEIR_PATH)


def _standing_at(keys: Sequence[str]) -> dict[str, list[Standing]]:
    """The copies that stand at the paths with these keys, or will, the newest report last."""
    found: dict[str, list[Standing]] = {}
    query = (
        select(
            StoredBackup.path_key,
            StoredBackup.expected_job_id,
            StoredBackup.entry_id,
            StoredBackup.state,
            StoredBackup.report_end_at,
        )
        .where(
            StoredBackup.path_key.in_(keys),
            StoredBackup.destination == VALIDATED,
            StoredBackup.state.in_(_STANDING),
        )
        .order_by(StoredBackup.report_end_at, StoredBackup.id)
    )
    for key, job_id, entry_id, state, report_end_at in db.session.execute(query):
        found.setdefault(key, []).append(Standing(job_id, entry_id, state, report_end_at))
    return found


def _own_copy(row: StoredBackup, there: Sequence[Standing]) -> Standing | None:
    """The job's own copy that stands at the very path that `row` goes to."""
    own = [
        copy
        for copy in there
        if copy.job_id == row.expected_job_id
        and copy.entry_id != row.entry_id
        and copy.state in _AT_THEIR_PATH
    ]
    return own[-1] if own else None


def _is_newer(standing: StoredBackup, row: StoredBackup) -> bool:
    return standing.report_end_at > row.report_end_at


def _kept_name(row: StoredBackup) -> str:
    return str(row.entry_id)


def _mark_arrived(scan: Scan, arrived: Mapping[int, Placement]) -> list[str]:
    """Move the rows to the states that the files have; gives the paths to be removed."""
    rows = db.session.scalars(select(StoredBackup).where(StoredBackup.entry_id.in_(arrived))).all()
    others = _others_of(rows)
    dropped: list[str] = []
    for row in rows:
        placement = arrived[row.entry_id]
        row.stored_at = scan.real_now
        if placement.destination == QUARANTINE:
            row.state = StoredState.QUARANTINED.value
        elif placement.aside:
            _set_previous(row)
        else:
            row.state = StoredState.STORED.value
            dropped += _replace_others(row, others.get(row.expected_job_id, []))
        log.info(
            "file.quarantined" if placement.destination == QUARANTINE else "file.promoted",
            job=placement.job_id,
            entry=placement.entry_id,
            path="/".join(placement.path),
        )
    return dropped


def _others_of(rows: Sequence[StoredBackup]) -> dict[int, list[StoredBackup]]:
    """The other copies that the jobs of `rows` have in the validated area, by job."""
    found: dict[int, list[StoredBackup]] = {}
    query = select(StoredBackup).where(
        StoredBackup.expected_job_id.in_({row.expected_job_id for row in rows}),
        StoredBackup.destination == VALIDATED,
        StoredBackup.state.in_((*_AT_THEIR_PATH, StoredState.PREVIOUS.value)),
        StoredBackup.id.not_in([row.id for row in rows]),
    )
    for other in db.session.scalars(query):
        found.setdefault(other.expected_job_id, []).append(other)
    return found


def _replace_others(row: StoredBackup, others: Sequence[StoredBackup]) -> list[str]:
    """What stood at the path is now in ``.previous``, and what was there before may go.

    A copy at another path is superseded; where that one is the newer, it is this one that is.
    """
    dropped = []
    for other in others:
        if other.state == StoredState.PREVIOUS.value:
            other.state = StoredState.REMOVED.value
            dropped.append(other.path)
        elif other.path_key == row.path_key:
            _set_previous(other)
        elif other.state == StoredState.STORED.value and _is_newer(other, row):
            row.state = StoredState.SUPERSEDED.value
        elif other.state == StoredState.STORED.value:
            other.state = StoredState.SUPERSEDED.value
    return dropped


def _set_previous(row: StoredBackup) -> None:
    row.state = StoredState.PREVIOUS.value
    row.path = f"{PREVIOUS}/{row.expected_job_id}/{_kept_name(row)}"
    row.path_key = row.path.lower()


def quarantine_name(name: str) -> str:
    """The file's name in quarantine, where ``reason.json`` is taken."""
    return f"file-{name}" if name.lower() == REASON else name


def _reason(row: StoredBackup, entry: BackupEntry) -> dict[str, object]:
    job: ExpectedBackupJob = entry.job
    return {
        "entry": row.entry_id,
        "job": row.expected_job_id,
        "agent": job.agent_id_responsible,
        "database": job.database_name,
        "status": entry.status,
        "message": row.note or entry.message,
        "findings": entry.findings,
        "staged_file_name": row.file_name,
        "size": row.size,
        "sha256": row.sha256,
        "report": entry.operation_log_file_name,
        "cycle_due_at": row.cycle_due_at.isoformat(),
    }
