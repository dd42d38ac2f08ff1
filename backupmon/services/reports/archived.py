"""The file that a report was read from, as it lies in the archive."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

from backupmon.config import Settings
from backupmon.core.errors import NotFoundError
from backupmon.core.phrases import Phrase, in_english, phrase
from backupmon.core.text import clean
from backupmon.models import AgentReport
from backupmon.services.roots import known_root
from backupmon.storage.archive import open_archived as open_in_archive
from backupmon.storage.faults import ServerFault
from backupmon.storage.inbox import NotAReportError
from backupmon.storage.roots import Root, check_marker

#: Bytes of a file that a page shows: a report is a few kilobytes.
MOST_SHOWN = 256 * 1024
_NAME = "REPORT_ARCHIVE_ROOT"

_GONE = phrase("The file is no longer where it was archived.")
_REPLACED = phrase("Something else lies where the file was archived.")
_CHANGED = phrase("The file is not the one that was taken in: somebody has changed it since.")


@dataclass(frozen=True, slots=True)
class ArchivedText:
    """An archived file as a page shows it.

    Parameters
    ----------
    text:
        Its beginning, without what would confuse a reader; bytes that are no text are U+FFFD.
    size:
        Bytes of the whole file.
    trouble:
        Why it cannot be shown, or trusted; None where it can.
    """

    text: str = ""
    size: int = 0
    trouble: Phrase | None = None

    @property
    def is_cut(self) -> bool:
        """Whether there is more of it than is shown."""
        return self.size > MOST_SHOWN


class _TroubleError(Exception):
    """Why the file cannot be read."""

    def __init__(self, said: Phrase) -> None:
        super().__init__(said)
        self.said = said


def read_archived(settings: Settings, report: AgentReport) -> ArchivedText:
    """The beginning of the file, as text; whatever is wrong with it is told, never raised."""
    try:
        fd = _open(settings, report)
    except _TroubleError as error:
        return ArchivedText(trouble=error.said)
    try:
        size, data = os.fstat(fd).st_size, _beginning(fd)
    except OSError as error:
        return ArchivedText(trouble=_unreadable(str(error.strerror)))
    finally:
        os.close(fd)
    whole = size <= MOST_SHOWN
    changed = whole and sha256(data).hexdigest() != report.sha256
    return ArchivedText(_text_of(data), size, _CHANGED if changed else None)


def open_archived(settings: Settings, report: AgentReport) -> BinaryIO:
    """The file, open to be sent whole; for the caller to close.

    Raises
    ------
    NotFoundError
        When it cannot be read, with the reason.
    """
    try:
        return os.fdopen(_open(settings, report), "rb")
    except _TroubleError as error:
        raise NotFoundError(in_english(error.said)) from None


def _open(settings: Settings, report: AgentReport) -> int:
    try:
        with _archive(settings) as archive_fd:
            return open_in_archive(archive_fd, tuple(report.archive_path.split("/")))
    except FileNotFoundError:
        raise _TroubleError(_GONE) from None
    except NotAReportError:
        raise _TroubleError(_REPLACED) from None
    except ServerFault as fault:
        raise _TroubleError(_unreadable(fault.message)) from None


@contextmanager
def _archive(settings: Settings) -> Iterator[int]:
    """The archive's folder, open; an unmounted one is told by its marker."""
    root = Root(_NAME, settings.report_archive_root)
    known = known_root(root)
    if known is not None:
        check_marker(root, known.marker)
    fd = root.open()
    try:
        yield fd
    finally:
        os.close(fd)


def _beginning(fd: int) -> bytes:
    pieces: list[bytes] = []
    left = MOST_SHOWN
    while left and (piece := os.read(fd, left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _text_of(data: bytes) -> str:
    text = data.decode(json.detect_encoding(data), errors="replace")
    return clean(text, len(text) + 1)


def _unreadable(reason: str) -> Phrase:
    return phrase("The archive cannot be read: %(reason)s", reason=reason)
