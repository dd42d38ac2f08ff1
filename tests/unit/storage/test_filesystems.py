"""Which filesystem a path lies on."""

from __future__ import annotations

from pathlib import Path

import pytest

from backupmon.storage.filesystems import is_network, kind_in, kind_of_filesystem, room_at

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /srv rw - btrfs /dev/sdb rw
31 30 0:41 / /srv/back\\040ups rw master:2 propagate_from:2 - nfs4 nas:/backups rw
32 30 0:42 / /srv/twice rw - ext4 /dev/sdc rw
33 32 0:43 / /srv/twice rw - fuse.sshfs host: rw
half a line
""".splitlines()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/etc", "ext4"),
        ("/srv", "btrfs"),
        ("/srvelse", "ext4"),
        ("/srv/back ups/acme/log", "nfs4"),
        ("/srv/twice/x", "fuse.sshfs"),
    ],
)
def test_the_deepest_and_last_mount_decides(path: str, kind: str) -> None:
    assert kind_in(MOUNTS, Path(path)) == kind


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert kind_in([], Path("/srv")) is None


def test_shares_are_told_from_disks() -> None:
    assert [is_network(kind) for kind in ("nfs4", "cifs", "fuse.sshfs")] == [True] * 3
    assert [is_network(kind) for kind in ("ext4", "xfs", "tmpfs", None)] == [False] * 4


def test_this_machine_has_a_filesystem_with_room(tmp_path: Path) -> None:
    room = room_at(tmp_path)
    assert 0 < room.free <= room.size
    assert room.device == tmp_path.stat().st_dev
    assert kind_of_filesystem(tmp_path) not in (None, "")
