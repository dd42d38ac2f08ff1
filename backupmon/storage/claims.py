"""Claiming: taking a measured file out of every agent's reach.

A claimed file lies in ``DEPOSIT_ROOT/.claimed/<entry id>/<name>``; a copy that is being made,
in ``.claimed/<entry id>/.part``. Both places follow from the entry's id, so that recovery
needs no memory.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Sequence

from backupmon.storage.failpoints import failpoint
from backupmon.storage.faults import ServerFault, server_fault
from backupmon.storage.folders import (
    PRIVATE,
    NotAFolderError,
    folder,
    move_unless_taken,
    names_in,
    own_folder,
    sync_folder,
)
from backupmon.storage.leases import Lease
from backupmon.storage.measure import Identity, Look
from backupmon.storage.readers import CopyWriter, Sha256Reader, make_room, read_through
from backupmon.storage.roots import CLAIMED

PART = ".part"
#: A staged file that has been taken and not checked yet, or whose private copy is used: what
#: lies here after a crash goes back, and only what was checked bears its own name.
ORIGINAL = ".original"
#: A file that turned out not to be the measured one, and could not go back because the agent
#: had put yet another in its place: as good as overwritten by the agent.
DISPLACED = ".displaced"
#: As a private copy is made.
_MODE = 0o640
#: Entries' ids have no more digits.
_MAX_DIGITS = 18
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def open_part(root_fd: int, entry_id: int) -> int:
    """An empty file for a private copy of what `entry_id` waits for; a stale one is replaced.

    Raises
    ------
    ServerFault
        When it cannot be made.
    """
    with own_folder(root_fd, (CLAIMED, str(entry_id)), make=True) as own:
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(PART, dir_fd=own)
            return os.open(PART, _NEW, _MODE, dir_fd=own)
        except OSError as error:
            raise server_fault(error, f"{CLAIMED}/{entry_id}") from error


def drop_part(root_fd: int, entry_id: int) -> None:
    """Remove a private copy that is not wanted; and the folder, when it is empty.

    Raises
    ------
    ServerFault
        When it cannot be removed.
    """
    try:
        with own_folder(root_fd, (CLAIMED, str(entry_id))) as own:
            os.unlink(PART, dir_fd=own)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise server_fault(error, f"{CLAIMED}/{entry_id}") from error
    release_folder(root_fd, entry_id)


def make_folders(root_fd: int, entry_ids: Sequence[int]) -> None:
    """Make the claimed folders of many entries, and all of them durable in one go.

    Raises
    ------
    ServerFault
        When they cannot be made.
    """
    with own_folder(root_fd, (CLAIMED,), make=True) as area:
        try:
            for entry_id in entry_ids:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(str(entry_id), dir_fd=area, mode=PRIVATE)
            sync_folder(area)
        except OSError as error:
            raise server_fault(error, CLAIMED) from error


def claim_file(root_fd: int, components: Sequence[str], look: Look, entry_id: int) -> bool:
    """Move the measured file into the claimed folder of `entry_id`.

    It must be the very file that was measured, with no other name and no writer waiting; else
    it goes back where it was, and False says that the entry must wait. From an agent's folder
    that is a filesystem of its own, a copy is taken instead.

    Raises
    ------
    ServerFault
        When the server itself is in trouble; the file is then where it was.
    """
    name = components[-1]
    try:
        with (
            folder(root_fd, components[:-1]) as source,
            own_folder(root_fd, (CLAIMED, str(entry_id)), make=True) as own,
        ):
            failpoint("claim.folder_made")
            os.rename(name, ORIGINAL, src_dir_fd=source, dst_dir_fd=own)
            failpoint("claim.renamed")
            if _is_ours(own, look):
                os.rename(ORIGINAL, name, src_dir_fd=own, dst_dir_fd=own)
                sync_folder(own)
                failpoint("claim.checked")
                return True
            _put_back(own, ORIGINAL, source, name)
    except (FileNotFoundError, NotAFolderError):
        pass
    except OSError as error:
        if error.errno == errno.EXDEV:
            return copy_unhashed(root_fd, components, look, entry_id, remove=True)
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
    try:
        with (
            own_folder(root_fd, (CLAIMED, str(part_of))) as source,
            own_folder(root_fd, (CLAIMED, str(entry_id)), make=True) as own,
        ):
            os.rename(PART, components[-1], src_dir_fd=source, dst_dir_fd=own)
            sync_folder(own)
            failpoint("claim.copied")
            if remove:
                _remove_original(root_fd, components, look, own, entry_id)
    except OSError as error:
        raise server_fault(error, f"{CLAIMED}/{entry_id}") from error
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
        read_through(look.fd, [CopyWriter(part)], limit=look.measurement.size)
        os.fsync(part)
        unchanged = look.still_undisturbed()
    except OSError as error:
        make_room(part)
        raise server_fault(error, "/".join(components)) from error
    finally:
        os.close(part)
    if not unchanged:
        drop_part(root_fd, entry_id)
        return False
    return claim_copy(root_fd, components, look, entry_id, entry_id, remove=remove)


def _remove_original(
    root_fd: int, components: Sequence[str], look: Look, own: int, entry_id: int
) -> None:
    """Take the staged file away, unless an agent has just put another in its place."""
    name = components[-1]
    with (
        contextlib.suppress(FileNotFoundError, NotAFolderError),
        folder(root_fd, components[:-1]) as source,
    ):
        held, aside = own, ORIGINAL
        try:
            os.rename(name, aside, src_dir_fd=source, dst_dir_fd=held)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            held, aside = source, _beside(entry_id)
            os.rename(name, aside, src_dir_fd=source, dst_dir_fd=held)
        found = Identity.of(os.stat(aside, dir_fd=held, follow_symlinks=False))
        if found == look.identity:
            os.unlink(aside, dir_fd=held)
        else:
            _put_back(held, aside, source, name)


def _beside(entry_id: int) -> str:
    """`ORIGINAL` in an agent's folder that is a filesystem of its own."""
    return f".backupmon-{entry_id}"


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
        with own_folder(root_fd, (CLAIMED, str(source_entry))) as own:
            source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=own)
        try:
            read_through(source, [digest, CopyWriter(target)])
            os.fsync(target)
        finally:
            os.close(source)
        with own_folder(root_fd, (CLAIMED, str(entry_id))) as own:
            os.rename(PART, name, src_dir_fd=own, dst_dir_fd=own)
            sync_folder(own)
    except OSError as error:
        make_room(target)
        raise server_fault(error, f"{CLAIMED}/{entry_id}/{name}") from error
    finally:
        os.close(target)
    return digest.hexdigest()


