"""Which errors of the operating system are the server's own trouble, and what to do."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping

from backupmon.core.codes import ConditionCode
from backupmon.core.errors import BackupmonError
from backupmon.core.phrases import Phrase, in_english, phrase
from backupmon.core.text import clean, one_line

Said = Phrase | str
#: Characters of a subject: a path of several long names.
MAX_SUBJECT = 1000


class ServerFault(BackupmonError):  # noqa: N818 - the word of the glossary is condition, not error
    """Something wrong with the server itself: it concludes nothing about any backup.

    Parameters
    ----------
    code:
        One of `ConditionCode`, as in ``server_conditions``.
    subject:
        The root, folder or file that it concerns. A path is made of names that agents gave,
        so it is made fit to be stored and shown.
    """

    def __init__(self, code: ConditionCode, subject: str, message: Said, hint: Said) -> None:
        super().__init__(clean(in_english(message)), clean(in_english(hint)))
        self.code = code
        self.subject = one_line(subject, MAX_SUBJECT)


def _disk_full(subject: str, error: str) -> tuple[Phrase, Phrase]:
    return (
        phrase("%(subject)s: the disk is full (%(error)s)", subject=subject, error=error),
        phrase("free some space; nothing was lost, and the next scan goes on from here"),
    )


def _read_only(subject: str, error: str) -> tuple[Phrase, Phrase]:
    return (
        phrase(
            "%(subject)s: the filesystem is read-only (%(error)s)", subject=subject, error=error
        ),
        phrase(
            "mount it for writing; after an error the kernel remounts a disk read-only, so look "
            "at its log first"
        ),
    )


def _unreadable(subject: str, error: str) -> tuple[Phrase, Phrase]:
    return (
        phrase("%(subject)s: the server may not use it (%(error)s)", subject=subject, error=error),
        phrase("give the server's user the right to read, write and enter it"),
    )


def _exhausted(subject: str, error: str) -> tuple[Phrase, Phrase]:
    return (
        phrase(
            "%(subject)s: the server has run out of open files or memory (%(error)s)",
            subject=subject,
            error=error,
        ),
        phrase("raise the limit of open files (ulimit -n), or run fewer workers"),
    )


_KINDS: Mapping[
    ConditionCode, tuple[tuple[int, ...], Callable[[str, str], tuple[Phrase, Phrase]]]
] = {
    "disk.full": ((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _disk_full),
    "root.read_only": ((errno.EROFS,), _read_only),
    "folder.unreadable": ((errno.EACCES, errno.EPERM), _unreadable),
    "server.exhausted": ((errno.EMFILE, errno.ENFILE, errno.ENOMEM), _exhausted),
}


def server_fault(error: OSError, subject: str) -> ServerFault:
    """The server condition that `error`, met at `subject`, amounts to.

    What is not known by its number counts as an input/output error: better a condition that
    somebody looks at than a verdict on a backup.
    """
    for code, (numbers, words) in _KINDS.items():
        if error.errno in numbers:
            return ServerFault(code, subject, *words(subject, str(error.strerror)))
    return ServerFault(
        "io.error",
        subject,
        phrase(
            "%(subject)s: cannot be read or written (%(error)s)",
            subject=subject,
            error=error.strerror or str(error),
        ),
        phrase("check the disk, the mount and the kernel's log"),
    )
