"""Read leases of the kernel."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from backupmon.storage.leases import Lease, give_back, lease_broken, take_lease
from tests.unit.storage.conftest import OpenRoot


def _open(path: object, flags: int = os.O_RDONLY) -> int:
    return os.open(str(path), flags)


def test_a_file_that_nobody_writes_to_is_granted_and_can_be_given_back(root: OpenRoot) -> None:
    fd = _open(root.put("x"))
    try:
        assert take_lease(fd) is Lease.GRANTED
        assert not lease_broken(fd)
        give_back(fd)
        assert lease_broken(fd), "no lease is no proof"
    finally:
        os.close(fd)


def test_a_file_that_somebody_writes_to_is_refused(root: OpenRoot) -> None:
    path = root.put("x")
    writer, fd = _open(path, os.O_WRONLY), _open(path)
    try:
        assert take_lease(fd) is Lease.REFUSED
        os.close(writer)
        assert take_lease(fd) is Lease.GRANTED
    finally:
        os.close(fd)


def test_a_reader_is_no_reason_to_refuse(root: OpenRoot) -> None:
    path = root.put("x")
    reader, fd = _open(path), _open(path)
    try:
        assert take_lease(fd) is Lease.GRANTED
    finally:
        os.close(reader)
        os.close(fd)


def test_a_writer_that_comes_later_is_noticed_and_let_in_when_it_is_given_back(
    root: OpenRoot,
) -> None:
    path = root.put("x")
    fd = _open(path)
    try:
        assert take_lease(fd) is Lease.GRANTED
        with pytest.raises(BlockingIOError):
            _open(path, os.O_WRONLY | os.O_NONBLOCK)
        assert lease_broken(fd)
        give_back(fd)
        os.close(_open(path, os.O_WRONLY | os.O_NONBLOCK))
    finally:
        os.close(fd)


def test_on_what_has_no_leases_nothing_is_known() -> None:
    ends = os.pipe()
    try:
        assert take_lease(ends[0]) is Lease.UNAVAILABLE
    finally:
        for end in ends:
            os.close(end)


def test_without_the_right_to_a_lease_nothing_is_known(
    root: OpenRoot, as_nobody: Callable[[], None]
) -> None:
    fd = _open(root.put("x"))
    try:
        as_nobody()
        assert take_lease(fd) is Lease.UNAVAILABLE
    finally:
        os.close(fd)
