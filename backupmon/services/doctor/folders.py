"""DATA_DIR and the four roots: there, the right ones, usable, with room; and how files move."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from backupmon.core.errors import BackupmonError
from backupmon.services.doctor.checks import Check, bad, good, trouble, warning
from backupmon.services.doctor.patient import Patient
from backupmon.services.doctor.root_trials import TriedRoot
from backupmon.storage.filesystems import kind_of_filesystem
from backupmon.storage.leases import Lease
from backupmon.storage.roots import Root
from backupmon.storage.trying import may_lease_others_files, renames_between, try_out

_LEASES = "read leases"
_MOVING = "moving files"


def data_dir_is_usable(patient: Patient) -> Iterator[Check]:
    """The folder of all that has no setting of its own."""
    root = Root("DATA_DIR", patient.settings.data_dir)
    try:
        try_out(root)
    except BackupmonError as error:
        yield trouble(root.name, error)
        return
    yield good(root.name, f"{_told(root.path)}: readable and writable")


def roots_are_usable(patient: Patient) -> Iterator[Check]:
    """Each root is there, is the one that was used before, and takes what is written to it."""
    for tried in patient.roots.values():
        yield _root(tried)
        if tried.trial is not None and _open_to_all(tried.root.path):
            yield warning(
                tried.root.name,
                f"every user of this machine may write to {tried.root.path} itself",
                f"chmod o-w {tried.root.path}; agents need their own folders only",
            )


def _root(tried: TriedRoot) -> Check:
    name, path = tried.root.name, tried.root.path
    if tried.trouble is not None:
        return trouble(name, tried.trouble)
    if tried.trial is None:
        return warning(
            name, f"{path} bears no marker and was not used yet", "mark it with flask init"
        )
    if not tried.compared:
        return good(name, f"{_told(path)}: readable and writable, and bears a marker")
    return good(name, f"{_told(path)}: the marked one, readable and writable")


def _told(path: Path) -> str:
    kind = kind_of_filesystem(path)
    return f"{path} ({kind})" if kind else str(path)


def _open_to_all(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IWOTH)


def files_move_well(patient: Patient) -> Iterator[Check]:
    """Whether a good copy is put in its place by a rename, or has to be copied there."""
    deposit, validated = patient.roots["DEPOSIT_ROOT"], patient.roots["VALIDATED_ROOT"]
    if deposit.trial is None or validated.trial is None:
        return
    if renames_between(deposit.root, validated.root):
        yield good(
            _MOVING, "deposit and validated area are one filesystem: a rename, atomic at once"
        )
    else:
        yield good(
            _MOVING,
            "deposit and validated area are two filesystems: files are copied, checked, then put "
            "in place; that works, and takes longer",
            "for speed, put DEPOSIT_ROOT and VALIDATED_ROOT on one filesystem",
        )


def leases_are_granted(patient: Patient) -> Iterator[Check]:
    """Whether the kernel can tell that nobody writes to a staged file."""
    trial = patient.roots["DEPOSIT_ROOT"].trial
    if trial is None:
        return
    if trial.lease is Lease.REFUSED:
        yield bad(_LEASES, "somebody else opened our own file in DEPOSIT_ROOT for writing")
    elif trial.lease is Lease.UNAVAILABLE:
        yield good(
            _LEASES,
            "the deposit area's filesystem has none: a private copy is made of each file as it is "
            "read",
        )
    elif not may_lease_others_files():
        yield good(
            _LEASES,
            "granted on files of this user; of files that belong to others a private copy is made",
            "to spare the copies, give the server CAP_LEASE (systemd: "
            "AmbientCapabilities=CAP_LEASE)",
        )
    else:
        yield good(_LEASES, "granted: what is being written to is told from what is finished")
