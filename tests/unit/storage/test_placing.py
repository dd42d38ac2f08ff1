"""Putting a claimed file at its place."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backupmon.storage import placing
from backupmon.storage.faults import ServerFault
from backupmon.storage.folders import NotAFolderError
from backupmon.storage.placing import (
    CopyDiffers,
    Source,
    Target,
    exists_at,
    hash_at,
    names_below,
    place,
    quarantine_target,
    remove_at,
    validated_target,
)
from backupmon.storage.readers import CHUNK
from backupmon.storage.roots import INCOMING, PREVIOUS
from tests.unit.storage.conftest import OpenRoot, make_kind

FINAL = ("2031", "Acme", "shop.gz")
PATH = "/".join(FINAL)
KEPT = f"{PREVIOUS}/3/6"
OTHER = os.environ.get("BACKUPMON_TEST_OTHER_FILESYSTEM", "/dev/shm")
HELD = f".claimed/7/{FINAL[-1]}"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(params=["one disk", "two mounts of a disk", "two disks"])
def validated(
    request: pytest.FixtureRequest, tmp_path: Path, open_root: Callable[[str], OpenRoot]
) -> Iterator[OpenRoot]:
    """The validated area: on the deposit area's filesystem, behind a mount, or elsewhere."""
    path = tmp_path / "validated"
    path.mkdir()
    if request.param == "two mounts of a disk":
        request.getfixturevalue("mount")(path)
    elif request.param == "two disks":
        try:
            other = Path(tempfile.mkdtemp(dir=OTHER))
        except OSError:
            pytest.skip("no second filesystem")
        path.rmdir()
        path.symlink_to(other)
    yield open_root("validated")
    if request.param == "two disks":
        shutil.rmtree(other)


def claimed(root: OpenRoot, data: bytes = b"new") -> Source:
    root.put(*HELD.split("/"), data=data)
    return Source(root.fd, (".claimed", "7"), FINAL[-1])


def target(validated: OpenRoot, replaced: str | None = "6") -> Target:
    return validated_target(validated.fd, FINAL, 7, 3, replaced)


@pytest.mark.parametrize("size", [0, 1, 2 * CHUNK + 3])
def test_a_file_is_put_at_its_place(root: OpenRoot, validated: OpenRoot, size: int) -> None:
    data = os.urandom(size)
    place(claimed(root, data), target(validated), sha256=sha256(data))
    assert validated.files() == {PATH: data}
    assert root.files() == {}


def test_the_copy_that_it_replaces_is_kept(root: OpenRoot, validated: OpenRoot) -> None:
    validated.put(*FINAL, data=b"old")
    validated.put(PREVIOUS, "3", "6", data=b"left by a crash")
    place(claimed(root), target(validated), sha256=sha256(b"new"))
    assert validated.files() == {PATH: b"new", KEPT: b"old"}


def test_nothing_is_kept_where_nothing_is_to_be(root: OpenRoot, validated: OpenRoot) -> None:
    validated.put(*FINAL, data=b"old")
    place(claimed(root), target(validated, None), sha256=None)
    assert validated.files() == {PATH: b"new"}


