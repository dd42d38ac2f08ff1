"""How much room there is left, on each filesystem once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from backupmon.core.findings import Level
from backupmon.core.phrases import ByteCount, phrase
from backupmon.core.words import to_translate
from backupmon.services.doctor.checks import Check, bad
from backupmon.services.doctor.patient import Patient
from backupmon.storage.filesystems import Room, room_at

_NAME = to_translate("free space")
#: Parts of the whole, and bytes.
_LITTLE, _HARDLY_ANY, _LITTLE_BYTES = 0.10, 0.01, 1 << 30
_HINT = phrase(
    "free some space or make the disk larger; a full disk stops scans, and loses nothing"
)


def room_is_left(patient: Patient) -> Iterator[Check]:
    """Free bytes and free files, of DATA_DIR and of each root."""
    rooms: dict[int, Room] = {}
    names: dict[int, list[str]] = {}
    for name, path in _folders(patient).items():
        try:
            room = room_at(path)
        except FileNotFoundError:
            continue  # That it is absent is told where it is tried out.
        except OSError as error:
            told = f"{name} ({path}): {error.strerror}"
            yield bad(_NAME, told, phrase("look at the kernel's log"))
            continue
        rooms.setdefault(room.device, room)
        names.setdefault(room.device, []).append(name)
    for device, room in rooms.items():
        yield judge_room(", ".join(names[device]), room)


def _folders(patient: Patient) -> Mapping[str, Path]:
    return {"DATA_DIR": patient.settings.data_dir, **patient.settings.roots()}


def judge_room(names: str, room: Room) -> Check:
    """Whether the room that is left will do."""
    told = phrase(
        "%(names)s: %(free)s of %(size)s free",
        names=names,
        free=ByteCount(room.free),
        size=ByteCount(room.size),
    )
    if room.files > 0 and _level(room.free_files, room.files) is not Level.GOOD:
        told = phrase(
            "%(names)s: %(free)s of %(size)s free, room for %(free_files)s more files "
            "(inodes) of %(files)s",
            **dict(told.values),
            free_files=room.free_files,
            files=room.files,
        )
    worst = level_of(room)
    return Check(_NAME, worst, told, "" if worst is Level.GOOD else _HINT)


def level_of(room: Room) -> Level:
    """How worrying it is, by bytes and by files: the worse of the two."""
    levels = [_level(room.free, room.size, _LITTLE_BYTES)]
    if room.files > 0:
        levels.append(_level(room.free_files, room.files))
    return max(levels, key=list(Level).index)


def _level(free: int, size: int, least: int = 0) -> Level:
    if free < _HARDLY_ANY * size or free == 0:
        return Level.BAD
    if free < _LITTLE * size or free < least:
        return Level.WARNING
    return Level.GOOD
