"""What lies beside a quarantined file."""

from __future__ import annotations

import json

import pytest

from backupmon.storage.faults import ServerFault
from backupmon.storage.quarantine import REASON, forget_quarantined, write_reason
from tests.unit.storage.conftest import OpenRoot


def test_the_reason_is_written_whole_and_again(root: OpenRoot) -> None:
    for message in ("a long message " * 1000, "short"):
        write_reason(root.fd, 7, {"message": message, "entry": 7})
        assert list(root.files()) == [f"7/{REASON}"]
        assert json.loads(root.files()[f"7/{REASON}"]) == {"entry": 7, "message": message}


@pytest.mark.parametrize("name", ["\u00e9t\u00e9.gz", "a\nb", "a\udcff", "\ud83d"])
def test_any_name_can_be_told(root: OpenRoot, name: str) -> None:
    write_reason(root.fd, 7, {"staged_file_name": name})
    assert json.loads(root.files()[f"7/{REASON}"].decode()) == {"staged_file_name": name}


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_put_in_place_of_its_folder_is_the_servers_trouble(
    root: OpenRoot, kind: str
) -> None:
    if kind == "link":
        (root.path / "7").symlink_to(".")
    else:
        root.put("7")
    with pytest.raises(ServerFault) as caught:
        write_reason(root.fd, 7, {})
    assert caught.value.code == "folder.replaced"
    with pytest.raises(ServerFault) as caught:
        forget_quarantined(root.fd, 7)
    assert caught.value.code == "folder.replaced"


def test_a_folder_in_place_of_the_reason_is_told(root: OpenRoot) -> None:
    (root.path / "7" / REASON).mkdir(parents=True)
    with pytest.raises(ServerFault):
        write_reason(root.fd, 7, {})
    with pytest.raises(ServerFault):
        forget_quarantined(root.fd, 7)


def test_what_has_gone_elsewhere_is_forgotten(root: OpenRoot) -> None:
    write_reason(root.fd, 7, {})
    root.put("7", ".part")
    forget_quarantined(root.fd, 7)
    forget_quarantined(root.fd, 7)
    assert root.names() == []


def test_what_a_person_put_there_stays(root: OpenRoot) -> None:
    write_reason(root.fd, 7, {})
    root.put("7", "notes.txt")
    forget_quarantined(root.fd, 7)
    assert root.files() == {"7/notes.txt": b"data"}
