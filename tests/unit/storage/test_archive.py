"""The archive of reports."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backupmon.core.report import MAX_REPORT_BYTES
from backupmon.storage.archive import MAX_KEPT, archive_place, archive_report, report_sha256
from backupmon.storage.faults import ServerFault
from backupmon.storage.inbox import FoundReport, ReadReport, read_report
from tests.unit.storage.conftest import OpenRoot

END = datetime(2031, 3, 3, 11, 50, tzinfo=UTC)
FOUND = FoundReport(("acme", "log"), "STATUS.json")
PLACE = ("acme", "2031", "03", "20310303T115000Z_0123abcd_STATUS.json")


@pytest.fixture
def archive(open_root: Callable[[str], OpenRoot]) -> OpenRoot:
    return open_root("reports")


def deliver(root: OpenRoot, data: bytes) -> ReadReport:
    root.put(*FOUND.folder, FOUND.name, data=data)
    read = read_report(root.fd, FOUND)
    assert read is not None
    return read


def test_a_reports_place_tells_whose_it_is_and_of_when() -> None:
    assert archive_place("acme", END, "0123abcd" * 8, "STATUS.json") == PLACE


@pytest.mark.parametrize(
    ("agent", "name"),
    [("../x", "../../etc"), (".", "a/b.json"), ("", "\n.json"), ("a" * 300, "x" * 255 + ".json")],
)
def test_no_name_leaves_the_archive(agent: str, name: str) -> None:
    place = archive_place(agent, END, "0" * 64, name)
    assert len(place) == 4
    for part in place:
        assert part
        assert part not in (".", "..")
        assert "/" not in part
        assert len(os.fsencode(part)) <= 255


def test_what_was_read_is_archived_and_the_same_again_changes_nothing(
    root: OpenRoot, archive: OpenRoot
) -> None:
    read = deliver(root, b"{}")
    root.put(*FOUND.folder, FOUND.name, data=b"changed since")
    for _ in range(2):
        archive_report(archive.fd, PLACE, read, root.fd, FOUND)
    assert archive.files() == {"/".join(PLACE): b"{}"}
    assert report_sha256(root.fd, FOUND, read) == hashlib.sha256(b"{}").hexdigest()


def test_an_oversize_report_is_kept_whole(root: OpenRoot, archive: OpenRoot) -> None:
    data = os.urandom(MAX_REPORT_BYTES + 1000)
    read = deliver(root, data)
    assert len(read.data) < len(data)
    archive_report(archive.fd, PLACE, read, root.fd, FOUND)
    assert archive.files() == {"/".join(PLACE): data}
    assert report_sha256(root.fd, FOUND, read) == hashlib.sha256(data).hexdigest()


def test_a_huge_one_is_kept_as_far_as_it_was_read(root: OpenRoot, archive: OpenRoot) -> None:
    """Else one file with holes would fill the archive, and no report of anybody be taken in."""
    os.truncate(root.put(*FOUND.folder, FOUND.name), 2**40)
    read = read_report(root.fd, FOUND)
    assert read is not None
    archive_report(archive.fd, PLACE, read, root.fd, FOUND)
    assert archive.files() == {"/".join(PLACE): read.data}
    assert report_sha256(root.fd, FOUND, read) == hashlib.sha256(read.data).hexdigest()
    assert MAX_KEPT < 2**30


@pytest.mark.parametrize("gone", ["file", "folder", "folder became a link", "became a pipe"])
def test_an_oversize_report_that_has_gone_is_told_and_leaves_nothing_half(
    root: OpenRoot, archive: OpenRoot, gone: str
) -> None:
    read = replace(deliver(root, b"1234"), size=MAX_REPORT_BYTES + 10)
    path = root.path.joinpath(*FOUND.folder, FOUND.name)
    path.unlink()
    if "folder" in gone:
        path.parent.rmdir()
    if "link" in gone:
        path.parent.symlink_to("/")
    if "pipe" in gone:
        os.mkfifo(path)
    with pytest.raises(ServerFault):
        report_sha256(root.fd, FOUND, read)
    with pytest.raises(ServerFault):
        archive_report(archive.fd, PLACE, read, root.fd, FOUND)
    assert archive.files() == {}


def test_a_link_or_a_file_in_the_archive_is_the_servers_trouble(
    root: OpenRoot, archive: OpenRoot
) -> None:
    read = deliver(root, b"{}")
    (archive.path / "acme").symlink_to(root.path)
    with pytest.raises(ServerFault) as caught:
        archive_report(archive.fd, PLACE, read, root.fd, FOUND)
    assert caught.value.code == "folder.replaced"
    (archive.path / "acme").unlink()
    archive.path.joinpath(*PLACE).mkdir(parents=True)
    with pytest.raises(ServerFault):
        archive_report(archive.fd, PLACE, read, root.fd, FOUND)
    assert archive.files() == {}
