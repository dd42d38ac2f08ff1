"""Taking a measured file out of every agent's reach."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backupmon.storage import claims
from backupmon.storage.claims import (
    ORIGINAL,
    PART,
    claim_again,
    claim_copy,
    claim_file,
    claimed_entries,
    claimed_name,
    clear_folder,
    copy_claimed,
    copy_unhashed,
    drop_part,
    make_folders,
    open_part,
    release_folder,
    restore_original,
)
from backupmon.storage.faults import ServerFault
from backupmon.storage.measure import CopyWhen, Look, look_at
from backupmon.storage.readers import CHUNK
from backupmon.storage.roots import CLAIMED
from tests.unit.storage.conftest import OpenRoot, make_kind

PLACE = ("acme", "databases", "shop.sql.gz")
NAME = PLACE[-1]
STAGED = "/".join(PLACE)
OURS = f"{CLAIMED}/7/{NAME}"
AGENT = 65533


@pytest.fixture
def staged(root: OpenRoot) -> Path:
    return root.put(*PLACE, data=b"staged")


@contextmanager
def looking(root: OpenRoot, when: CopyWhen = CopyWhen.NO_LEASE) -> Iterator[Look]:
    """A look at the staged file, with the private copy under the id 7."""
    seen = look_at(
        root.fd, PLACE, sizes=None, copy_to=lambda: open_part(root.fd, 7), copy_when=when
    )
    try:
        yield seen
    finally:
        seen.close()


def claim(root: OpenRoot, look: Look) -> bool:
    return claim_file(root.fd, PLACE, look, 7)


@pytest.mark.usefixtures("staged")
def test_the_measured_file_is_moved_out_of_reach(root: OpenRoot) -> None:
    with looking(root) as look:
        assert claim(root, look)
    assert root.files() == {OURS: b"staged"}
    assert claimed_name(root.fd, 7) == NAME
    assert claimed_entries(root.fd) == [7]
    for part in (CLAIMED, f"{CLAIMED}/7"):
        assert stat.S_IMODE((root.path / part).stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "name", ["x" * 255, "a\nb", os.fsdecode(b"a\xff")], ids=["255 bytes", "newline", "no text"]
)
def test_a_file_of_any_name_is_claimed(root: OpenRoot, name: str) -> None:
    root.put("acme", name)
    look = look_at(root.fd, ("acme", name), sizes=None)
    assert claim_file(root.fd, ("acme", name), look, 7)
    look.close()
    assert claimed_name(root.fd, 7) == name


@pytest.mark.parametrize("kind", ["file", "folder", "link", "pipe"])
def test_what_was_put_in_place_of_the_measured_file_goes_back(
    root: OpenRoot, staged: Path, kind: str
) -> None:
    with looking(root) as look:
        staged.rename(staged.with_name("old"))
        make_kind(staged, kind)
        found = staged.lstat()
        assert not claim(root, look)
    assert staged.lstat().st_ino == found.st_ino
    assert root.names(CLAIMED) == []


def test_a_file_that_was_given_a_second_name_goes_back(root: OpenRoot, staged: Path) -> None:
    with looking(root) as look:
        staged.with_name("second").hardlink_to(staged)
        assert not claim(root, look)
    assert root.names("acme", "databases") == ["second", NAME]
    assert root.names(CLAIMED) == []


def test_a_file_that_a_writer_waits_for_goes_back(root: OpenRoot, staged: Path) -> None:
    with looking(root) as look:
        with pytest.raises(BlockingIOError):
            os.open(staged, os.O_WRONLY | os.O_NONBLOCK)
        assert not claim(root, look)
    assert root.files() == {STAGED: b"staged"}


@pytest.mark.usefixtures("needs_root")
def test_a_claimed_file_belongs_to_the_server(root: OpenRoot, staged: Path) -> None:
    """Else its owner could open it again by a descriptor that it kept."""
    os.chown(staged, AGENT, AGENT)
    staged.chmod(0o4777)
    with looking(root) as look:
        assert claim(root, look)
    found = (root.path / OURS).stat()
    assert (found.st_uid, found.st_gid) == (os.geteuid(), os.getegid())
    assert stat.S_IMODE(found.st_mode) == 0o640


@pytest.mark.usefixtures("needs_root")
def test_a_file_that_goes_back_is_its_owners_as_before(
    root: OpenRoot, staged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second name is given at the last moment, by a descriptor that the owner kept."""
    os.chown(staged, AGENT, AGENT)
    staged.chmod(0o604)
    taken = root.path / CLAIMED / "7" / ORIGINAL

    def link_first(*arguments: Any) -> None:
        monkeypatch.undo()
        (root.path / "second").hardlink_to(taken)
        claims._own(*arguments)

    monkeypatch.setattr(claims, "_own", link_first)
    with looking(root) as look:
        assert not claim(root, look)
    assert (root.path / "second").stat().st_ino == staged.stat().st_ino
    found = staged.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (AGENT, AGENT, 0o604)


