"""Roots and their markers."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from backupmon.storage.faults import ServerFault
from backupmon.storage.roots import MARKER, Root, check_marker, mark, read_marker


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root("DEPOSIT_ROOT", tmp_path / "new" / "deposits")


def test_a_root_that_was_marked_is_known_again(root: Root) -> None:
    marker = mark(root)
    assert read_marker(root) == marker
    check_marker(root, marker)
    assert [path.name for path in root.path.iterdir()] == [MARKER]


def test_every_marker_is_another(root: Root) -> None:
    assert mark(root) != mark(root)


def test_a_root_that_is_absent_is_told_as_not_mounted(root: Root) -> None:
    for look in (root.open, lambda: read_marker(root), lambda: check_marker(root, "x")):
        with pytest.raises(ServerFault) as caught:
            look()
        assert (caught.value.code, caught.value.subject) == ("root.absent", "DEPOSIT_ROOT")


def test_a_file_in_place_of_a_root_is_no_root(root: Root) -> None:
    root.path.parent.mkdir()
    root.path.touch()
    with pytest.raises(ServerFault) as caught:
        read_marker(root)
    assert caught.value.code == "root.absent"


def test_an_empty_mount_point_is_not_the_root(root: Root) -> None:
    root.path.mkdir(parents=True)
    assert read_marker(root) is None
    with pytest.raises(ServerFault) as caught:
        check_marker(root, "x")
    assert caught.value.code == "root.unmarked"
    assert "bears no marker" in caught.value.message


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b"[" * 4000, b"[" * 10_000_000, b'{"id": null}', b"null"],
    ids=["empty", "cut", "a list", "no text", "deep", "huge", "no id", "nothing"],
)
def test_a_marker_that_is_none_is_another_roots(root: Root, content: bytes) -> None:
    marker = mark(root)
    (root.path / MARKER).write_bytes(content)
    with pytest.raises(ServerFault) as caught:
        check_marker(root, marker)
    assert caught.value.code == "root.unmarked"


@pytest.mark.parametrize("kind", ["pipe", "folder", "link", "socket"])
def test_what_is_put_in_place_of_the_marker_neither_stops_nor_fools_us(
    root: Root, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = mark(root)
    path = root.path / MARKER
    path.rename(root.path / "real")
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("real")
    else:
        import socket

        monkeypatch.chdir(root.path)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(MARKER)
    with pytest.raises(ServerFault) as caught:
        check_marker(root, marker)
    assert caught.value.code == "root.unmarked"


def test_marking_follows_no_link_that_an_agent_laid(root: Root, tmp_path: Path) -> None:
    root.path.mkdir(parents=True)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (root.path / f"{MARKER}.part").symlink_to(victim)
    (root.path / MARKER).symlink_to(victim)
    assert read_marker(root) == ""
    marker = mark(root)
    assert victim.read_text() == "precious"
    check_marker(root, marker)


def test_a_root_that_cannot_be_written_is_told(root: Root) -> None:
    (root.path / MARKER).mkdir(parents=True)
    with pytest.raises(ServerFault):
        mark(root)


def test_a_root_that_may_not_be_entered_is_the_servers_trouble(
    root: Root, as_nobody: Callable[[], None]
) -> None:
    mark(root)
    root.path.chmod(0o700)
    as_nobody()
    for look in (root.open, lambda: read_marker(root)):
        with pytest.raises(ServerFault) as caught:
            look()
        assert caught.value.code == "folder.unreadable"


def test_a_new_root_is_closed_to_strangers(root: Root) -> None:
    mark(root)
    assert stat.S_IMODE(root.path.stat().st_mode) & 0o007 == 0
