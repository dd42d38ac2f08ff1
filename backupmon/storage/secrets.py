"""A secret that the server makes for itself, and keeps in a file that only it may read."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def read_or_make_secret(path: Path) -> str:
    """The secret in the file `path`; where there is none, a new one is put there.

    Processes that start together all get the same one: the file appears whole or not at all,
    and only the first may put it there. It may be empty when a power cut spoilt it.
    """
    with suppress(FileNotFoundError):
        return path.read_text(encoding="ascii").strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    _put_new(path)
    return path.read_text(encoding="ascii").strip()


def _put_new(path: Path) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never takes another's place.
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)
