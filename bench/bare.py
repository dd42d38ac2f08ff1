"""The least that any program must do that puts backups away as safely as a scan does."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from pathlib import Path


def put_away_barely(folder: Path) -> float:
    """Put away what lies below ``folder/deposits``, one file after the other; gives seconds.

    Hash the file, rename it, fsync file and folder, insert a row and commit: nothing else is
    read, judged or checked. The folders it needs are there before the clock starts.
    """
    staged = sorted((folder / "deposits").glob("*/databases/*"))
    targets = [folder / "validated" / file.parent.parent.name / file.name for file in staged]
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
    connection = _database(folder / "bare.db")
    os.sync()
    began = time.perf_counter()
    for file, target in zip(staged, targets, strict=True):
        digest = _put_away(file, target)
        connection.execute(
            "INSERT INTO backups (path, sha256) VALUES (?, ?)", (str(target), digest)
        )
        connection.commit()
    took = time.perf_counter() - began
    connection.close()
    return took


def _database(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE backups (id INTEGER PRIMARY KEY, path TEXT, sha256 TEXT)")
    connection.commit()
    return connection


def _put_away(file: Path, target: Path) -> str:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
        os.fsync(opened.fileno())
    file.rename(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return digest