def claim_again(root_fd: int, components: Sequence[str], entry_id: int) -> bool:
    """Move a staged file that was claimed before, and that a power cut gave back.

    False when it has gone.

    Raises
    ------
    ServerFault
        When it cannot be moved.
    """
    name = components[-1]
    try:
        with (
            folder(root_fd, components[:-1]) as source,
            own_folder(root_fd, (CLAIMED, str(entry_id)), make=True) as own,
        ):
            os.rename(name, name, src_dir_fd=source, dst_dir_fd=own)
            sync_folder(own)
    except (FileNotFoundError, NotAFolderError):
        return False
    except OSError as error:
        raise server_fault(error, "/".join(components)) from error
    return True


def claimed_name(root_fd: int, entry_id: int) -> str | None:
    """The name of the file that is claimed for `entry_id`, or None."""
    try:
        with own_folder(root_fd, (CLAIMED, str(entry_id))) as own:
            names = [n for n in names_in(own, CLAIMED) if not n.startswith(".")]
    except FileNotFoundError:
        return None
    return names[0] if names else None


def claimed_entries(root_fd: int) -> list[int]:
    """The ids of the entries that have a claimed folder."""
    try:
        with own_folder(root_fd, (CLAIMED,)) as area:
            names = [n for n in names_in(area, CLAIMED) if len(n) <= _MAX_DIGITS]
            return sorted(int(n) for n in names if n.isdecimal())
    except FileNotFoundError:
        return []


