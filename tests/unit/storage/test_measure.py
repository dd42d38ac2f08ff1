"""Looking at a staged file."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from backupmon.core.measurement import Presence
from backupmon.storage.faults import ServerFault
from backupmon.storage.leases import Lease
from backupmon.storage.measure import CopyWhen, Identity, Look, look_at
from backupmon.storage.readers import CHUNK
from tests.unit.storage.conftest import NOBODY, OpenRoot, make_kind

PLACE = ("acme", "databases", "shop.sql.gz")


def look(root: OpenRoot, *place: str, sizes: frozenset[int] | None = None) -> Look:
    """What is seen; closed at once."""
    seen = look_at(root.fd, place or PLACE, sizes=sizes)
    seen.close()
    return seen


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, 3 * CHUNK + 5])
def test_a_file_is_measured(root: OpenRoot, size: int) -> None:
    data = os.urandom(size)
    path = root.put(*PLACE, data=data)
    seen = look(root, sizes=frozenset({size}))
    assert seen.measurement.presence is Presence.FILE
    assert (seen.measurement.size, seen.measurement.sha256) == (size, sha256(data))
    assert (seen.disturbed, seen.lease, seen.links, seen.copied) == (False, Lease.GRANTED, 1, False)
    assert seen.identity == Identity.of(path.stat())


def test_a_file_of_another_size_is_not_hashed(root: OpenRoot) -> None:
    root.put(*PLACE, data=b"12345")
    seen = look(root, sizes=frozenset({4, 6}))
    assert (seen.measurement.size, seen.measurement.sha256) == (5, None)
    assert not seen.disturbed


def test_a_huge_file_with_holes_is_told_by_its_size(root: OpenRoot) -> None:
    path = root.put(*PLACE)
    os.truncate(path, 2**40)
    assert look(root, sizes=frozenset({5})).measurement.size == 2**40


@pytest.mark.parametrize(
    "name",
    ["x" * 255, "a\nb", os.fsdecode(b"a\xff"), " ", "-rf", "*", "\u00e9\u0301"],
    ids=["255 bytes", "newline", "no text", "blank", "option", "star", "accents"],
)
def test_any_name_will_do(root: OpenRoot, name: str) -> None:
    root.put("acme", name, data=b"x")
    assert look(root, "acme", name).measurement.sha256 == sha256(b"x")


@pytest.mark.parametrize("name", ["shop.sql.gz", "x" * 256], ids=["usual", "too long"])
def test_nothing_there_is_absent(root: OpenRoot, name: str) -> None:
    assert look(root, "acme", "databases", name).measurement.presence is Presence.ABSENT
    (root.path / "acme" / "databases").mkdir(parents=True)
    assert look(root, "acme", "databases", name).measurement.presence is Presence.ABSENT


@pytest.mark.parametrize(
    ("kind", "presence"),
    [
        ("folder", Presence.NOT_A_FILE),
        ("pipe", Presence.NOT_A_FILE),
        ("socket", Presence.NOT_A_FILE),
        ("link", Presence.LINKED),
    ],
)
def test_what_is_no_file_is_told_and_holds_us_up_for_nothing(
    root: OpenRoot, kind: str, presence: Presence, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root.path / "x"
    if kind == "socket":
        monkeypatch.chdir(root.path)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("x")
    else:
        make_kind(path, kind)
    assert look(root, "x").measurement.presence is presence


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_link_is_followed_nowhere_on_the_way(root: OpenRoot, depth: int) -> None:
    root.put(*PLACE)
    link = root.path.joinpath(*PLACE[: depth + 1])
    link.rename(root.path / "real")
    link.symlink_to(root.path / "real")
    assert look(root).measurement.presence is Presence.LINKED


def test_a_file_where_a_folder_should_be_is_absence(root: OpenRoot) -> None:
    root.put("acme", "databases")
    assert look(root).measurement.presence is Presence.ABSENT


def test_a_file_that_we_may_not_read_is_unreadable(
    root: OpenRoot, as_nobody: Callable[[], None]
) -> None:
    root.put(*PLACE).chmod(0o600)
    as_nobody()
    assert look(root).measurement.presence is Presence.UNREADABLE


@pytest.mark.parametrize("mode", [0o700, 0o744], ids=["closed", "names only"])
def test_a_folder_that_we_may_not_enter_is_the_servers_trouble(
    root: OpenRoot, as_nobody: Callable[[], None], mode: int
) -> None:
    root.put(*PLACE).parent.chmod(mode)
    as_nobody()
    with pytest.raises(ServerFault) as caught:
        look(root)
    assert caught.value.code == "folder.unreadable"


def test_a_file_that_somebody_writes_to_is_not_hashed(root: OpenRoot) -> None:
    path = root.put(*PLACE)
    with path.open("ab"):
        seen = look(root)
    assert (seen.disturbed, seen.lease) == (True, Lease.REFUSED)
    assert (seen.measurement.size, seen.measurement.sha256) == (4, None)
    assert not look(root).disturbed


def test_a_file_that_a_file_server_holds_for_its_client_is_being_written(root: OpenRoot) -> None:
    """As Samba does: a write lease, which our own open calls in."""
    fd = os.open(root.put(*PLACE), os.O_RDWR)
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        seen = look(root)
    finally:
        os.close(fd)
    assert (seen.disturbed, seen.measurement.presence) == (True, Presence.FILE)
    assert seen.measurement.size == 4
    assert seen.changed_at is not None
    assert not seen.still_undisturbed()


def test_a_writer_that_comes_meanwhile_disturbs(root: OpenRoot) -> None:
    path = root.put(*PLACE)

    def open_to_write(_count: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))

    seen = look_at(root.fd, PLACE, sizes=None, progress=open_to_write)
    seen.close()
    assert seen.disturbed


def test_a_file_that_is_replaced_meanwhile_is_measured_as_it_was(root: OpenRoot) -> None:
    path = root.put(*PLACE)

    def replace_it(_count: int) -> None:
        path.with_name("new").write_bytes(b"other")
        path.with_name("new").replace(path)

    seen = look_at(root.fd, PLACE, sizes=None, progress=replace_it)
    seen.close()
    assert not seen.disturbed
    assert seen.measurement.sha256 == sha256(b"data")
    assert seen.identity != Identity.of(path.stat())


class TestWithoutLeases:
    """As another user than the file's owner."""

    @pytest.fixture
    def staged(self, root: OpenRoot, as_nobody: Callable[[], None]) -> Path:
        path = root.put(*PLACE, data=os.urandom(2 * CHUNK))
        root.put("copy", data=b"")
        os.chown(root.path / "copy", NOBODY, NOBODY)
        path.chmod(0o666)
        as_nobody()
        return path

    def test_a_private_copy_is_what_is_measured(self, root: OpenRoot, staged: Path) -> None:
        seen = look_at(
            root.fd,
            PLACE,
            sizes=None,
            copy_to=lambda: os.open("copy", os.O_WRONLY, dir_fd=root.fd),
        )
        seen.close()
        os.seteuid(0)
        assert (seen.lease, seen.copied, seen.disturbed) == (Lease.UNAVAILABLE, True, False)
        copy = (root.path / "copy").read_bytes()
        assert seen.measurement.sha256 == sha256(copy) == sha256(staged.read_bytes())

    @pytest.mark.usefixtures("staged")
    def test_a_file_that_grows_for_ever_is_let_go_of(self, root: OpenRoot) -> None:
        writer = os.open("/".join(PLACE), os.O_WRONLY | os.O_APPEND, dir_fd=root.fd)
        try:
            seen = look_at(
                root.fd, PLACE, sizes=None, progress=lambda count: _append(writer, count)
            )
        finally:
            os.close(writer)
        seen.close()
        assert seen.disturbed

    def test_a_file_that_grew_and_shrank_again_while_it_was_read_is_disturbed(
        self, root: OpenRoot, staged: Path
    ) -> None:
        writer = os.open("/".join(PLACE), os.O_WRONLY | os.O_APPEND, dir_fd=root.fd)
        before, seen_chunks = os.fstat(writer), []

        def grow_and_shrink(count: int) -> None:
            seen_chunks.append(count)
            if len(seen_chunks) == 1:
                os.write(writer, bytes(CHUNK))
            elif len(seen_chunks) == 3:
                os.ftruncate(writer, before.st_size)
                os.seteuid(0)
                os.utime(writer, ns=(before.st_atime_ns, before.st_mtime_ns))
                os.seteuid(NOBODY)

        try:
            seen = look_at(root.fd, PLACE, sizes=None, progress=grow_and_shrink)
        finally:
            os.close(writer)
        seen.close()
        os.seteuid(0)
        assert seen.identity == Identity.of(staged.stat())
        assert seen.disturbed


