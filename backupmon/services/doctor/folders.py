"""DATA_DIR and the four roots: there, the right ones, usable, with room; and how files move."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from backupmon.core.errors import BackupmonError
from backupmon.core.phrases import phrase
from backupmon.core.words import to_translate
from backupmon.services.doctor.checks import Check, bad, good, trouble, warning
from backupmon.services.doctor.patient import Patient
from backupmon.services.doctor.root_trials import TriedRoot
from backupmon.storage.filesystems import kind_of_filesystem
from backupmon.storage.leases import Lease
from backupmon.storage.roots import Root
from backupmon.storage.trying import may_lease_others_files, renames_between, try_out

_LEASES = to_translate("read leases")
_MOVING = to_translate("moving files")


def data_dir_is_usable(patient: Patient) -> Iterator[Check]:
    """The folder of all that has no setting of its own."""
    root = Root("DATA_DIR", patient.settings.data_dir)
    try:
        try_out(root)
    except BackupmonError as error:
        yield trouble(root.name, error)
        return
    told = phrase("%(place)s: readable and writable", place=_told(root.path))
    yield good(root.name, told)


def roots_are_usable(patient: Patient) -> Iterator[Check]:
    """Each root is there, is the one that was used before, and takes what is written to it."""
    for tried in patient.roots.values():
        yield _root(tried)
        if tried.trial is not None and _open_to_all(tried.root.path):
            yield warning(
                tried.root.name,
                phrase(
                    "every user of this machine may write to %(path)s itself",
                    path=str(tried.root.path),
                ),
                phrase(
                    "chmod o-w %(path)s; agents need their own folders only",
                    path=str(tried.root.path),
                ),
            )


def _root(tried: TriedRoot) -> Check:
    name, path = tried.root.name, tried.root.path
    if tried.trouble is not None:
        return trouble(name, tried.trouble)
    if tried.trial is None:
        return warning(
            name,
            phrase("%(path)s bears no marker and was not used yet", path=str(path)),
            phrase("mark it with flask init"),
        )
    if not tried.compared:
        told = phrase("%(place)s: readable and writable, and bears a marker", place=_told(path))
    else:
        told = phrase("%(place)s: the marked one, readable and writable", place=_told(path))
    return good(name, told)


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
            _MOVING,
            phrase("deposit and validated area are one filesystem: a rename, atomic at once"),
        )
    else:
        yield good(
            _MOVING,
            phrase(
                "deposit and validated area are two filesystems: files are copied, checked, then "
                "put in place; that works, and takes longer"
            ),
            phrase("for speed, put DEPOSIT_ROOT and VALIDATED_ROOT on one filesystem"),
        )


def leases_are_granted(patient: Patient) -> Iterator[Check]:
    """Whether the kernel can tell that nobody writes to a staged file."""
    trial = patient.roots["DEPOSIT_ROOT"].trial
    if trial is None:
        return
    if trial.lease is Lease.REFUSED:
        yield bad(_LEASES, phrase("somebody else opened our own file in DEPOSIT_ROOT for writing"))
    elif trial.lease is Lease.UNAVAILABLE:
        yield good(
            _LEASES,
            phrase(
                "the deposit area's filesystem has none: a private copy is made of each file as "
                "it is read"
            ),
        )
    elif not may_lease_others_files():
        yield good(
            _LEASES,
            phrase(
                "granted on files of this user; of files that belong to others a private copy is "
                "made"
            ),
            phrase(
                "to spare the copies, give the server CAP_LEASE (systemd: "
                "AmbientCapabilities=CAP_LEASE)"
            ),
        )
    else:
        yield good(
            _LEASES, phrase("granted: what is being written to is told from what is finished")
        )
