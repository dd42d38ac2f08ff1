"""What a crash leaves in the claimed folders, and those folders."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backupmon.storage.claims import (
    DISPLACED,
    ORIGINAL,
    PART,
    claim_again,
    claimed_entries,
    claimed_name,
    clear_folder,
    make_folders,
    release_folder,
    restore_original,
)
from backupmon.storage.faults import ServerFault
from backupmon.storage.roots import CLAIMED
from tests.unit.storage.conftest import OpenRoot

PLACE = ("acme", "databases", "shop.sql.gz")
NAME = PLACE[-1]
STAGED = "/".join(PLACE)
OURS = f"{CLAIMED}/7/{NAME}"


@pytest.fixture
def staged(root: OpenRoot) -> Path:
    return root.put(*PLACE, data=b"staged")


# After a crash


@pytest.mark.parametrize("newer", [False, True])
def test_what_a_crash_left_unchecked_goes_back_unless_a_newer_is_there(
    root: OpenRoot, newer: bool
) -> None:
    root.put(CLAIMED, "7", ORIGINAL, data=b"old")
    root.put(*PLACE, data=b"newer") if newer else root.put("acme", "databases", "x")
    restore_original(root.fd, 7, PLACE)
    assert (root.path / STAGED).read_bytes() == (b"newer" if newer else b"old")
    assert root.names(CLAIMED, "7") == ([DISPLACED] if newer else [])
    clear_folder(root.fd, 7)
    assert root.names(CLAIMED) == []


def test_a_return_that_was_cut_off_half_way_is_finished(root: OpenRoot, staged: Path) -> None:
    make_folders(root.fd, [7])
    (root.path / CLAIMED / "7" / ORIGINAL).hardlink_to(staged)
    restore_original(root.fd, 7, PLACE)
    assert root.names(CLAIMED, "7") == []
    assert staged.stat().st_nlink == 1


def test_a_folder_that_was_displaced_is_in_no_files_way(root: OpenRoot) -> None:
    root.put(*PLACE, data=b"newest")
    root.put(CLAIMED, "7", ORIGINAL, "x")
    restore_original(root.fd, 7, PLACE)
    for data in (b"one", b"two"):
        root.put(CLAIMED, "7", ORIGINAL, data=data)
        restore_original(root.fd, 7, PLACE)
    assert (root.path / CLAIMED / "7" / DISPLACED).read_bytes() == b"two"
    assert claimed_name(root.fd, 7) is None
    assert (root.path / STAGED).read_bytes() == b"newest"


def test_an_agents_folder_that_has_gone_is_not_made_again_as_ours(root: OpenRoot) -> None:
    root.put(CLAIMED, "7", ORIGINAL, data=b"old")
    restore_original(root.fd, 7, PLACE)
    assert root.files() == {f"{CLAIMED}/7/{ORIGINAL}": b"old"}
    clear_folder(root.fd, 7)
    assert root.files() == {f"{CLAIMED}/7/{ORIGINAL}": b"old"}, "it may be all there is"


def test_nothing_to_restore_is_no_trouble(root: OpenRoot) -> None:
    restore_original(root.fd, 7, PLACE)
    make_folders(root.fd, [7])
    restore_original(root.fd, 7, PLACE)
    (root.path / "acme").symlink_to("elsewhere")
    root.put(CLAIMED, "7", ORIGINAL)
    restore_original(root.fd, 7, PLACE)


def test_a_file_that_cannot_be_given_back_is_the_servers_trouble(
    root: OpenRoot, as_nobody: Callable[[], None]
) -> None:
    path = root.put(CLAIMED, "7", ORIGINAL)
    (root.path / "acme" / "databases").mkdir(parents=True)
    for own in (path.parent.parent, path.parent, path):
        os.chown(own, 65534, 65534)
    as_nobody()
    with pytest.raises(ServerFault) as caught:
        restore_original(root.fd, 7, PLACE)
    assert caught.value.code == "folder.unreadable"


def test_a_file_that_a_power_cut_gave_back_is_claimed_again(root: OpenRoot, staged: Path) -> None:
    assert claim_again(root.fd, PLACE, 7)
    assert root.files() == {OURS: b"staged"}
    assert not claim_again(root.fd, PLACE, 7)
    staged.parent.rmdir()
    assert not claim_again(root.fd, PLACE, 7)
    staged.parent.symlink_to("elsewhere")
    assert not claim_again(root.fd, PLACE, 7)


# The folders


def test_many_folders_are_made_at_once(root: OpenRoot) -> None:
    make_folders(root.fd, [1, 2, 3])
    make_folders(root.fd, [2, 30])
    assert claimed_entries(root.fd) == [1, 2, 3, 30]
    release_folder(root.fd, 30)
    release_folder(root.fd, 31)
    assert claimed_entries(root.fd) == [1, 2, 3]


def test_only_numbers_that_entries_may_have_count(root: OpenRoot) -> None:
    assert claimed_entries(root.fd) == []
    for name in ("12", "reports", ".x", "9" * 200, "-1", "1.0"):
        (root.path / CLAIMED / name).mkdir(parents=True)
    assert claimed_entries(root.fd) == [12]


def test_what_is_claimed_is_neither_a_leftover_nor_removed_with_one(root: OpenRoot) -> None:
    assert claimed_name(root.fd, 7) is None
    for name in (PART, DISPLACED, NAME):
        root.put(CLAIMED, "7", name)
    assert claimed_name(root.fd, 7) == NAME
    clear_folder(root.fd, 7)
    assert root.files() == {OURS: b"data"}
