"""A scan is killed at every step, and at any moment: nothing is lost, doubled or half done."""

from __future__ import annotations

import os
import random
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import backupmon
from backupmon.core.statuses import Status
from tests.integration.conftest import World, at
from tests.integration.scan_process import run_to_end, start_scan
from tests.integration.site import Site, dump_of, section
from tests.servers import do_without

SUCCESS, BROKEN = Status.SUCCESS, Status.TRANSFER_INTEGRITY_FAILED
KILLED = -9

RANDOM_MOMENTS = 50

#: Every step of a file's way, by the name of its failpoint.
STEPS = [
    "intake.taken",
    "intake.archived",
    "intake.recorded",
    "measure.chunk",
    "measure.done",
    "claim.before",
    "claim.folder_made",
    "claim.renamed",
    "claim.checked",
    "claim.copied",
    "conclude.before",
    "conclude.done",
    "quarantine.reason",
    "place.synced",
    "place.kept",
    "place.replaced",
    "place.done",
    "place.recorded",
    "place.previous_dropped",
]
#: Steps that there are only when the validated area is on another filesystem, where the copy
#: is synced instead of the claimed file.
OTHER_FILESYSTEM_STEPS = ["place.incoming", "place.copied"]
#: Killed at in `test_delivery`: no file is on its way there.
STEPS_OF_MAIL = ["delivery.sent"]
#: Killed at in `test_left_copies`.
STEPS_OF_DELETING = ["copies.removed"]
STEPS_TO_ANOTHER = [*(s for s in STEPS if s != "place.synced"), *OTHER_FILESYSTEM_STEPS]


def test_every_failpoint_is_killed_at() -> None:
    source = Path(backupmon.__file__).parent.rglob("*.py")
    named = {n for path in source for n in re.findall(r'failpoint\("([^"]+)"\)', path.read_text())}
    assert named == {*STEPS, *OTHER_FILESYSTEM_STEPS, *STEPS_OF_MAIL, *STEPS_OF_DELETING}


@pytest.fixture
def other_filesystem(tmp_path: Path) -> Iterator[Path]:
    """A folder on another filesystem than the deposit area."""
    place = os.environ.get("BACKUPMON_TEST_OTHER_FILESYSTEM", "/dev/shm")
    try:
        folder = Path(tempfile.mkdtemp(dir=place))
    except OSError as error:
        do_without(f"no second filesystem at {place}: {error}")
    try:
        if folder.stat().st_dev == tmp_path.stat().st_dev:
            do_without(f"{place} is on the same filesystem as the tests")
        yield folder
    finally:
        shutil.rmtree(folder)


class Story:
    """Three days of one site: two good nights, then the one that is cut off.

    Of the last night there are a good file (shop), a damaged one (crm), one that is to stay
    where it is (kept), and one that two jobs share (left, right).
    """

    JOBS = ("shop", "crm", "kept", "left", "right")

    def __init__(self, world: World) -> None:
        self.world, self.site = world, Site(world.settings.deposit_root, "acme")
        self.jobs = {n: world.job(n, content_policy="may_change") for n in self.JOBS if n != "kept"}
        self.jobs["kept"] = world.job("kept", content_policy="may_change", promotion_mode="copy")
        self.copies = {name: [b""] for name in self.JOBS}
        for day in (0, 1):
            self.deliver(day)
            world.scan(at(12, 0, days=day))
        assert all(world.statuses(job) == [SUCCESS, SUCCESS] for job in self.jobs.values())

    def deliver(self, day: int, damaged: str = "") -> None:
        sections = {}
        for name in self.JOBS:
            shared = "shared" if name in ("left", "right") else name
            data = dump_of(f"{shared} of day {day} " * 50)
            self.copies[name].append(data)
            sections[name] = section(data, f"{shared}.sql.gz")
            self.site.put(f"{shared}.sql.gz", data[:-1] + b"!" if name == damaged else data)
        self.site.report(at(11, 50, days=day), sections)

    def final(self, name: str) -> Path:
        shared = "shared" if name in ("left", "right") else name
        return self.world.final("2031", "Acme", "Douala", name, f"{shared}.sql.gz")

    def check_nothing_lost(self) -> None:
        """At once after the crash: every good copy stands, and every new byte is somewhere."""
        held = list(self.world.every_file().values())
        for name in self.JOBS:
            standing = self.final(name).read_bytes()
            assert standing in self.copies[name][-2:], f"{name}: no whole copy stands"
            wanted = self.copies[name][-1]
            if name == "crm":
                wanted = wanted[:-1] + b"!"
            assert wanted in held, f"{name}: the delivered file is gone"

    def check_finished(self, day: int) -> None:
        """After the next scan: judged once, in place, nothing left over."""
        world = self.world
        for name, job in self.jobs.items():
            last = BROKEN if name == "crm" else SUCCESS
            assert world.statuses(job) == [SUCCESS] * day + [last], name
            standing = self.copies[name][-2 if name == "crm" else -1]
            assert self.final(name).read_bytes() == standing, name
        states = [row.state for row in world.stored(self.jobs["shop"])]
        assert states == ["removed"] * (day - 1) + ["previous", "stored"]
        crm = world.entries(self.jobs["crm"])[-1]
        quarantined = world.settings.quarantine_root / str(crm.id)
        assert sorted(p.name for p in quarantined.iterdir()) == ["crm.sql.gz", "reason.json"]
        self._check_no_leftovers()

    def _check_no_leftovers(self) -> None:
        world = self.world
        left = [p for p in world.every_file() if "/.claimed/" in p or "/.incoming/" in p]
        assert left == []
        assert not [p for p in world.every_file() if p.endswith((".part", ".original"))]
        kept = world.settings.validated_root / ".previous" / str(self.jobs["shop"])
        assert [p.read_bytes() for p in kept.iterdir()] == [self.copies["shop"][-2]]
        # What is to stay where it is stays.
        assert (self.site.staging / "kept.sql.gz").read_bytes() == self.copies["kept"][-1]
        assert world.conditions() == {}


