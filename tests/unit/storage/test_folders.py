"""Walking below a root."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from backupmon.storage.faults import ServerFault
from backupmon.storage.folders import (
    NotAFolderError,
    folder,
    move_unless_taken,
    names_in,
    own_folder,
    sync_folder,
)
from tests.unit.storage.conftest import OpenRoot, make_kind

Walk = Callable[..., AbstractContextManager[int]]


@pytest.mark.parametrize("walk", [folder, own_folder], ids=["agents'", "ours"])
def test_a_folder_is_walked_to_and_made_where_asked(root: OpenRoot, walk: Walk) -> None:
    with pytest.raises(FileNotFoundError), walk(root.fd, ("a", "b")):
        pass
    with walk(root.fd, ("a", "b"), make=True) as fd:
        assert names_in(fd, "a/b") == []
    assert (root.path / "a" / "b").is_dir()
    with walk(root.fd, ("a", "b")), walk(root.fd, ("a", "b"), make=True):
        pass


def test_no_components_mean_the_root_itself(root: OpenRoot) -> None:
    root.put("x")
    with folder(root.fd, ()) as fd:
        assert names_in(fd, "") == ["x"]
    assert os.fstat(root.fd), "the root must stay open"


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("make", [False, True])
def test_a_link_on_the_way_is_not_followed(root: OpenRoot, depth: int, make: bool) -> None:
    (root.path / "real" / "real").mkdir(parents=True)
    names = ["real", "real"]
    names[depth] = "link"
    (root.path / "real" / "link").symlink_to("real")
    (root.path / "link").symlink_to("real")
    with pytest.raises(NotAFolderError) as caught, folder(root.fd, names, make=make):
        pass
    assert caught.value.linked


def test_a_file_on_the_way_is_no_folder(root: OpenRoot) -> None:
    root.put("file")
    with pytest.raises(NotAFolderError) as caught, folder(root.fd, ("file", "x"), make=True):
        pass
    assert not caught.value.linked


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_put_in_place_of_our_own_folder_is_the_servers_trouble(
    root: OpenRoot, kind: str
) -> None:
    if kind == "link":
        (root.path / ".claimed").symlink_to(".")
    else:
        root.put(".claimed")
    with pytest.raises(ServerFault) as caught, own_folder(root.fd, (".claimed", "1"), make=True):
        pass
    assert caught.value.code == "folder.replaced"


def test_our_own_folder_is_closed_to_others_and_its_contents_err_as_they_do(
    root: OpenRoot,
) -> None:
    with pytest.raises(NotAFolderError), own_folder(root.fd, (".claimed", "1"), make=True):
        raise NotAFolderError("something else", linked=False)
    assert stat.S_IMODE((root.path / ".claimed").stat().st_mode) == 0o700
    assert stat.S_IMODE((root.path / ".claimed" / "1").stat().st_mode) == 0o700


def test_a_folder_that_may_not_be_entered_is_the_servers_trouble(
    root: OpenRoot, as_nobody: Callable[[], None]
) -> None:
    (root.path / "closed").mkdir(mode=0o700)
    as_nobody()
    with pytest.raises(ServerFault) as caught, folder(root.fd, ("closed",)):
        pass
    assert (caught.value.code, caught.value.subject) == ("folder.unreadable", "closed")


def test_a_name_that_no_filesystem_takes_is_absent(root: OpenRoot) -> None:
    with pytest.raises(FileNotFoundError), folder(root.fd, ("x" * 300,)):
        pass
    with pytest.raises(ServerFault), folder(root.fd, ("x" * 300,), make=True):
        pass


def test_in_a_folder_that_has_been_removed_nothing_is_made(root: OpenRoot) -> None:
    root.path.rmdir()
    with pytest.raises(ServerFault), folder(root.fd, ("a",), make=True):
        pass


def test_without_descriptors_the_server_is_exhausted(root: OpenRoot) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        with pytest.raises(ServerFault) as caught, folder(root.fd, ()):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.code == "server.exhausted"


def test_names_are_listed_sorted_with_whatever_bytes_they_have(root: OpenRoot) -> None:
    for name in (b"b", b"a\xff", b"a\nb"):
        root.put(os.fsdecode(name))
    assert names_in(root.fd, "") == ["a\nb", "a\udcff", "b"]


def test_a_listing_that_fails_is_the_servers_trouble(root: OpenRoot) -> None:
    file = os.open(root.put("x"), os.O_RDONLY)
    try:
        with pytest.raises(ServerFault):
            names_in(file, "x")
    finally:
        os.close(file)


def test_a_filesystem_that_cannot_sync_folders_is_put_up_with() -> None:
    # A pipe answers as such filesystems do: EINVAL.
    ends = os.pipe()
    try:
        sync_folder(ends[0])
    finally:
        for end in ends:
            os.close(end)
    with pytest.raises(OSError, match="Bad file descriptor"):
        sync_folder(ends[0])


class TestMoving:
    """`move_unless_taken`."""

    @pytest.mark.parametrize("kind", ["file", "folder", "link", "pipe"])
    def test_anything_can_be_moved(self, root: OpenRoot, kind: str) -> None:
        old = root.path / "old"
        make_kind(old, kind)
        before = old.lstat()
        assert move_unless_taken(root.fd, "old", root.fd, "new")
        assert root.names() == ["new"]
        assert (root.path / "new").lstat().st_ino == before.st_ino

    @pytest.mark.parametrize("kind", ["file", "folder"])
    def test_nothing_is_overwritten(self, root: OpenRoot, kind: str) -> None:
        (root.path / "old").mkdir() if kind == "folder" else root.put("old", data=b"old")
        root.put("new", data=b"new")
        assert not move_unless_taken(root.fd, "old", root.fd, "new")
        assert (root.path / "new").read_bytes() == b"new"
        assert (root.path / "old").exists()

    def test_a_move_that_was_cut_off_half_way_is_finished(self, root: OpenRoot) -> None:
        root.put("old")
        (root.path / "new").hardlink_to(root.path / "old")
        assert move_unless_taken(root.fd, "old", root.fd, "new")
        assert root.names() == ["new"]

    def test_what_has_gone_cannot_be_moved(self, root: OpenRoot) -> None:
        with pytest.raises(FileNotFoundError):
            move_unless_taken(root.fd, "old", root.fd, "new")