def release_folder(root_fd: int, entry_id: int) -> None:
    """Remove the claimed folder of `entry_id` where it is empty; else leave it."""
    with (
        contextlib.suppress(OSError, ServerFault),
        own_folder(root_fd, (CLAIMED,)) as area,
    ):
        os.rmdir(str(entry_id), dir_fd=area)


def clear_folder(root_fd: int, entry_id: int) -> None:
    """Remove the claimed folder of an entry that is done with, and leftovers in it."""
    with (
        contextlib.suppress(OSError, ServerFault),
        own_folder(root_fd, (CLAIMED, str(entry_id))) as own,
    ):
        for leftover in (PART, DISPLACED):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(leftover, dir_fd=own)
    release_folder(root_fd, entry_id)


def restore_original(root_fd: int, entry_id: int, components: Sequence[str]) -> None:
    """Give a staged file back that a crash caught while it was being checked or removed.

    It may be one that the agent had only just delivered; if it is the old one, its being there
    again does no harm. An agent's folder that has gone is not made again, since it would be
    ours: the file stays where it is.

    Raises
    ------
    ServerFault
        When it cannot be given back.
    """
    name = components[-1]
    try:
        with (
            contextlib.suppress(NotAFolderError),
            own_folder(root_fd, (CLAIMED, str(entry_id))) as own,
            folder(root_fd, components[:-1]) as source,
        ):
            for held, aside in ((own, ORIGINAL), (source, _beside(entry_id))):
                with contextlib.suppress(FileNotFoundError):
                    os.stat(aside, dir_fd=held, follow_symlinks=False)
                    _put_back(held, aside, source, name)
    except FileNotFoundError:
        return
    except OSError as error:
        raise server_fault(error, "/".join(components)) from error


def _is_ours(own: int, look: Look) -> bool:
    """The very inode that was measured, with one name, and nobody waiting to write to it.

    Its former owner might open it again by a descriptor that it kept, or give it a second name
    in the same way; so the file is made our own, where we may do that, before the last look.
    """
    found = os.stat(ORIGINAL, dir_fd=own, follow_symlinks=False)
    if look.fd is None or Identity.of(found) != look.identity or not _alone(look):
        return False
    _own(look.fd, found, os.geteuid(), os.getegid(), _MODE)
    if _alone(look):
        return True
    _own(look.fd, os.fstat(look.fd), found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
    return False


def _alone(look: Look) -> bool:
    undisturbed = look.lease is not Lease.GRANTED or look.still_undisturbed()
    return undisturbed and look.links_now() == 1


def _own(fd: int, found: os.stat_result, user: int, group: int, mode: int) -> None:
    with contextlib.suppress(OSError):
        if found.st_uid != user:
            os.fchown(fd, user, group)
    with contextlib.suppress(OSError):
        if stat.S_IMODE(found.st_mode) != mode:
            os.fchmod(fd, mode)


def _put_back(held: int, aside: str, source: int, name: str) -> None:
    """Give a file its old name again, unless a newer one has it by now.

    Then what was taken is as good as overwritten by the agent.
    """
    if move_unless_taken(held, aside, source, name):
        return
    if held == source:
        os.unlink(aside, dir_fd=held)
        return
    found = os.stat(aside, dir_fd=held, follow_symlinks=False)
    # A folder under a name of its own: no file could ever be renamed over it.
    displaced = f"{DISPLACED}-{found.st_ino}" if stat.S_ISDIR(found.st_mode) else DISPLACED
    os.rename(aside, displaced, src_dir_fd=held, dst_dir_fd=held)
