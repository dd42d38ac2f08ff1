"""What is learnt of a file while it is read once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from backupmon.storage.readers import (
    CHUNK,
    CopyWriter,
    Reader,
    Sha256Reader,
    make_room,
    read_through,
)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7])
def test_every_reader_is_fed_every_byte_once(tmp_path: Path, opened: int, size: int) -> None:
    data = os.urandom(size)
    os.write(opened, data)
    seen: list[int] = []
    one, other = Sha256Reader(), Sha256Reader()
    with (tmp_path / "copy").open("wb") as copy:
        readers: list[Reader] = [one, CopyWriter(copy.fileno()), other]
        assert read_through(opened, readers, seen.append) == size
    assert one.hexdigest() == other.hexdigest() == hashlib.sha256(data).hexdigest()
    assert (tmp_path / "copy").read_bytes() == data
    assert sum(seen) == size


def test_a_file_is_read_from_its_start_wherever_it_stands(opened: int) -> None:
    os.write(opened, b"abc")
    digest = Sha256Reader()
    assert read_through(opened, [digest]) == 3
    assert digest.hexdigest() == hashlib.sha256(b"abc").hexdigest()


def test_a_file_that_grows_as_fast_as_it_is_read_holds_us_for_no_more_than_its_limit(
    opened: int,
) -> None:
    os.write(opened, bytes(CHUNK))

    class Grower:
        def feed(self, chunk: memoryview) -> None:
            os.pwrite(opened, bytes(len(chunk)), os.fstat(opened).st_size)

    assert read_through(opened, [Grower()], limit=CHUNK) <= 2 * CHUNK


def test_a_copy_is_written_whole_though_the_kernel_takes_it_in_pieces() -> None:
    ends = os.pipe()
    data = os.urandom(300_000)
    pid = os.fork()
    if not pid:
        os.close(ends[0])
        CopyWriter(ends[1]).feed(memoryview(data))
        os._exit(0)
    os.close(ends[1])
    with os.fdopen(ends[0], "rb") as reader:
        assert reader.read() == data
    assert os.waitpid(pid, 0)[1] == 0


def test_a_copy_that_failed_gives_its_room_back(opened: int) -> None:
    os.write(opened, bytes(1000))
    make_room(opened)
    assert os.fstat(opened).st_size == 0
    make_room(None)
    make_room(-1)
