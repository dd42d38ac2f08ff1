"""Real folders and files, and a watch over file descriptors: no test may leave one open."""

from __future__ import annotations

import gc
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

NOBODY = 65534


@pytest.fixture(autouse=True)
def _every_descriptor_is_closed() -> Iterator[None]:
    before = _descriptors()
    yield
    gc.collect()
    assert _descriptors() - before == set()


def _descriptors() -> set[str]:
    found = set()
    for fd in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{fd.name} {fd.readlink()}")
        except FileNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class OpenRoot:
    """A root: where it lies, and open."""

    path: Path
    fd: int

    def put(self, *parts: str, data: bytes = b"data") -> Path:
        """Write a file below it."""
        path = self.path.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def names(self, *parts: str) -> list[str]:
        """What lies in a folder below it."""
        return sorted(path.name for path in self.path.joinpath(*parts).iterdir())

    def files(self) -> dict[str, bytes]:
        """Every regular file, by its path below the root."""
        return {
            str(path.relative_to(self.path)): path.read_bytes()
            for path in sorted(self.path.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }


def make_kind(path: Path, kind: str) -> None:
    """Put something there: a file, a folder, a link that leads nowhere, or a pipe."""
    if kind == "file":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to("nowhere")
    else:
        os.mkfifo(path)


@pytest.fixture
def open_root(tmp_path: Path) -> Iterator[Callable[[str], OpenRoot]]:
    """Makes roots."""
    opened: list[int] = []

    def make(name: str) -> OpenRoot:
        path = tmp_path / name
        path.mkdir(exist_ok=True)
        opened.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY))
        return OpenRoot(path, opened[-1])

    yield make
    for fd in opened:
        os.close(fd)


@pytest.fixture
def root(open_root: Callable[[str], OpenRoot]) -> OpenRoot:
    """The deposit area."""
    return open_root("deposits")


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[Path], None]]:
    """Makes a folder a mount of its own, on the same disk: nothing can be renamed out of it."""
    mounted: list[Path] = []

    def bind(folder: Path) -> None:
        source = tmp_path / f"disk{len(mounted)}"
        source.mkdir()
        try:
            subprocess.run(
                ["mount", "--bind", str(source), str(folder)], check=True, capture_output=True
            )
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("only root can mount")
        mounted.append(folder)

    yield bind
    for folder in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def as_nobody() -> Iterator[Callable[[], None]]:
    """From its call on, the test runs as a user without rights."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")

    yield lambda: os.seteuid(NOBODY)
    os.seteuid(0)


@pytest.fixture
def needs_root() -> None:
    """The test gives files to other users."""
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
