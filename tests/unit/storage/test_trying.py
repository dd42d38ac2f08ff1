"""Trying out a root leaves nothing behind, and tells what stands in the way."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from backupmon.storage.faults import ServerFault
from backupmon.storage.leases import Lease
from backupmon.storage.roots import Root
from backupmon.storage.trying import renames_between, try_out


@pytest.fixture
def deposit(tmp_path: Path) -> Root:
    return _root("DEPOSIT_ROOT", tmp_path / "deposits")


def _root(name: str, path: Path) -> Root:
    path.mkdir()
    return Root(name, path)


def _everything(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_a_root_that_can_be_used_tells_its_clock(deposit: Root) -> None:
    trial = try_out(deposit)
    slack = timedelta(seconds=5)
    assert trial.before - slack < trial.stamped_at < trial.after + slack
    assert trial.lease in (Lease.GRANTED, Lease.UNAVAILABLE)


def test_nothing_is_left_and_no_folder_is_made(deposit: Root) -> None:
    (deposit.path / "acme").mkdir()
    before = _everything(deposit.path)
    try_out(deposit)
    assert _everything(deposit.path) == before


def test_the_file_lies_where_only_the_server_writes(deposit: Root) -> None:
    own = deposit.path / ".claimed"
    own.mkdir()
    root_before, own_before = deposit.path.stat().st_mtime_ns, own.stat().st_mtime_ns
    os.utime(own, ns=(0, 0))
    try_out(deposit)
    assert deposit.path.stat().st_mtime_ns == root_before
    assert own.stat().st_mtime_ns >= own_before
    assert _everything(deposit.path) == [own]


def test_a_root_that_is_absent_is_told(deposit: Root) -> None:
    deposit.path.rmdir()
    with pytest.raises(ServerFault) as fault:
        try_out(deposit)
    assert fault.value.code == "root.absent"


def test_a_link_in_the_place_of_our_own_folder_is_not_followed(
    deposit: Root, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (deposit.path / ".claimed").symlink_to(elsewhere)
    with pytest.raises(ServerFault) as fault:
        try_out(deposit)
    assert fault.value.code == "folder.replaced"
    assert _everything(elsewhere) == []


def test_within_one_filesystem_files_are_renamed(deposit: Root, tmp_path: Path) -> None:
    validated = _root("VALIDATED_ROOT", tmp_path / "validated")
    assert renames_between(deposit, validated)
    assert _everything(deposit.path) == _everything(validated.path) == []


def test_between_two_filesystems_they_are_not(deposit: Root) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == deposit.path.stat().st_dev:
        pytest.skip("there is no second filesystem here")
    validated = _root("VALIDATED_ROOT", memory / f"backupmon-test-{os.getpid()}")
    try:
        assert not renames_between(deposit, validated)
        assert _everything(deposit.path) == _everything(validated.path) == []
    finally:
        validated.path.rmdir()