def _append(fd: int, count: int) -> None:
    os.write(fd, bytes(count))


@pytest.mark.parametrize(
    ("when", "links", "copied"),
    [
        (CopyWhen.NO_LEASE, 1, False),
        (CopyWhen.NO_LEASE, 2, False),
        (CopyWhen.LINKED, 1, False),
        (CopyWhen.LINKED, 2, True),
        (CopyWhen.ALWAYS, 1, True),
    ],
)
def test_a_copy_is_made_when_it_is_wanted(
    root: OpenRoot, when: CopyWhen, links: int, copied: bool
) -> None:
    path, copy = root.put(*PLACE), root.put("copy", data=b"")
    if links == 2:
        path.with_name("second").hardlink_to(path)
    seen = look_at(
        root.fd,
        PLACE,
        sizes=None,
        copy_to=lambda: os.open(copy, os.O_WRONLY),
        copy_when=when,
    )
    seen.close()
    assert (seen.copied, seen.links) == (copied, links)
    assert copy.read_bytes() == (b"data" if copied else b"")


def test_a_copy_for_which_there_is_no_room_gives_back_what_it_took(root: OpenRoot) -> None:
    import resource

    root.put(*PLACE, data=bytes(3 * CHUNK))
    copy = root.put("copy", data=b"")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * CHUNK, before[1]))
    try:
        with pytest.raises(ServerFault) as caught:
            look_at(
                root.fd,
                PLACE,
                sizes=None,
                copy_to=lambda: os.open(copy, os.O_WRONLY),
                copy_when=CopyWhen.ALWAYS,
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.code == "disk.full"
    assert copy.stat().st_size == 0


def test_a_copy_that_cannot_be_made_leaves_nothing_open(root: OpenRoot) -> None:
    root.put(*PLACE)

    def fail() -> int:
        raise ServerFault("disk.full", "x", "x", "x")

    with pytest.raises(ServerFault):
        look_at(root.fd, PLACE, sizes=None, copy_to=fail, copy_when=CopyWhen.ALWAYS)


def test_a_look_is_over_when_it_is_closed(root: OpenRoot) -> None:
    path = root.put(*PLACE)
    seen = look_at(root.fd, PLACE, sizes=None)
    assert seen.still_undisturbed()
    assert seen.links_now() == 1
    path.with_name("second").hardlink_to(path)
    assert seen.links_now() == 2
    seen.sync()
    seen.close()
    seen.close()
    seen.sync()
    assert not seen.still_undisturbed()
    assert seen.links_now() == 0
