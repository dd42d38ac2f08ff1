"""Reading an archived report again: only ever a regular file of the archive's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backupmon.storage.archive import open_archived
from backupmon.storage.inbox import NotAReportError


def test_only_a_regular_file_below_the_archive_is_opened(tmp_path: Path) -> None:
    archive, outside = tmp_path / "archive", tmp_path / "outside"
    outside.mkdir()
    (outside / "x.json").write_bytes(b"secret")
    (archive / "acme").mkdir(parents=True)
    (archive / "acme" / "x.json").write_bytes(b"{}")
    (archive / "acme" / "link.json").symlink_to(outside / "x.json")
    (archive / "elsewhere").symlink_to(outside)
    os.mkfifo(archive / "acme" / "pipe.json")
    root = os.open(archive, os.O_RDONLY)
    try:
        fd = open_archived(root, ("acme", "x.json"))
        assert os.read(fd, 10) == b"{}"
        os.close(fd)
        for place in (
            ("acme", "link.json"),
            ("acme", "pipe.json"),
            ("acme",),
            ("elsewhere", "x.json"),
            ("acme", "x.json", "y"),
        ):
            with pytest.raises(NotAReportError):
                open_archived(root, place)
        for place in (("acme", "gone.json"), ("gone", "x.json")):
            with pytest.raises(FileNotFoundError):
                open_archived(root, place)
    finally:
        os.close(root)