def test_at_every_step_the_old_copy_or_the_new_one_stands(
    root: OpenRoot, validated: OpenRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    standing, held = [], []

    def look(_step: str) -> None:
        standing.append(validated.files()[PATH])
        held.append(b"new" in [*root.files().values(), *validated.files().values()])

    monkeypatch.setattr(placing, "failpoint", look)
    validated.put(*FINAL, data=b"old")
    place(claimed(root), target(validated), sha256=sha256(b"new"))
    assert standing == sorted(standing, reverse=True)
    assert set(standing) == {b"old", b"new"}
    assert all(held)


def test_a_copy_that_was_cut_off_is_made_anew(root: OpenRoot, validated: OpenRoot) -> None:
    validated.put(INCOMING, "7", data=b"half")
    place(claimed(root), target(validated), sha256=sha256(b"new"))
    assert validated.files()[PATH] == b"new"


def test_no_link_that_stands_at_a_final_path_is_followed(
    root: OpenRoot, validated: OpenRoot
) -> None:
    victim = root.put("victim", data=b"precious")
    validated.put(*FINAL).unlink()
    validated.path.joinpath(*FINAL).symlink_to(victim)
    place(claimed(root), target(validated, None), sha256=sha256(b"new"))
    assert victim.read_bytes() == b"precious"
    assert validated.files() == {PATH: b"new"}


def test_a_folder_at_the_final_path_is_told_and_the_file_kept(
    root: OpenRoot, validated: OpenRoot
) -> None:
    validated.path.joinpath(*FINAL).mkdir(parents=True)
    for replaced in (None, "6"):
        with pytest.raises(ServerFault) as caught:
            place(claimed(root), target(validated, replaced), sha256=sha256(b"new"))
        assert caught.value.code == ("path.occupied" if replaced is None else caught.value.code)
    assert root.files() == {HELD: b"new"}


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_on_the_way_is_told_and_the_file_kept(
    root: OpenRoot, validated: OpenRoot, kind: str
) -> None:
    make_kind(validated.path / FINAL[0], kind)
    with pytest.raises(NotAFolderError):
        place(claimed(root), target(validated), sha256=None)
    assert root.files() == {HELD: b"new"}


@pytest.mark.parametrize("own", [INCOMING, PREVIOUS])
def test_a_link_in_place_of_our_own_folder_is_never_followed(
    root: OpenRoot, validated: OpenRoot, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "_same_filesystem", lambda *_: False)
    source = claimed(root)
    (validated.path / own).symlink_to(root.path)
    validated.put(*FINAL, data=b"old")
    with pytest.raises(ServerFault) as caught:
        place(source, target(validated), sha256=sha256(b"new"))
    assert caught.value.code == "folder.replaced"
    assert root.files() == {HELD: b"new"}
    assert validated.path.joinpath(*FINAL).read_bytes() == b"old"


def test_without_a_claimed_file_nothing_is_touched(root: OpenRoot, validated: OpenRoot) -> None:
    validated.put(*FINAL, data=b"old")
    source = claimed(root)
    (root.path / HELD).unlink()
    with pytest.raises(FileNotFoundError):
        place(source, target(validated), sha256=None)
    shutil.rmtree(root.path / ".claimed")
    with pytest.raises(FileNotFoundError):
        place(source, target(validated), sha256=None)
    assert validated.files() == {PATH: b"old"}


def test_a_damaged_copy_is_never_used(
    root: OpenRoot, validated: OpenRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "_same_filesystem", lambda *_: False)
    validated.put(*FINAL, data=b"old")
    with pytest.raises(CopyDiffers):
        place(claimed(root, b"rotten"), target(validated), sha256=sha256(b"new"))
    assert validated.files() == {PATH: b"old"}
    assert root.files() == {HELD: b"rotten"}


def test_a_full_disk_keeps_no_half_copy(
    root: OpenRoot, validated: OpenRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    monkeypatch.setattr(placing, "_same_filesystem", lambda *_: False)
    source = claimed(root, bytes(3 * CHUNK))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (CHUNK, before[1]))
    try:
        with pytest.raises(ServerFault) as caught:
            place(source, target(validated), sha256=None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.code == "disk.full"
    assert validated.files() == {}
    assert list(root.files()) == [HELD]


@pytest.mark.parametrize("replaced", [None, "6"])
def test_a_mount_below_the_validated_area_is_reached(
    root: OpenRoot,
    open_root: Callable[[str], OpenRoot],
    mount: Callable[[Path], None],
    replaced: str | None,
) -> None:
    validated = open_root("validated")
    (validated.path / FINAL[0]).mkdir()
    mount(validated.path / FINAL[0])
    validated.put(*FINAL, data=b"old")
    place(claimed(root), target(validated, replaced), sha256=sha256(b"new"))
    kept = {KEPT: b"old"} if replaced else {}
    assert validated.files() == {PATH: b"new", **kept}
    assert root.files() == {}


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.EMLINK])
def test_without_hard_links_the_replaced_copy_is_copied(
    root: OpenRoot, validated: OpenRoot, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_links(*_names: object, **_options: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", no_links)
    validated.put(*FINAL, data=b"old")
    place(claimed(root), target(validated), sha256=None)
    assert validated.files() == {PATH: b"new", KEPT: b"old"}


def test_quarantine_keeps_a_file_in_a_folder_of_its_entry(
    root: OpenRoot, validated: OpenRoot
) -> None:
    place(claimed(root), quarantine_target(validated.fd, 7, "x.gz"), sha256=None)
    assert validated.files() == {"7/x.gz": b"new"}


# Looking


def test_a_file_of_ours_is_told_by_its_hash(root: OpenRoot) -> None:
    root.put("a", "b", data=b"x")
    assert hash_at(root.fd, ("a", "b")) == (1, sha256(b"x"))


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_what_is_no_file_has_no_hash_and_is_there(root: OpenRoot, kind: str) -> None:
    make_kind(root.path / "x", kind)
    assert hash_at(root.fd, ("x",)) is None
    assert exists_at(root.fd, ("x",))


def test_what_is_not_there_is_not_there(root: OpenRoot) -> None:
    root.put("file")
    (root.path / "link").symlink_to(".")
    for place_ in (("x",), ("x", "y"), ("file", "x"), ("link", "file")):
        assert hash_at(root.fd, place_) is None
        assert not exists_at(root.fd, place_)
        assert not remove_at(root.fd, place_)
        assert names_below(root.fd, place_) == []
    assert names_below(root.fd, ()) == ["file", "link"]


def test_a_file_of_ours_is_removed_and_no_more_than_that(root: OpenRoot) -> None:
    root.put("a", "b")
    assert remove_at(root.fd, ("a", "b"))
    assert root.names() == ["a"]
    with pytest.raises(ServerFault):
        remove_at(root.fd, ("a",))


def test_a_folder_that_we_may_not_enter_is_the_servers_trouble(
    root: OpenRoot, as_nobody: Callable[[], None]
) -> None:
    root.put("a", "b").parent.chmod(0o744)
    as_nobody()
    for act in (hash_at, exists_at, remove_at):
        with pytest.raises(ServerFault) as caught:
            act(root.fd, ("a", "b"))
        assert caught.value.code == "folder.unreadable"
