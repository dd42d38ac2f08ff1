"""The enemies of a true verdict: writers, links, swaps, full disks and lost mounts."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from backupmon.core.statuses import Status
from backupmon.extensions import db
from tests.integration.conftest import World, at
from tests.integration.scan_process import Limits, run_to_end, start_scan
from tests.integration.site import dump_of, section

SUCCESS, BROKEN, PENDING, MISSING = (
    Status.SUCCESS,
    Status.TRANSFER_INTEGRITY_FAILED,
    Status.PENDING,
    Status.MISSING,
)
NOBODY = 65534


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, and say so when it never comes."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.005)


def _overwrite(path: Path, data: bytes) -> None:
    with path.open("r+b") as file:
        file.write(data)


def _kernel_locks() -> list[str]:
    return Path("/proc/locks").read_text().splitlines()


# Writers


def test_a_file_that_a_writer_holds_open_waits_though_its_bytes_are_right(world: World) -> None:
    job = world.job()
    site = world.site()
    files = site.deliver(at(11, 50), shop="a")
    staged = site.staging / "shop.sql.gz"
    with staged.open("ab") as writer:
        result = world.scan(at(12))
        assert world.statuses(job) == [PENDING]
        assert len(result.waiting) == 1
        writer.write(b"more")
    staged.write_bytes(files["shop"])
    world.scan(at(12, 5))
    assert world.statuses(job) == [SUCCESS]


def test_a_wrong_file_that_is_still_being_sent_waits_and_is_good_in_the_end(
    world: World,
) -> None:
    job = world.job()
    slow = world.with_settings(settle_seconds=600)
    site = world.site()
    data = dump_of("a slow line")
    site.put("shop.sql.gz", data[:10])
    site.report(at(11, 50), {"shop": section(data, "shop.sql.gz")})
    result = slow.scan(at(12, 45))
    assert world.statuses(job) == [PENDING]
    assert result.look_again_at is not None
    site.put("shop.sql.gz", data)
    slow.scan(at(12, 50))
    assert world.statuses(job) == [SUCCESS]


def test_a_pending_cycle_is_never_missing(world: World) -> None:
    job = world.job()
    site = world.site()
    site.report(at(11, 50), {"shop": section(b"x", "shop.sql.gz")})
    world.with_settings(settle_seconds=600).scan(at(14))
    assert world.statuses(job) == [PENDING]


def test_a_writer_that_comes_while_we_measure_makes_the_entry_wait(
    world: World, tmp_path: Path
) -> None:
    job = world.job()
    site = world.site()
    files = site.deliver(at(11, 50), shop="tonight")
    staged = site.staging / "shop.sql.gz"
    held = tmp_path / "held"
    process = start_scan(
        world.settings, ["--as-of", at(12).isoformat()], {"measure.done": f"pause:{held}"}
    )
    until(held.exists)
    # The kernel keeps the writer waiting until the lease is given back.
    writer = threading.Thread(target=_overwrite, args=(staged, b"tomorrow"))
    writer.start()
    inode = f":{staged.stat().st_ino} "
    until(lambda: any("BREAKING" in x and inode in x for x in _kernel_locks()))
    held.unlink()
    process.join()
    writer.join()
    assert world.statuses(job) == [PENDING]
    assert staged.read_bytes().startswith(b"tomorrow")
    staged.write_bytes(files["shop"])
    world.scan(at(12, 5))
    assert world.statuses(job) == [SUCCESS]
    assert world.final().read_bytes() == files["shop"]


@pytest.mark.parametrize("point", ["measure.done", "claim.before", "claim.folder_made"])
def test_tonights_file_put_there_while_last_nights_is_measured_is_not_mixed_up(
    world: World, tmp_path: Path, point: str
) -> None:
    job = world.job(content_policy="may_change")
    site = world.site()
    last = site.deliver(at(11, 50), shop="last night")["shop"]
    held = tmp_path / "held"
    process = start_scan(world.settings, ["--as-of", at(12).isoformat()], {point: f"pause:{held}"})
    until(held.exists)
    tonight = site.deliver(at(11, 50, days=1), shop="tonight")["shop"]
    held.unlink()
    process.join()
    held_bytes = list(world.every_file().values())
    assert tonight in held_bytes
    assert not world.final().exists() or world.final().read_bytes() == last
    world.scan(at(12, 0, days=1))
    assert world.entries(job)[-1].status == SUCCESS
    assert world.final().read_bytes() == tonight
    assert world.statuses(job)[0] in (Status.UNKNOWN, SUCCESS)


def test_a_second_hard_link_makes_the_entry_wait_until_it_is_gone(world: World) -> None:
    job = world.job()
    site = world.site()
    site.deliver(at(11, 50), shop="a")
    staged, other = site.staging / "shop.sql.gz", site.staging / "other"
    other.hardlink_to(staged)
    world.scan(at(12))
    assert world.statuses(job) == [PENDING]
    assert staged.exists()
    other.unlink()
    world.scan(at(12, 5))
    assert world.statuses(job) == [SUCCESS]


def test_a_hard_link_that_stays_is_no_way_to_change_the_promoted_copy(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.job()
    site = world.site()
    files = site.deliver(at(11, 50), shop="a")
    other = site.staging / "other"
    other.hardlink_to(site.staging / "shop.sql.gz")
    world.scan(at(12))
    assert world.statuses(job) == [PENDING]
    monkeypatch.setattr("backupmon.core.waiting.LONGEST_WAIT", at(12) - at(12))
    world.scan(at(13))
    assert world.statuses(job) == [SUCCESS]
    other.write_bytes(b"changed by the back door")
    assert world.final().read_bytes() == files["shop"]


def test_without_leases_a_private_copy_is_measured_and_used(world: World) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can run the scan as another user")
    job = world.job()
    site = world.site()
    files = site.deliver(at(11, 50), shop="a")
    _give_to_nobody(world.settings.data_dir)
    os.chown(site.staging / "shop.sql.gz", 0, 0)
    (site.staging / "shop.sql.gz").chmod(0o644)
    code = run_to_end(world.settings, ["--as-of", at(12).isoformat()], limits=Limits(user=NOBODY))
    assert code == 0
    assert world.statuses(job) == [SUCCESS]
    assert world.final().read_bytes() == files["shop"]
    assert world.final().stat().st_uid == NOBODY, "the agent's own file was used"
    assert not (site.staging / "shop.sql.gz").exists()


def test_two_databases_in_one_staged_file_share_its_measurement(world: World) -> None:
    good, other = world.job("good"), world.job("other")
    site = world.site()
    data = dump_of("both")
    site.put("all.sql.gz", data)
    wrong = section(b"something else", "all.sql.gz")
    site.report(at(11, 50), {"good": section(data, "all.sql.gz"), "other": wrong})
    world.scan(at(12))
    assert (world.statuses(good), world.statuses(other)) == ([SUCCESS], [BROKEN])
    assert world.final("2031", "Acme", "Douala", "good", "all.sql.gz").read_bytes() == data
    quarantined = world.settings.quarantine_root / str(world.entry(other).id) / "all.sql.gz"
    assert quarantined.read_bytes() == data


def test_a_copy_job_leaves_a_bad_file_where_it_is_too(world: World) -> None:
    job = world.job(promotion_mode="copy")
    site = world.site()
    data = dump_of("a")
    staged = site.put("shop.sql.gz", data[:-3])
    site.report(at(11, 50), {"shop": section(data, "shop.sql.gz")})
    world.scan(at(12))
    assert world.statuses(job) == [BROKEN]
    assert staged.read_bytes() == data[:-3]
    quarantined = world.settings.quarantine_root / str(world.entry(job).id) / "shop.sql.gz"
    assert quarantined.read_bytes() == data[:-3]


# Order


@pytest.mark.parametrize("newer_first", [False, True], ids=["older first", "newer first"])
def test_a_newer_and_an_older_report_verified_in_either_order_leave_the_newer_copy(
    world: World, newer_first: bool
) -> None:
    job = world.job()
    site = world.site()
    data = {at(11, 50): dump_of("older"), at(12, 10): dump_of("newer")}
    for end in sorted(data, reverse=newer_first):
        site.put("shop.sql.gz", data[end])
        site.report(end, {"shop": section(data[end], "shop.sql.gz")})
        world.scan(at(12, 20))
    assert world.statuses(job) == [SUCCESS, SUCCESS]
    assert world.final().read_bytes() == data[at(12, 10)]
    assert world.get(job).last_successful_backup_timestamp == at(12, 10)
    previous = world.settings.validated_root / ".previous" / str(job)
    assert [p.read_bytes() for p in previous.iterdir()] == [data[at(11, 50)]]


# The server's own trouble


def test_a_root_without_its_marker_concludes_nothing(world: World) -> None:
    job = world.job()
    site = world.site()
    site.deliver(at(11, 50), shop="a")
    marker = world.settings.deposit_root / ".backupmon"
    kept = marker.read_bytes()
    marker.unlink()
    files = world.every_file()
    world.scan(at(14))
    assert world.statuses(job) == []
    assert world.conditions() == {"root.unmarked": "DEPOSIT_ROOT"}
    assert world.every_file() == files
    marker.write_bytes(kept)
    world.scan(at(14, 5))
    assert world.statuses(job) == [SUCCESS]
    assert world.conditions() == {}


@pytest.mark.parametrize("root", ["validated_root", "quarantine_root"])
def test_without_a_place_for_its_file_an_entry_waits(world: World, root: str) -> None:
    job = world.job()
    silent = world.job("silent", agent="silent")
    world.site().deliver(at(11, 50), shop="a")
    folder: Path = getattr(world.settings, root)
    away = folder.with_name("away")
    folder.rename(away)
    world.scan(at(14))
    assert (world.statuses(job), world.statuses(silent)) == ([PENDING], [MISSING])
    assert "root.absent" in world.conditions()
    away.rename(folder)
    world.scan(at(14, 5))
    assert world.statuses(job) == [SUCCESS]


def test_a_full_disk_loses_nothing_and_the_next_scan_goes_on(world: World) -> None:
    """The largest file that may be written stands in for the room that is left."""
    job = world.job(promotion_mode="copy")
    site = world.site()
    data = os.urandom(2_000_000)
    site.put("shop.sql.gz", data)
    site.report(at(11, 50), {"shop": section(data, "shop.sql.gz")})
    moment = ["--as-of", at(12).isoformat()]
    code = run_to_end(world.settings, moment, limits=Limits(file_size=1_500_000))
    assert code == 0
    assert world.statuses(job) == [PENDING]
    assert "disk.full" in world.conditions()
    assert (site.staging / "shop.sql.gz").read_bytes() == data
    world.scan(at(12, 5))
    assert world.statuses(job) == [SUCCESS]
    assert world.conditions() == {}


def test_a_folder_without_permission_is_the_servers_trouble_not_the_agents(
    world: World,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can run the scan as another user")
    job, other = world.job(), world.job("bank", agent="bank")
    site = world.site()
    site.deliver(at(11, 50), shop="a")
    world.site("bank").deliver(at(11, 50), bank="a")
    _give_to_nobody(world.settings.data_dir)
    os.chown(site.staging, 0, 0)
    site.staging.chmod(0o700)
    late = ["--as-of", at(14).isoformat()]
    assert run_to_end(world.settings, late, limits=Limits(user=NOBODY)) == 0
    assert (world.statuses(job), world.statuses(other)) == ([PENDING], [SUCCESS])
    assert world.conditions() == {"folder.unreadable": "acme/databases"}
    site.staging.chmod(0o755)
    _give_to_nobody(site.staging)
    assert run_to_end(world.settings, late, limits=Limits(user=NOBODY)) == 0
    assert world.statuses(job) == [SUCCESS]


def test_a_log_folder_without_permission_keeps_its_agent_from_being_missing(
    world: World,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can run the scan as another user")
    job, other = world.job(), world.job("bank", agent="bank")
    site = world.site()
    site.log_folder.chmod(0o700)
    _give_to_nobody(world.settings.data_dir)
    os.chown(site.log_folder, 0, 0)
    late = ["--as-of", at(14).isoformat()]
    assert run_to_end(world.settings, late, limits=Limits(user=NOBODY)) == 0
    assert (world.statuses(job), world.statuses(other)) == ([], [MISSING])


def test_a_file_that_we_may_not_read_is_a_transfer_failure(world: World) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can run the scan as another user")
    job = world.job()
    site = world.site()
    site.deliver(at(11, 50), shop="a")
    _give_to_nobody(world.settings.data_dir)
    os.chown(site.staging / "shop.sql.gz", 0, 0)
    (site.staging / "shop.sql.gz").chmod(0o600)
    moment = ["--as-of", at(12).isoformat()]
    assert run_to_end(world.settings, moment, limits=Limits(user=NOBODY)) == 0
    assert world.statuses(job) == [BROKEN]
    assert world.codes(job) == {"file.readable"}
    assert (site.staging / "shop.sql.gz").exists()


def test_a_report_that_the_server_may_not_read_is_told_and_holds_nothing_back(
    world: World,
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can run the scan as another user")
    job = world.job()
    site = world.site()
    site.deliver(at(11, 50), shop="a")
    _give_to_nobody(world.settings.data_dir)
    (report,) = site.log_folder.iterdir()
    for path in (report, site.drop("older.json", b"{}")):
        os.chown(path, 0, 0)
        path.chmod(0o600)

    def scan(moment: datetime) -> None:
        said = ["--as-of", moment.isoformat()]
        assert run_to_end(world.settings, said, limits=Limits(user=NOBODY)) == 0

    scan(at(12))
    assert (world.statuses(job), world.conditions()) == ([], {"report.unreadable": "acme/log"})
    scan(at(12, 30) + timedelta(microseconds=1))
    assert world.statuses(job) == [MISSING]
    assert world.codes(job) == {"cycle.missing", "report.readable"}
    report.chmod(0o644)
    (site.log_folder / "older.json").unlink()
    scan(at(14, 15))
    assert (world.statuses(job), world.conditions()) == ([MISSING, SUCCESS], {})


def test_a_report_that_came_just_now_may_get_its_rights_yet(world: World) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can run the scan as another user")
    job = world.job()
    site = world.site()
    path = site.drop("STATUS.json", b"{}")
    _give_to_nobody(world.settings.data_dir)
    os.chown(path, 0, 0)
    path.chmod(0o600)
    slow = world.with_settings(settle_seconds=3600).settings
    said = ["--as-of", at(14).isoformat()]
    assert run_to_end(slow, said, limits=Limits(user=NOBODY)) == 0
    assert world.statuses(job) == []
    assert "report.unreadable" not in world.conditions()


def test_a_path_that_another_jobs_copy_occupies_is_never_written(world: World) -> None:
    first = world.job("one", final_storage_path_template="x/{staged_file_name}")
    second = world.job("two", agent="bank", final_storage_path_template="{city}/{staged_file_name}")
    site, bank = world.site(), world.site("bank")
    data = dump_of("first")
    site.put("same.gz", data)
    site.report(at(11, 40), {"one": section(data, "same.gz")})
    world.scan(at(11, 45))
    # Two jobs whose paths differ when they are saved can still meet: the city is changed.
    world.get(second).city = "X"
    db.session.commit()
    other = dump_of("second")
    bank.put("same.gz", other)
    bank.report(at(11, 50), {"two": section(other, "same.gz")})
    world.scan(at(12))
    assert (world.statuses(first), world.statuses(second)) == ([SUCCESS], [SUCCESS])
    assert world.final("x", "same.gz").read_bytes() == data
    assert world.stored(second)[0].state == "quarantined"
    assert "path.occupied" in world.conditions()
    # It is no more over with the next scan than the path is free.
    world.scan(at(12, 5))
    assert "path.occupied" in world.conditions()
    world.get(second).city = "Douala"
    db.session.commit()
    world.scan(at(12, 10))
    assert "path.occupied" not in world.conditions()


def test_a_folder_at_the_final_path_is_told_and_the_backup_is_kept(world: World) -> None:
    job = world.job()
    world.final().mkdir(parents=True)
    files = world.site().deliver(at(11, 50), shop="a")
    world.scan(at(12))
    assert "path.occupied" in world.conditions()
    assert files["shop"] in world.every_file().values()
    world.final().rmdir()
    world.scan(at(12, 5))
    assert world.final().read_bytes() == files["shop"]
    assert [row.state for row in world.stored(job)] == ["stored"]


def test_a_copy_that_somebody_removed_while_it_was_moving_is_told_as_lost(
    world: World,
) -> None:
    job = world.job()
    world.site().deliver(at(11, 50), shop="a")
    code = run_to_end(world.settings, ["--as-of", at(12).isoformat()], {"conclude.done": "kill"})
    assert code == -9
    entry = world.entry(job)
    (world.settings.deposit_root / ".claimed" / str(entry.id) / "shop.sql.gz").unlink()
    world.scan(at(12, 5))
    assert "copy.lost" in world.conditions()
    assert world.stored(job)[0].state == "lost"


def test_when_the_final_path_changes_the_older_copy_stays_and_is_superseded(
    world: World,
) -> None:
    job = world.job()
    site = world.site()
    contents = []
    for day in (0, 1):
        data = dump_of(f"day {day}")
        contents.append(data)
        site.put(f"shop_{day}.gz", data)
        site.report(at(11, 50, days=day), {"shop": section(data, f"shop_{day}.gz")})
        world.scan(at(12, 0, days=day))
    assert [row.state for row in world.stored(job)] == ["superseded", "stored"]
    for day, data in enumerate(contents):
        path = world.final("2031", "Acme", "Douala", "shop", f"shop_{day}.gz")
        assert path.read_bytes() == data


def _give_to_nobody(folder: Path) -> None:
    """The whole tree belongs to the user that the scan runs as."""
    for ancestor in list(folder.parents)[:4]:
        if ancestor.stat().st_uid == os.geteuid() and ancestor != Path("/"):
            ancestor.chmod(ancestor.stat().st_mode | 0o011)
    for place in [folder, *folder.rglob("*")]:
        os.chown(place, NOBODY, NOBODY, follow_symlinks=False)