def _kill_and_recover(world: World, step: str) -> None:
    story = Story(world)
    story.deliver(2, damaged="crm")
    moment = at(12, 0, days=2).isoformat()
    code = run_to_end(world.settings, ["--as-of", moment], {step: "kill"})
    assert code == KILLED, f"{step} was not reached"
    story.check_nothing_lost()
    world.scan(at(12, 5, days=2))
    story.check_finished(2)


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_the_next_scan_finishes_it(world: World, step: str) -> None:
    _kill_and_recover(world, step)


@pytest.mark.parametrize("step", STEPS_TO_ANOTHER)
def test_the_same_with_the_validated_area_on_another_filesystem(
    world: World, other_filesystem: Path, step: str
) -> None:
    there = world.with_settings(validated_root=other_filesystem / "validated")
    _kill_and_recover(there, step)


class Watcher:
    """Looks at a final path all the while: it must always hold a whole, known copy."""

    def __init__(self, path: Path, known: list[bytes]) -> None:
        self.path, self.known = path, known
        self.wrong: list[str] = []
        self.looks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.looks += 1
            try:
                if self.path.read_bytes() not in self.known:
                    self.wrong.append("a copy that nobody delivered")
            except FileNotFoundError:
                self.wrong.append("no copy at all")
            time.sleep(0.0005)


@pytest.mark.parametrize("elsewhere", [False, True], ids=["one filesystem", "two filesystems"])
def test_killed_at_50_random_moments_nothing_is_ever_absent(
    world: World, elsewhere: bool, request: pytest.FixtureRequest
) -> None:
    if elsewhere:
        root: Path = request.getfixturevalue("other_filesystem")
        world = world.with_settings(validated_root=root / "validated")
    story = Story(world)
    chance = random.Random(20310303)
    killed = 0
    with Watcher(story.final("shop"), story.copies["shop"]) as watcher:
        longest = _time_a_scan(story)
        for night in range(3, 3 + RANDOM_MOMENTS):
            story.deliver(night, damaged="")
            process = start_scan(world.settings, ["--as-of", at(12, 0, days=night).isoformat()])
            process.join(chance.uniform(0, longest))
            process.kill()
            process.join()
            killed += process.exitcode == KILLED
            world.scan(at(12, 5, days=night))
            assert world.statuses(story.jobs["shop"]) == [SUCCESS] * (night + 1)
            assert story.final("shop").read_bytes() == story.copies["shop"][-1]
            story._check_no_leftovers()
    assert watcher.wrong == []
    assert watcher.looks > 100
    assert killed > 5, "hardly any scan was caught at work"


def _time_a_scan(story: Story) -> float:
    # The first process waits for what the others find imported.
    assert run_to_end(story.world.settings, ["--dry-run"]) == 0
    story.deliver(2)
    begun = time.monotonic()
    assert run_to_end(story.world.settings, ["--as-of", at(12, 0, days=2).isoformat()]) == 0
    return time.monotonic() - begun
