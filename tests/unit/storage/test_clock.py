"""The filesystem's clock, asked in the folder for claimed files."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta

import pytest

from backupmon.storage.clock import filesystem_now
from backupmon.storage.faults import ServerFault
from backupmon.storage.roots import CLAIMED
from tests.unit.storage.conftest import NOBODY, OpenRoot

AGENT = 65533


def test_the_filesystem_says_what_it_would_stamp_on_a_file_now(root: OpenRoot) -> None:
    first = filesystem_now(root.fd)
    written = root.put("x").stat().st_ctime
    second = filesystem_now(root.fd)
    assert abs(first - datetime.now(UTC)) < timedelta(seconds=10)
    moment = 0.001
    assert first.timestamp() - moment <= written <= second.timestamp() + moment


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_the_folder_for_claimed_files_is_ours_alone(root: OpenRoot, umask: int) -> None:
    before = os.umask(umask)
    try:
        filesystem_now(root.fd)
    finally:
        os.umask(before)
    assert stat.S_IMODE((root.path / CLAIMED).stat().st_mode) == 0o700


def test_a_folder_that_others_may_enter_is_closed(root: OpenRoot) -> None:
    (root.path / CLAIMED).mkdir()
    (root.path / CLAIMED).chmod(0o777)
    filesystem_now(root.fd)
    assert stat.S_IMODE((root.path / CLAIMED).stat().st_mode) == 0o700


@pytest.mark.usefixtures("needs_root")
def test_a_folder_that_an_agent_made_is_not_used(root: OpenRoot) -> None:
    (root.path / CLAIMED).mkdir()
    os.chown(root.path / CLAIMED, AGENT, AGENT)
    with pytest.raises(ServerFault) as caught:
        filesystem_now(root.fd)
    assert (caught.value.code, caught.value.subject) == ("folder.replaced", CLAIMED)


@pytest.mark.usefixtures("needs_root")
def test_a_folder_of_the_roots_own_owner_is_used(root: OpenRoot) -> None:
    (root.path / CLAIMED).mkdir()
    for path in (root.path, root.path / CLAIMED):
        os.chown(path, NOBODY, NOBODY)
    filesystem_now(root.fd)


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_link_or_a_file_in_its_place_is_the_servers_trouble(root: OpenRoot, kind: str) -> None:
    if kind == "link":
        (root.path / "elsewhere").mkdir()
        (root.path / CLAIMED).symlink_to("elsewhere")
    else:
        root.put(CLAIMED)
    with pytest.raises(ServerFault) as caught:
        filesystem_now(root.fd)
    assert caught.value.code == "folder.replaced"


@pytest.mark.parametrize("kind", ["link", "pipe", "file of another day"])
def test_what_lies_in_place_of_the_clock_is_replaced(root: OpenRoot, kind: str) -> None:
    victim = root.put("victim", data=b"precious")
    clock = root.path / CLAIMED / ".clock"
    clock.parent.mkdir()
    if kind == "link":
        clock.symlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(clock)
    else:
        clock.touch()
    filesystem_now(root.fd)
    assert clock.is_file()
    assert not clock.is_symlink()
    assert victim.read_bytes() == b"precious"


def test_a_folder_in_place_of_the_clock_is_told(root: OpenRoot) -> None:
    (root.path / CLAIMED / ".clock").mkdir(parents=True)
    with pytest.raises(ServerFault):
        filesystem_now(root.fd)
