"""Which errors of the operating system are the server's own trouble, and what to do."""

from __future__ import annotations

import errno

from backupmon.core.errors import BackupmonError
from backupmon.core.text import clean, one_line

#: Characters of a subject: a path of several long names.
MAX_SUBJECT = 1000


class ServerFault(BackupmonError):  # noqa: N818 - the word of the glossary is condition, not error
    """Something wrong with the server itself: it concludes nothing about any backup.

    Parameters
    ----------
    code:
        Stable and dotted, as in ``server_conditions``.
    subject:
        The root, folder or file that it concerns. A path is made of names that agents gave,
        so it is made fit to be stored and shown.
    """

    def __init__(self, code: str, subject: str, message: str, hint: str) -> None:
        super().__init__(clean(message), clean(hint))
        self.code = code
        self.subject = one_line(subject, MAX_SUBJECT)


_KINDS = {
    "disk.full": (
        (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        "the disk is full",
        "free some space; nothing was lost, and the next scan goes on from here",
    ),
    "root.read_only": (
        (errno.EROFS,),
        "the filesystem is read-only",
        "mount it for writing; after an error the kernel remounts a disk read-only, so look "
        "at its log first",
    ),
    "folder.unreadable": (
        (errno.EACCES, errno.EPERM),
        "the server may not use it",
        "give the server's user the right to read, write and enter it",
    ),
    "server.exhausted": (
        (errno.EMFILE, errno.ENFILE, errno.ENOMEM),
        "the server has run out of open files or memory",
        "raise the limit of open files (ulimit -n), or run fewer workers",
    ),
}


def server_fault(error: OSError, subject: str) -> ServerFault:
    """The server condition that `error`, met at `subject`, amounts to.

    What is not known by its number counts as an input/output error: better a condition that
    somebody looks at than a verdict on a backup.
    """
    for code, (numbers, words, hint) in _KINDS.items():
        if error.errno in numbers:
            return ServerFault(code, subject, f"{subject}: {words} ({error.strerror})", hint)
    return ServerFault(
        "io.error",
        subject,
        f"{subject}: cannot be read or written ({error.strerror or error})",
        "check the disk, the mount and the kernel's log",
    )
