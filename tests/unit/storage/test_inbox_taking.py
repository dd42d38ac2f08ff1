"""Taking reports out of the agents' reach."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backupmon.core.paths import MAX_DEPTH
from backupmon.core.report import MAX_REPORT_BYTES
from backupmon.storage import inbox
from backupmon.storage.faults import ServerFault
from backupmon.storage.folders import move_unless_taken
from backupmon.storage.inbox import (
    REPORTS,
    FoundReport,
    finish_with,
    left_aside,
    prune,
    read_report,
    take_aside,
)
from backupmon.storage.roots import CLAIMED
from tests.unit.storage.conftest import NOBODY, OpenRoot, make_kind

LOG = ("acme", "log")
FOUND = FoundReport(LOG, "STATUS.json")
WHERE = (*LOG, "STATUS.json")
STAMP = 1_700_000_000_000_000_000
ASIDE = f"{CLAIMED}/{REPORTS}/{STAMP}/acme/log/STATUS.json"


def take(root: OpenRoot, found: FoundReport = FOUND) -> FoundReport | None:
    return take_aside(root.fd, found, STAMP)


def test_a_report_is_taken_out_of_reach_read_there_and_finished_with(root: OpenRoot) -> None:
    root.put(*WHERE)
    taken = take(root)
    assert taken == FoundReport(LOG, "STATUS.json", STAMP, aside=True)
    assert root.files() == {ASIDE: b"data"}
    assert stat.S_IMODE((root.path / CLAIMED).stat().st_mode) == 0o700
    read = read_report(root.fd, taken)
    assert read is not None
    assert read.data == b"data"
    assert list(left_aside(root.fd)) == [taken]
    finish_with(root.fd, taken)
    finish_with(root.fd, taken)
    assert root.names(CLAIMED, REPORTS) == []
    assert root.path.joinpath(*LOG).is_dir(), "the agent's folder stays"


@pytest.mark.parametrize("gone", ["file", "folder", "folder became a link"])
def test_a_report_that_has_gone_is_not_taken_and_leaves_no_folders(
    root: OpenRoot, gone: str
) -> None:
    folder = root.path.joinpath(*LOG)
    folder.parent.mkdir()
    if gone == "file":
        folder.mkdir()
    elif gone != "folder":
        folder.symlink_to("/")
    assert take(root) is None
    assert list(left_aside(root.fd)) == []
    if gone == "file":
        assert root.names(CLAIMED, REPORTS) == []


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_was_swapped_for_the_report_goes_back(root: OpenRoot, kind: str) -> None:
    path = root.path.joinpath(*WHERE)
    path.parent.mkdir(parents=True)
    make_kind(path, kind)
    before = path.lstat().st_ino
    assert take(root) is None
    assert path.lstat().st_ino == before
    assert root.names(CLAIMED, REPORTS) == []


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_swap_whose_name_is_taken_again_is_dropped(
    root: OpenRoot, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root.path.joinpath(*WHERE)
    path.parent.mkdir(parents=True)
    make_kind(path, kind)

    def swap_again(*names: object) -> bool:
        monkeypatch.undo()
        path.write_bytes(b"yet another")
        return move_unless_taken(*names)  # type: ignore[arg-type]

    monkeypatch.setattr(inbox, "move_unless_taken", swap_again)
    assert take(root) is None
    assert root.files() == {"/".join(WHERE): b"yet another"}
    assert root.names(CLAIMED, REPORTS) == []


def test_a_folder_of_any_depth_that_was_swapped_for_a_report_stops_nothing(root: OpenRoot) -> None:
    taken = root.put(CLAIMED, REPORTS, str(STAMP), "acme", "log", "good.json")
    top = os.open(taken.parent, os.O_RDONLY)
    fd = top
    for _ in range(1100):
        os.mkdir("x.json", dir_fd=fd)
        deeper = os.open("x.json", os.O_RDONLY, dir_fd=fd)
        if fd != top:
            os.close(fd)
        fd = deeper
    os.close(fd)
    assert [found.name for found in left_aside(root.fd)] == ["good.json"]
    # Taken apart from the top, since the tree is too deep to be walked by name.
    for number in range(1100):
        os.rename("x.json", f"{number}", src_dir_fd=top, dst_dir_fd=top)
        inner = f"{number}/x.json"
        if number < 1099:
            os.rename(inner, "x.json", src_dir_fd=top, dst_dir_fd=top)
        os.rmdir(f"{number}", dir_fd=top)
    os.close(top)


def test_only_files_that_we_put_there_are_left_aside(root: OpenRoot) -> None:
    assert list(left_aside(root.fd)) == []
    stamps = (20, 3, 100)
    for stamp in stamps:
        root.put(CLAIMED, REPORTS, str(stamp), "acme", "log", "b.json")
    own = root.path / CLAIMED / REPORTS
    for odd in ("x/acme/log", "3/a", "3/acme/log/deep.json"):
        (own / odd).mkdir(parents=True)
    for name in ("7", "3/top.json", "3/acme/log/.part", "3/acme/log/a.txt"):
        (own / name).touch()
    (own / "3" / "link").symlink_to("/")
    os.mkfifo(own / "3" / "acme" / "log" / "pipe.json")
    (own / "7").unlink()
    assert [found.landed_ns for found in left_aside(root.fd)] == sorted(stamps)


def test_log_folders_may_be_as_deep_as_a_template(root: OpenRoot) -> None:
    deep = tuple("abcdefghijklmnop"[:MAX_DEPTH])
    found = FoundReport(deep, "x.json")
    root.put(*deep, "x.json")
    assert list(left_aside(root.fd)) == []
    assert list(filter(None, [take(root, found)])) == list(left_aside(root.fd))


def test_a_folder_aside_that_we_may_not_enter_hides_no_other(
    root: OpenRoot, as_nobody: Callable[[], None]
) -> None:
    good = root.put(CLAIMED, REPORTS, str(STAMP), "acme", "log", "good.json")
    closed = good.parent / "a.json"
    closed.mkdir(mode=0o700)
    for path in (root.path / CLAIMED, *(root.path / CLAIMED).rglob("*")):
        if path != closed:
            os.chown(path, NOBODY, NOBODY)
    as_nobody()
    assert [found.name for found in left_aside(root.fd)] == ["good.json"]


@pytest.mark.parametrize("mine", [CLAIMED, f"{CLAIMED}/{REPORTS}"])
def test_a_link_in_place_of_our_folder_is_the_servers_trouble(root: OpenRoot, mine: str) -> None:
    root.put(*WHERE)
    (root.path / mine).parent.mkdir(exist_ok=True)
    (root.path / mine).symlink_to(root.path / "acme")
    for act in (
        lambda: take(root),
        lambda: list(left_aside(root.fd)),
        lambda: finish_with(root.fd, replace(FOUND, aside=True)),
    ):
        with pytest.raises(ServerFault) as caught:
            act()
        assert caught.value.code == "folder.replaced"
    assert "/".join(WHERE) in root.files()


def test_a_report_that_may_not_be_renamed_is_the_servers_trouble(
    root: OpenRoot, as_nobody: Callable[[], None]
) -> None:
    root.put(*WHERE)
    (root.path / CLAIMED).mkdir()
    os.chown(root.path / CLAIMED, NOBODY, NOBODY)
    as_nobody()
    with pytest.raises(ServerFault) as caught:
        take(root)
    assert (caught.value.code, caught.value.subject) == ("folder.unreadable", "/".join(WHERE))


def test_a_report_that_cannot_be_removed_is_the_servers_trouble(
    root: OpenRoot, as_nobody: Callable[[], None]
) -> None:
    root.put(*WHERE)
    taken = take(root)
    assert taken is not None
    for path in (root.path / CLAIMED, *(root.path / CLAIMED).rglob("*")):
        path.chmod(0o755)
    as_nobody()
    with pytest.raises(ServerFault):
        finish_with(root.fd, taken)


@pytest.fixture
def apart(root: OpenRoot, mount: Callable[[Path], None]) -> Path:
    """A report in a log folder out of which nothing can be renamed."""
    root.path.joinpath(*LOG).mkdir(parents=True)
    mount(root.path.joinpath(*LOG))
    return root.put(*WHERE)


def test_from_a_filesystem_of_its_own_a_report_is_taken_as_a_copy(
    root: OpenRoot, apart: Path
) -> None:
    written = apart.stat().st_mtime_ns
    taken = take(root)
    assert taken is not None
    assert root.files() == {ASIDE: b"data"}
    read = read_report(root.fd, taken)
    assert read is not None
    assert read.written_ns == written


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_from_there_nothing_else_is_taken(root: OpenRoot, apart: Path, kind: str) -> None:
    apart.unlink()
    make_kind(apart, kind)
    assert take(root) is None
    assert root.names(*LOG) == ["STATUS.json"]
    assert list(left_aside(root.fd)) == []


def test_a_report_that_changes_while_it_is_copied_from_there_waits(
    root: OpenRoot, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(*arguments: object) -> None:
        monkeypatch.undo()
        inbox._write_copy(*arguments)  # type: ignore[arg-type]
        apart.write_bytes(b"more data")

    monkeypatch.setattr(inbox, "_write_copy", change)
    assert take(root) is None
    assert root.files() == {"/".join(WHERE): b"more data"}


def test_of_an_oversize_report_from_there_only_its_start_is_copied(
    root: OpenRoot, apart: Path
) -> None:
    os.truncate(apart, 2**40)
    assert take(root) is not None
    assert [len(data) for data in root.files().values()] == [MAX_REPORT_BYTES + 1]


def test_empty_folders_are_pruned_down_to_those_that_are_kept(root: OpenRoot) -> None:
    (root.path / "a" / "b" / "c" / "d").mkdir(parents=True)
    root.put("a", "b", "file")
    prune(root.fd, ("a", "b", "c", "d"), keep=1)
    assert root.names("a", "b") == ["file"]
    (root.path / "a" / "b" / "file").unlink()
    prune(root.fd, ("a", "b"), keep=1)
    assert root.names() == ["a"]
    prune(root.fd, ("a", "b", "c"), keep=0)
    prune(root.fd, ("a",), keep=0)
    assert root.names() == []
