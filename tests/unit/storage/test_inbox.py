"""Finding and reading reports."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
from collections.abc import Callable

import pytest

from backupmon.core.report import MAX_REPORT_BYTES
from backupmon.storage import inbox
from backupmon.storage.faults import ServerFault
from backupmon.storage.folders import NotAFolderError
from backupmon.storage.inbox import (
    FoundReport,
    NotAReportError,
    is_report_name,
    read_report,
    reports_in,
)
from tests.unit.storage.conftest import OpenRoot, make_kind

LOG = ("acme", "log")
FOUND = FoundReport(LOG, "STATUS.json")
WHERE = (*LOG, "STATUS.json")


# Finding


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("STATUS.json", True),
        ("a.JSON", True),
        (".json", False),
        (".a.json", False),
        ("a.json.part", False),
        ("a.json.tmp", False),
        ("json", False),
    ],
)
def test_reports_are_told_by_their_names(root: OpenRoot, name: str, is_one: bool) -> None:
    assert is_report_name(name) is is_one
    root.put(*LOG, name)
    assert reports_in(root.fd, LOG) == ([FoundReport(LOG, name)] if is_one else [])


def test_a_folder_that_is_not_there_has_no_reports(root: OpenRoot) -> None:
    assert reports_in(root.fd, LOG) == []


def test_a_log_folder_that_is_a_link_is_told(root: OpenRoot) -> None:
    (root.path / "acme").mkdir()
    (root.path / "acme" / "log").symlink_to("/")
    with pytest.raises(NotAFolderError) as caught:
        reports_in(root.fd, LOG)
    assert caught.value.linked


def test_ten_thousand_reports_are_listed_by_name(root: OpenRoot) -> None:
    folder = root.put(*LOG, "00000.json").parent
    for number in range(1, 10_000):
        (folder / f"{number:05}.json").touch()
    found = reports_in(root.fd, LOG)
    assert len(found) == 10_000
    assert [f.name for f in found] == sorted(f.name for f in found)


# Reading


@pytest.mark.parametrize(
    "name",
    ["x" * 250 + ".json", "a\nb.json", os.fsdecode(b"\xff.json"), " .json"],
    ids=["255 bytes", "newline", "no text", "blank"],
)
@pytest.mark.parametrize("data", [b"", b"{}"], ids=["empty", "not empty"])
def test_a_report_is_read_with_its_times(root: OpenRoot, name: str, data: bytes) -> None:
    about = root.put(*LOG, name, data=data).stat()
    (found,) = reports_in(root.fd, LOG)
    read = read_report(root.fd, found)
    assert read is not None
    assert (read.data, read.size, read.held) == (data, len(data), False)
    assert (read.landed_ns, read.written_ns) == (about.st_ctime_ns, about.st_mtime_ns)
    assert read.changed_at.timestamp() == pytest.approx(about.st_ctime)


def test_of_an_oversize_report_no_more_is_read_than_tells_that_it_is_one(root: OpenRoot) -> None:
    os.truncate(root.put(*WHERE), 2**40)
    read = read_report(root.fd, FOUND)
    assert read is not None
    assert (len(read.data), read.size) == (MAX_REPORT_BYTES + 1, 2**40)


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "socket"])
def test_what_is_no_file_is_no_report_and_holds_us_up_for_nothing(
    root: OpenRoot, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root.path.joinpath(*WHERE)
    path.parent.mkdir(parents=True)
    if kind == "socket":
        monkeypatch.chdir(path.parent)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    else:
        make_kind(path, kind)
    with pytest.raises(NotAReportError) as caught:
        read_report(root.fd, FOUND)
    assert caught.value.kind == ("a link" if kind == "link" else "no regular file")


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "pipe with a writer", "socket"])
def test_what_is_swapped_between_the_look_and_the_opening_is_no_report(
    root: OpenRoot, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root.put(*WHERE)
    kept: list[int] = []

    def swap(about: os.stat_result) -> None:
        monkeypatch.undo()
        inbox._check_regular(about)
        path.unlink()
        if kind == "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                monkeypatch.chdir(path.parent)
                listener.bind(path.name)
            return
        make_kind(path, kind.split()[0])
        if "writer" in kind:
            kept.append(os.open(path, os.O_RDWR))

    monkeypatch.setattr(inbox, "_check_regular", swap)
    try:
        with pytest.raises(NotAReportError):
            read_report(root.fd, FOUND)
    finally:
        for fd in kept:
            os.close(fd)


@pytest.mark.parametrize("gone", ["file", "folder", "folder became a link"])
def test_a_report_that_has_gone_is_passed_over(root: OpenRoot, gone: str) -> None:
    path = root.put(*WHERE)
    path.unlink()
    if gone != "file":
        path.parent.rmdir()
    if gone == "folder became a link":
        path.parent.symlink_to("/")
    assert read_report(root.fd, FOUND) is None


def test_a_report_that_somebody_writes_to_is_held(root: OpenRoot) -> None:
    with root.put(*WHERE).open("ab"):
        read = read_report(root.fd, FOUND)
    assert read is not None
    assert (read.data, read.held) == (b"data", True)


def test_a_report_that_a_file_server_holds_for_its_client_is_held(root: OpenRoot) -> None:
    """As Samba does: a write lease, which our own open calls in."""
    fd = os.open(root.put(*WHERE), os.O_RDWR)
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        read = read_report(root.fd, FOUND)
    finally:
        os.close(fd)
    assert read is not None
    assert (read.data, read.size, read.held) == (b"", 4, True)


def test_a_report_that_we_may_not_read_is_its_agents_trouble(
    root: OpenRoot, as_nobody: Callable[[], None]
) -> None:
    root.put(*WHERE).chmod(0o600)
    as_nobody()
    with pytest.raises(NotAReportError):
        read_report(root.fd, FOUND)


@pytest.mark.parametrize("mode", [0o700, 0o744], ids=["closed", "names only"])
def test_a_folder_that_we_may_not_enter_is_the_servers_trouble(
    root: OpenRoot, as_nobody: Callable[[], None], mode: int
) -> None:
    root.put(*WHERE).parent.chmod(mode)
    as_nobody()
    with pytest.raises(ServerFault) as caught:
        read_report(root.fd, FOUND)
    assert caught.value.code == "folder.unreadable"
