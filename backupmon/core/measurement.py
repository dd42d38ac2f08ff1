"""What the server itself saw of a staged file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Presence(StrEnum):
    """What lies where the staged file should lie."""

    FILE = "file"
    ABSENT = "absent"
    NOT_A_FILE = "not a regular file"
    LINKED = "reached through a link"
    UNREADABLE = "not readable"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One look at a staged file.

    Parameters
    ----------
    presence:
        What lies there.
    size:
        Bytes; None where there is no file.
    sha256:
        64 lower-case hex digits; None where it was not hashed: no report that waits for the
        file gives its size, or somebody is writing to it.
    detail:
        What else it is ("a pipe", "a folder"), for the words of a finding.
    """

    presence: Presence
    size: int | None = None
    sha256: str | None = None
    detail: str = ""
