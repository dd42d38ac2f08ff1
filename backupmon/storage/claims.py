"""Claiming: taking a measured file out of every agent's reach.

A claimed file lies in ``DEPOSIT_ROOT/.claimed/<entry id>/<name>``; a copy that is being made,
in ``.claimed/<entry id>/.part``. Both places follow from the entry's id, so that recovery
needs no memory.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import ServerFault, server_fault
from backupmon.storage.folders import NotAFolderError, folder, names_in
from backupmon.storage.leases import Lease
from backupmon.storage.measure import Identity, Look
from backupmon.storage.readers import CopyWriter, Sha256Reader, read_through
from backupmon.storage.roots import CLAIMED

PART = ".part"
#: A staged file that is being removed after its private copy was taken.
ORIGINAL = ".original"
#: A file that turned out not to be the measured one, and could not go back because the agent
#: had put yet another in its place: as good as overwritten by the agent.
DISPLACED = ".displaced"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def open_part(root_fd: int, entry_id: int) -> int:
    """An empty file for a private copy of what `entry_id` waits for; a stale one is replaced.

    Raises
    ------
    ServerFault
        When it cannot be made.
    """
    with folder(root_fd, (CLAIMED, str(entry_id)), make=True) as own:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(PART, dir_fd=own)
            return os.open(PART, _NEW, 0o640, dir_fd=own)
        except OSError as error:
            raise server_fault(error, f"{CLAIMED}/{entry_id}") from error


def drop_part(root_fd: int, entry_id: int) -> None:
    """Remove a private copy that is not wanted; and the folder, when it is empty."""
    with contextlib.suppress(FileNotFoundError), folder(root_fd, (CLAIMED, str(entry_id))) as own:
        os.unlink(PART, dir_fd=own)
    release_folder(root_fd, entry_id)


def claim_file(root_fd: int, components: Sequence[str], look: Look, entry_id: int) -> bool:
    """Move the measured file into the claimed folder of `entry_id`.

    It must be the very file that was measured, with no other name and no writer waiting; else
    it goes back where it was, and False says that the entry must wait.

    Raises
    ------
    ServerFault
        When the server itself is in trouble; the file is then where it was.
    """
    name = components[-1]
    try:
        with (
            folder(root_fd, components[:-1]) as source,
            folder(root_fd, (CLAIMED, str(entry_id)), make=True) as own,
        ):
            failpoint("claim.folder_made")
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=own)
            failpoint("claim.renamed")
            if _is_ours(own, name, look):
                os.fsync(own)
                failpoint("claim.checked")
                return True
            _put_back(own, source, name)
    except (FileNotFoundError, NotAFolderError):
        pass
    except OSError as error:
        raise server_fault(error, "/".join(components)) from error
    release_folder(root_fd, entry_id)
    return False


def claim_copy(
    root_fd: int,
    components: Sequence[str],
    look: Look,
    part_of: int,
    entry_id: int,
    *,
    remove: bool,
) -> bool:
    """Use the private copy that was made under the id `part_of` for `entry_id`.

    Parameters
    ----------
    remove:
        Take the staged file away, unless an agent has put another in its place by now.

    Raises
    ------
    ServerFault
        When the server itself is in trouble.
    """
    with (
        folder(root_fd, (CLAIMED, str(part_of))) as source,
        folder(root_fd, (CLAIMED, str(entry_id)), make=True) as own,
    ):
        try:
            os.rename(PART, components[-1], src_dir_fd=source, dst_dir_fd=own)
            os.fsync(own)
        except OSError as error:
            raise server_fault(error, f"{CLAIMED}/{entry_id}") from error
        failpoint("claim.copied")
        if remove:
            _remove_original(root_fd, components, look, own)
    return True


def copy_unhashed(
    root_fd: int, components: Sequence[str], look: Look, entry_id: int, *, remove: bool
) -> bool:
    """Claim a copy of a file that was looked at and not hashed, or has a second name.

    False when it changed meanwhile.

    Raises
    ------
    ServerFault
        When it cannot be written.
    """
    if look.fd is None:
        return False
    part = open_part(root_fd, entry_id)
    try:
        read_through(look.fd, [CopyWriter(part)])
        os.fsync(part)
    except OSError as error:
        raise server_fault(error, "/".join(components)) from error
    finally:
        os.close(part)
    if Identity.of(os.fstat(look.fd)) != look.identity:
        drop_part(root_fd, entry_id)
        return False
    return claim_copy(root_fd, components, look, entry_id, entry_id, remove=remove)


def _remove_original(root_fd: int, components: Sequence[str], look: Look, own: int) -> None:
    """Take the staged file away, unless an agent has just put another in its place."""
    name, aside = components[-1], ORIGINAL
    with (
        contextlib.suppress(FileNotFoundError, NotAFolderError),
        folder(root_fd, components[:-1]) as source,
    ):
        os.rename(name, aside, src_dir_fd=source, dst_dir_fd=own)
        found = Identity.of(os.stat(aside, dir_fd=own, follow_symlinks=False))
        if found == look.identity:
            os.unlink(aside, dir_fd=own)
        else:
            _put_back(own, source, name, aside)


def copy_claimed(root_fd: int, source_entry: int, entry_id: int, name: str) -> str:
    """Give `entry_id` its own copy of the file claimed for `source_entry`; gives its SHA-256.

    Raises
    ------
    ServerFault
        When it cannot be written.
    """
    target = open_part(root_fd, entry_id)
    digest = Sha256Reader()
    try:
        with folder(root_fd, (CLAIMED, str(source_entry))) as own:
            source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=own)
        try:
            read_through(source, [digest, CopyWriter(target)])
            os.fsync(target)
        finally:
            os.close(source)
        with folder(root_fd, (CLAIMED, str(entry_id))) as own:
            os.rename(PART, name, src_dir_fd=own, dst_dir_fd=own)
            os.fsync(own)
    except OSError as error:
        raise server_fault(error, f"{CLAIMED}/{entry_id}/{name}") from error
    finally:
        os.close(target)
    return digest.hexdigest()


def claim_again(root_fd: int, components: Sequence[str], entry_id: int) -> bool:
    """Move a staged file that was claimed before, and that a power cut gave back.

    Raises
    ------
    ServerFault
        When it cannot be moved.
    """
    name = components[-1]
    with (
        folder(root_fd, components[:-1]) as source,
        folder(root_fd, (CLAIMED, str(entry_id)), make=True) as own,
    ):
        try:
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=own)
            os.fsync(own)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise server_fault(error, "/".join(components)) from error
    return True


def claimed_name(root_fd: int, entry_id: int) -> str | None:
    """The name of the file that is claimed for `entry_id`, or None."""
    try:
        with folder(root_fd, (CLAIMED, str(entry_id))) as own:
            names = [n for n in names_in(own, CLAIMED) if not n.startswith(".")]
    except FileNotFoundError:
        return None
    return names[0] if names else None


def claimed_entries(root_fd: int) -> list[int]:
    """The ids of the entries that have a claimed folder."""
    try:
        with folder(root_fd, (CLAIMED,)) as area:
            return sorted(int(n) for n in names_in(area, CLAIMED) if n.isdecimal())
    except FileNotFoundError:
        return []


def release_folder(root_fd: int, entry_id: int) -> None:
    """Remove the claimed folder of `entry_id` where it is empty; else leave it."""
    with (
        contextlib.suppress(OSError, ServerFault, NotAFolderError),
        folder(root_fd, (CLAIMED,)) as area,
    ):
        os.rmdir(str(entry_id), dir_fd=area)


def clear_folder(root_fd: int, entry_id: int) -> None:
    """Remove the claimed folder of an entry that is done with, and leftovers in it."""
    with (
        contextlib.suppress(OSError, ServerFault, NotAFolderError),
        folder(root_fd, (CLAIMED, str(entry_id))) as own,
    ):
        for leftover in (PART, DISPLACED):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(leftover, dir_fd=own)
    release_folder(root_fd, entry_id)


def restore_original(root_fd: int, entry_id: int, components: Sequence[str]) -> None:
    """Give a staged file back that a crash caught while it was being removed.

    It may be one that the agent had only just delivered; if it is the old one, its being there
    again does no harm.
    """
    with (
        contextlib.suppress(FileNotFoundError, NotAFolderError),
        folder(root_fd, (CLAIMED, str(entry_id))) as own,
    ):
        os.stat(ORIGINAL, dir_fd=own, follow_symlinks=False)
        with folder(root_fd, components[:-1], make=True) as source:
            _put_back(own, source, components[-1], ORIGINAL)


def _is_ours(own: int, name: str, look: Look) -> bool:
    """The very inode that was measured, with one name, and nobody waiting to write to it."""
    found = os.stat(name, dir_fd=own, follow_symlinks=False)
    return (
        Identity.of(found) == look.identity
        and found.st_nlink == 1
        and (look.lease is not Lease.GRANTED or look.still_undisturbed())
    )


def _put_back(own: int, source: int, name: str, aside: str | None = None) -> None:
    """Give a file its old name again, unless a newer one has it by now.

    ``link`` and ``unlink`` rather than ``rename``, which would overwrite what an agent may
    have delivered in between. Then what was taken stays in the claimed folder, where the next
    look finds it.
    """
    aside = aside or name
    try:
        os.link(aside, name, src_dir_fd=own, dst_dir_fd=source, follow_symlinks=False)
    except FileExistsError:
        os.rename(aside, DISPLACED, src_dir_fd=own, dst_dir_fd=own)
        return
    except OSError:
        # No hard links here: look first, and take the smaller risk.
        with contextlib.suppress(FileNotFoundError):
            os.stat(name, dir_fd=source, follow_symlinks=False)
            os.rename(aside, DISPLACED, src_dir_fd=own, dst_dir_fd=own)
            return
        os.rename(aside, name, src_dir_fd=own, dst_dir_fd=source)
        return
    os.unlink(aside, dir_fd=own)