@pytest.mark.parametrize("what", ["file", "folder", "link to the folder"])
def test_what_has_gone_meanwhile_is_not_claimed(root: OpenRoot, staged: Path, what: str) -> None:
    with looking(root) as look:
        if what == "file":
            staged.unlink()
        else:
            staged.parent.rename(root.path / "acme" / "elsewhere")
        if what == "link to the folder":
            staged.parent.symlink_to("elsewhere")
        assert not claim(root, look)
    assert claimed_entries(root.fd) == []
    assert what == "file" or root.files() == {f"acme/elsewhere/{NAME}": b"staged"}


def test_a_folder_that_was_replaced_with_its_file_keeps_both(root: OpenRoot, staged: Path) -> None:
    with looking(root) as look:
        staged.parent.rename(root.path / "acme" / "elsewhere")
        root.put(*PLACE, data=b"other")
        assert not claim(root, look)
    assert root.files() == {STAGED: b"other", f"acme/elsewhere/{NAME}": b"staged"}


@pytest.mark.usefixtures("staged")
def test_only_what_was_checked_bears_its_name_in_the_claimed_folder(
    root: OpenRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash just after the rename must not leave what may be another file as if it were ours."""
    seen: list[str | None] = []

    def note(step: str) -> None:
        if step.startswith("claim."):
            seen.append(claimed_name(root.fd, 7))

    monkeypatch.setattr("backupmon.storage.claims.failpoint", note)
    with looking(root) as look:
        assert claim(root, look)
    assert seen == [None, None, NAME]


@pytest.mark.parametrize("mine", [CLAIMED, f"{CLAIMED}/7"])
@pytest.mark.usefixtures("staged")
def test_a_link_in_place_of_our_folder_is_the_servers_trouble(root: OpenRoot, mine: str) -> None:
    (root.path / mine).parent.mkdir(exist_ok=True)
    (root.path / mine).symlink_to(root.path / "acme")
    with looking(root) as look:
        for act in (
            lambda: claim(root, look),
            lambda: open_part(root.fd, 7),
            lambda: drop_part(root.fd, 7),
            lambda: claimed_name(root.fd, 7),
            lambda: claim_again(root.fd, PLACE, 7),
            lambda: copy_claimed(root.fd, 7, 8, NAME),
            lambda: restore_original(root.fd, 7, PLACE),
        ):
            with pytest.raises(ServerFault) as caught:
                act()
            assert caught.value.code == "folder.replaced"
    clear_folder(root.fd, 7)
    assert STAGED in root.files()


def test_a_folder_that_may_not_be_written_keeps_its_file(
    root: OpenRoot, staged: Path, as_nobody: Callable[[], None]
) -> None:
    staged.chmod(0o644)
    (root.path / CLAIMED).mkdir()
    os.chown(root.path / CLAIMED, 65534, 65534)
    as_nobody()
    with looking(root) as look:
        with pytest.raises(ServerFault) as caught:
            claim(root, look)
        assert caught.value.code == "folder.unreadable"
        with pytest.raises(ServerFault):
            claim_copy(root.fd, PLACE, look, 7, 7, remove=True)
    os.seteuid(0)
    assert staged.read_bytes() == b"staged"


# On a filesystem of its own


@pytest.fixture
def apart(root: OpenRoot, mount: Callable[[Path], None]) -> Path:
    """The staged file, in a folder out of which nothing can be renamed."""
    (root.path / "acme" / "databases").mkdir(parents=True)
    mount(root.path / "acme" / "databases")
    return root.put(*PLACE, data=b"staged")


@pytest.mark.usefixtures("apart")
def test_from_a_filesystem_of_its_own_a_copy_is_claimed(root: OpenRoot) -> None:
    with looking(root) as look:
        assert claim(root, look)
    assert root.files() == {OURS: b"staged"}


def test_a_file_that_changed_while_it_was_copied_from_there_waits(
    root: OpenRoot, apart: Path
) -> None:
    with looking(root) as look:
        with pytest.raises(BlockingIOError):
            os.open(apart, os.O_WRONLY | os.O_NONBLOCK)
        assert not claim(root, look)
    assert root.files() == {STAGED: b"staged"}
    assert root.names(CLAIMED) == []


def test_a_newer_file_that_was_put_there_meanwhile_stays(root: OpenRoot, apart: Path) -> None:
    with looking(root) as look:
        apart.unlink()
        apart.write_bytes(b"newer")
        assert claim(root, look), "what was measured is still what we hold"
    assert root.files() == {OURS: b"staged", STAGED: b"newer"}


def test_what_a_crash_left_beside_it_goes_back(root: OpenRoot, apart: Path) -> None:
    make_folders(root.fd, [7])
    apart.rename(apart.with_name(".backupmon-7"))
    restore_original(root.fd, 7, PLACE)
    assert root.files() == {STAGED: b"staged"}


# Private copies


@pytest.mark.parametrize("remove", [False, True])
@pytest.mark.usefixtures("staged")
def test_the_private_copy_is_used_and_the_staged_file_taken_away_or_left(
    root: OpenRoot, remove: bool
) -> None:
    with looking(root, CopyWhen.ALWAYS) as look:
        assert claim_copy(root.fd, PLACE, look, 7, 9, remove=remove)
    release_folder(root.fd, 7)
    left = {} if remove else {STAGED: b"staged"}
    assert root.files() == {f"{CLAIMED}/9/{NAME}": b"staged", **left}
    assert root.names(CLAIMED) == ["9"]


@pytest.mark.parametrize("gone", [False, True])
def test_a_newer_staged_file_is_not_taken_away(root: OpenRoot, staged: Path, gone: bool) -> None:
    with looking(root, CopyWhen.ALWAYS) as look:
        staged.unlink()
        if not gone:
            staged.write_bytes(b"newer")
        assert claim_copy(root.fd, PLACE, look, 7, 7, remove=True)
    assert root.files() == {OURS: b"staged", **({} if gone else {STAGED: b"newer"})}


@pytest.mark.usefixtures("staged")
def test_a_private_copy_that_was_never_made_is_the_servers_trouble(root: OpenRoot) -> None:
    with looking(root) as look, pytest.raises(ServerFault):
        claim_copy(root.fd, PLACE, look, 7, 7, remove=True)
    assert STAGED in root.files()


def test_a_stale_private_copy_is_replaced_and_one_that_is_not_wanted_dropped(
    root: OpenRoot,
) -> None:
    root.put(CLAIMED, "7", PART, data=b"stale")
    os.close(open_part(root.fd, 7))
    assert root.files() == {f"{CLAIMED}/7/{PART}": b""}
    drop_part(root.fd, 7)
    drop_part(root.fd, 7)
    assert root.names(CLAIMED) == []


def test_a_private_copy_follows_no_link(root: OpenRoot) -> None:
    victim = root.put("victim", data=b"precious")
    make_folders(root.fd, [7])
    (root.path / CLAIMED / "7" / PART).symlink_to(victim)
    fd = open_part(root.fd, 7)
    os.write(fd, b"new")
    os.close(fd)
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("remove", [False, True])
def test_a_file_that_was_not_hashed_is_claimed_as_a_copy(
    root: OpenRoot, staged: Path, remove: bool
) -> None:
    staged.with_name("second").hardlink_to(staged)
    with looking(root) as look:
        assert copy_unhashed(root.fd, PLACE, look, 7, remove=remove)
    assert (root.path / OURS).stat().st_nlink == 1
    assert staged.exists() is not remove
    assert staged.with_name("second").read_bytes() == b"staged"


def test_a_copy_for_which_there_is_no_room_gives_back_what_it_took(
    root: OpenRoot, staged: Path
) -> None:
    import resource

    staged.write_bytes(bytes(3 * CHUNK))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with looking(root) as look:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 * CHUNK, before[1]))
        try:
            with pytest.raises(ServerFault) as caught:
                copy_unhashed(root.fd, PLACE, look, 7, remove=True)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.code == "disk.full"
    assert root.files() == {STAGED: bytes(3 * CHUNK), f"{CLAIMED}/7/{PART}": b""}


def test_a_file_that_a_writer_came_for_is_not_claimed_as_a_copy(
    root: OpenRoot, staged: Path
) -> None:
    with looking(root) as look:
        with pytest.raises(BlockingIOError):
            os.open(staged, os.O_WRONLY | os.O_NONBLOCK)
        assert not copy_unhashed(root.fd, PLACE, look, 7, remove=True)
    assert root.files() == {STAGED: b"staged"}
    with looking(root) as look:
        pass
    assert not copy_unhashed(root.fd, PLACE, look, 7, remove=True), "the look is over"


def test_each_job_that_shares_a_file_gets_its_own_copy(root: OpenRoot) -> None:
    root.put(CLAIMED, "7", NAME, data=b"shared")
    digest = copy_claimed(root.fd, 7, 8, NAME)
    assert root.files() == {OURS: b"shared", f"{CLAIMED}/8/{NAME}": b"shared"}
    assert digest == hashlib.sha256(b"shared").hexdigest()


def test_a_claimed_file_that_has_gone_cannot_be_shared(root: OpenRoot) -> None:
    make_folders(root.fd, [7])
    with pytest.raises(ServerFault):
        copy_claimed(root.fd, 7, 8, NAME)
    assert root.files() == {f"{CLAIMED}/8/{PART}": b""}
