"""A delivered backup, judged: every row of the verdict table through the whole scan."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backupmon.core.statuses import Status
from tests.integration.conftest import World, at
from tests.integration.site import dump_of, section


def test_a_good_backup_is_promoted_byte_for_byte(world: World) -> None:
    job = world.job()
    files = world.site().deliver(at(11, 50), shop="monday")
    world.scan(at(12, 0))
    entry = world.entry(job)
    assert entry.status == Status.SUCCESS
    assert entry.server_calculated_staged_size == len(files["shop"])
    assert entry.hash_comparison_result == "first"
    assert world.final().read_bytes() == files["shop"]
    assert not (world.site().staging / "shop.sql.gz").exists()
    assert not list(world.site().log_folder.iterdir())
    (stored,) = world.stored(job)
    assert (stored.state, stored.path) == ("stored", "2031/Acme/Douala/shop/shop.sql.gz")


def test_what_moves_on_the_job_moves_on_success_only(world: World) -> None:
    job = world.job()
    site = world.site()
    site.deliver(at(11, 50), shop="monday")
    world.scan(at(12, 0))
    before = world.get(job)
    success, digest = (
        before.last_successful_backup_timestamp,
        before.previous_successful_hash_global,
    )
    assert success == at(11, 50)
    site.put("shop.sql.gz", b"cut")
    site.report(at(11, 50, days=1), {"shop": section(dump_of("tuesday"), "shop.sql.gz")})
    world.scan(at(12, 0, days=1))
    after = world.get(job)
    assert after.current_status == Status.TRANSFER_INTEGRITY_FAILED
    assert after.last_successful_backup_timestamp == success
    assert after.previous_successful_hash_global == digest
    assert after.last_checked_timestamp == at(12, 0, days=1)


@pytest.mark.parametrize("step", ["BACKUP", "COMPRESS", "TRANSFER"])
def test_a_step_that_the_agent_says_failed_is_a_failure_and_the_file_stays(
    world: World, step: str
) -> None:
    job = world.job()
    site = world.site()
    data = dump_of("monday")
    file = site.put("shop.sql.gz", data)
    said = section(data, "shop.sql.gz", **{f"{step}__status": False})
    said["TRANSFER"]["error_message"] = "rsync: connection unexpectedly closed (12)"
    site.report(at(11, 50), {"shop": said})
    world.scan(at(12, 0))
    assert world.statuses(job) == [Status.FAILED]
    assert world.codes(job) == {f"agent.{step.lower()}"}
    assert file.read_bytes() == data
    assert world.entry(job).agent_transfer_error_message.startswith("rsync:")


def test_a_bad_section_fails_its_database_and_spoils_no_other(world: World) -> None:
    shop, crm = world.job("shop"), world.job("crm")
    site = world.site()
    data = dump_of("monday")
    site.put("shop.sql.gz", data)
    bad = section(data, "crm.sql.gz", BACKUP__status="yes")
    site.report(at(11, 50), {"crm": bad, "shop": section(data, "shop.sql.gz")})
    world.scan(at(12, 0))
    assert world.statuses(shop) == [Status.SUCCESS]
    assert world.statuses(crm) == [Status.FAILED]
    assert "databases.crm.BACKUP.status" in world.entry(crm).message


def _absent(path: Path) -> None:
    path.unlink()


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _linked_folder(path: Path) -> None:
    folder = path.parent
    folder.rename(folder.with_name("real"))
    folder.symlink_to("real")


def _short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        pytest.param(_absent, "file.absent", id="absent"),
        pytest.param(_folder, "file.type", id="a folder"),
        pytest.param(_pipe, "file.type", id="a pipe"),
        pytest.param(_link, "file.link", id="a link"),
        pytest.param(_linked_folder, "file.link", id="in a linked folder"),
        pytest.param(_short, "file.size", id="short"),
        pytest.param(_damaged, "file.sha256", id="damaged"),
    ],
)
def test_a_file_that_did_not_arrive_whole_is_a_transfer_failure(
    world: World, harm: object, code: str
) -> None:
    job = world.job()
    site = world.site()
    site.deliver(at(11, 50), shop="monday")
    assert callable(harm)
    harm(site.staging / "shop.sql.gz")
    world.scan(at(12, 0))
    assert world.statuses(job) == [Status.TRANSFER_INTEGRITY_FAILED]
    assert world.codes(job) == {code}
    assert not world.final().exists()


def test_without_a_reported_checksum_nothing_is_called_good(world: World) -> None:
    job = world.job()
    site = world.site()
    data = dump_of("monday")
    site.put("shop.sql.gz", data)
    said = section(data, "shop.sql.gz", COMPRESS__sha256_checksum=None)
    site.report(at(11, 50), {"shop": said})
    world.scan(at(12, 0))
    assert world.statuses(job) == [Status.TRANSFER_INTEGRITY_FAILED]
    assert "report.checksum" in world.codes(job)


def test_a_damaged_file_goes_to_quarantine_with_its_reason(world: World) -> None:
    job = world.job()
    site = world.site()
    site.deliver(at(11, 50), shop="monday")
    _damaged(site.staging / "shop.sql.gz")
    damaged = (site.staging / "shop.sql.gz").read_bytes()
    world.scan(at(12, 0))
    entry = world.entry(job)
    folder = world.settings.quarantine_root / str(entry.id)
    assert (folder / "shop.sql.gz").read_bytes() == damaged
    assert '"status": "TRANSFER_INTEGRITY_FAILED"' in (folder / "reason.json").read_text()
    assert world.stored(job)[0].state == "quarantined"


def test_a_staged_file_named_reason_json_does_not_overwrite_the_reason(world: World) -> None:
    job = world.job()
    site = world.site()
    data = dump_of("monday")
    site.put("reason.json", data[:-1])
    site.report(at(11, 50), {"shop": section(data, "reason.json")})
    world.scan(at(12, 0))
    folder = world.settings.quarantine_root / str(world.entry(job).id)
    assert '"entry"' in (folder / "reason.json").read_text()
    assert (folder / "file-reason.json").read_bytes() == data[:-1]


def test_the_same_content_again_is_a_mismatch_but_still_the_newest_copy(world: World) -> None:
    job = world.job()
    site = world.site()
    site.deliver(at(11, 50), shop="same")
    world.scan(at(12, 0))
    site.deliver(at(11, 50, days=1), shop="same")
    world.scan(at(12, 0, days=1))
    assert world.statuses(job) == [Status.SUCCESS, Status.HASH_MISMATCH]
    assert world.codes(job) == {"content.unchanged"}
    assert [row.state for row in world.stored(job)] == ["previous", "stored"]


def test_the_same_dump_in_a_new_gzip_is_the_same_content(world: World) -> None:
    job = world.job()
    site = world.site()
    for day, text in enumerate(["packed at noon", "packed a day later"]):
        data = dump_of(text)
        site.put("shop.sql.gz", data)
        said = section(data, "shop.sql.gz", BACKUP__sha256_checksum="ab" * 32)
        site.report(at(11, 50, days=day), {"shop": said})
        world.scan(at(12, 0, days=day))
    assert world.statuses(job) == [Status.SUCCESS, Status.HASH_MISMATCH]


def test_a_rerun_in_the_same_cycle_is_compared_with_the_cycle_before(world: World) -> None:
    job = world.job()
    site = world.site()
    for minute in (40, 50):
        site.deliver(at(11, minute), shop="same")
        world.scan(at(11, minute))
    assert world.statuses(job) == [Status.SUCCESS, Status.SUCCESS]


def test_what_must_not_change_and_did_goes_to_quarantine_and_the_old_copy_stands(
    world: World,
) -> None:
    job = world.job(content_policy="must_not_change")
    site = world.site()
    first = site.deliver(at(11, 50), shop="law")["shop"]
    world.scan(at(12, 0))
    site.deliver(at(11, 50, days=1), shop="other")
    world.scan(at(12, 0, days=1))
    assert world.statuses(job) == [Status.SUCCESS, Status.HASH_MISMATCH]
    assert world.final().read_bytes() == first
    assert [row.state for row in world.stored(job)] == ["stored", "quarantined"]
    site.deliver(at(11, 50, days=2), shop="law")
    world.scan(at(12, 0, days=2))
    assert world.statuses(job)[-1] == Status.SUCCESS


def test_what_may_change_never_mismatches(world: World) -> None:
    job = world.job(content_policy="may_change")
    site = world.site()
    for day, text in enumerate(["a", "a", "b"]):
        site.deliver(at(11, 50, days=day), shop=text)
        world.scan(at(12, 0, days=day))
    assert world.statuses(job) == [Status.SUCCESS] * 3


def test_a_shrunken_dump_is_good_with_a_warning(world: World) -> None:
    job = world.job()
    site = world.site()
    site.deliver(at(11, 50), shop="".join(str(i) for i in range(5000)))
    world.scan(at(12, 0))
    site.deliver(at(11, 50, days=1), shop="little")
    world.scan(at(12, 0, days=1))
    assert world.statuses(job) == [Status.SUCCESS, Status.SUCCESS]
    assert world.codes(job) == {"content.shrunk"}


def test_an_empty_file_that_arrived_whole_is_told(world: World) -> None:
    job = world.job()
    site = world.site()
    site.put("shop.sql.gz", b"")
    site.report(at(11, 50), {"shop": section(b"", "shop.sql.gz")})
    world.scan(at(12, 0))
    assert world.statuses(job) == [Status.SUCCESS]
    assert world.codes(job) == {"content.empty"}
