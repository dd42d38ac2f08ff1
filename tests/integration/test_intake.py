"""What agents drop: taken in once, or kept with all that is wrong with it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import select

from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import AgentReport, BackupEntry, Discovery
from tests.integration.conftest import NOON, World, at
from tests.integration.site import dump_of, section


def reports() -> list[AgentReport]:
    db.session.rollback()
    return list(db.session.scalars(select(AgentReport).order_by(AgentReport.id)))


def test_a_report_is_archived_as_it_was_read(world: World) -> None:
    world.job()
    site = world.site()
    path = site.report(at(11, 50), {"shop": section(b"x", "shop.sql.gz")}, "STATUS.json")
    data = path.read_bytes()
    world.scan(at(12, 0))
    (report,) = reports()
    archived = world.settings.report_archive_root / report.archive_path
    assert archived.read_bytes() == data
    expected = f"acme/2031/03/20310303T115000Z_{report.sha256[:8]}_STATUS.json"
    assert report.archive_path == expected


def test_the_same_report_again_is_not_taken_in_twice(world: World) -> None:
    job = world.job()
    site = world.site()
    site.deliver(at(11, 50), shop="monday")
    data = next(site.log_folder.iterdir()).read_bytes()
    world.scan(at(12, 0))
    site.drop("again.json", data)
    world.scan(at(12, 5))
    assert world.statuses(job) == [Status.SUCCESS]
    assert len(reports()) == 1
    assert not list(site.log_folder.iterdir())


def test_the_folder_is_the_agents_in_whatever_case(world: World) -> None:
    job = world.job(agent="Acme_Douala")
    world.site("ACME_DOUALA").deliver(at(11, 50), shop="monday")
    world.scan(at(12, 0))
    assert world.statuses(job) == [Status.SUCCESS]


def test_an_agent_may_have_two_folders_that_differ_in_case(world: World) -> None:
    job = world.job()
    world.site("acme").deliver(at(11, 40), shop="lower")
    world.site("ACME").deliver(at(11, 50), shop="upper")
    world.scan(at(12, 0))
    assert world.statuses(job) == [Status.SUCCESS, Status.SUCCESS]
    assert world.final().read_bytes() == dump_of("upper")


@pytest.mark.parametrize(
    "name", [".hidden.json", "STATUS.json.part", "STATUS.json.tmp", "notes.txt", "json"]
)
def test_other_files_are_left_alone(world: World, name: str) -> None:
    site = world.site()
    path = site.drop(name, b"{}")
    world.scan(at(12, 0))
    assert path.exists()
    assert reports() == []


@pytest.mark.parametrize("name", ["STATUS.JSON", "a.Json", "2025-06-12T12-56-06_acme.json"])
def test_a_report_may_be_spelt_in_any_case(world: World, name: str) -> None:
    job = world.job()
    site = world.site()
    site.put("shop.sql.gz", dump_of("a"))
    site.report(at(11, 50), {"shop": section(dump_of("a"), "shop.sql.gz")}, name)
    world.scan(at(12, 0))
    assert world.statuses(job) == [Status.SUCCESS]


def ended(end: str, agent: str = "acme") -> bytes:
    """A report that says nothing but when it ended and whose it is."""
    return json.dumps({"operation_end_time": end, "agent_id": agent, "databases": {}}).encode()


BAD_REPORTS = {
    "empty": b"",
    "cut off": b'{"agent_id": "acme", "databases": {"shop": {"BACKUP": {"sta',
    "binary": bytes(range(256)) * 8,
    "200,000 brackets": b"[" * 200_000,
    "6 MB": b'{"a": "' + b"x" * 6_000_000 + b'"}',
    "a list": b"[]",
    "no globals": b"{}",
    "another's id": ended("2031-03-03T11:50:00Z", agent="bank"),
    "year 1": ended("0001-01-01T00:00:00Z"),
    "year 9999": ended("9999-12-31T23:59:59Z"),
}


@pytest.mark.parametrize("data", BAD_REPORTS.values(), ids=BAD_REPORTS.keys())
def test_a_file_that_is_no_report_is_kept_and_fails_the_cycle_at_its_deadline(
    world: World, data: bytes
) -> None:
    silent, other = world.job("shop"), world.job("bank", agent="bank")
    world.site().drop("STATUS.json", data)
    world.site("bank").deliver(at(11, 50), bank="good")
    # The file lands as of this moment: nobody can have seen it sooner.
    result = world.scan(at(12, 0))
    assert result.counts["reports_invalid"] == 1
    assert world.statuses(silent) == []
    assert world.statuses(other) == [Status.SUCCESS]
    invalid = next(r for r in reports() if not r.valid)
    assert invalid.faults
    assert (world.settings.report_archive_root / invalid.archive_path).read_bytes() == data


def test_an_invalid_report_names_every_fault_by_its_path(world: World) -> None:
    bad = section(b"x", "shop.sql.gz", COMPRESS__status=1)
    site = world.site()
    site.drop("STATUS.json", json.dumps({"agent_id": "acme", "databases": {"shop": bad}}).encode())
    world.scan(at(12, 0))
    paths = {fault["path"] for fault in reports()[0].faults}
    assert {"operation_end_time", "databases.shop.COMPRESS.status"} <= paths


def test_a_report_in_utf_16_with_huge_numbers_is_read(world: World) -> None:
    job = world.job()
    site = world.site()
    data = dump_of("a")
    site.put("shop.sql.gz", data)
    said = section(data, "shop.sql.gz", BACKUP__size=10**400)
    text = json.dumps(
        {
            "operation_end_time": "2031-03-03T11:50:00Z",
            "agent_id": "ACME",
            "databases": {"shop": said},
        }
    )
    site.drop("STATUS.json", text.encode("utf-16"))
    world.scan(at(12, 0))
    assert world.statuses(job) == [Status.SUCCESS]


@pytest.mark.parametrize(
    "said",
    [
        "C:\\backups\\out\\shop.sql.gz",
        "/var/backups/shop.sql.gz",
        "../../bank/databases/shop.sql.gz",
    ],
)
def test_of_a_staged_name_only_the_last_component_counts(world: World, said: str) -> None:
    job = world.job()
    site = world.site()
    data = dump_of("monday")
    site.put("shop.sql.gz", data)
    world.site("bank").put("shop.sql.gz", data)
    site.report(at(11, 50), {"shop": section(data, said)})
    world.scan(at(12, 0))
    assert world.statuses(job) == [Status.SUCCESS]
    assert (world.site("bank").staging / "shop.sql.gz").exists()


@pytest.mark.parametrize("said", ["", ".", "..", "a\0b", "out/", "../.."])
def test_a_staged_name_that_is_none_is_a_bad_section(world: World, said: str) -> None:
    job = world.job()
    site = world.site()
    site.report(at(11, 50), {"shop": section(b"x", said)})
    world.scan(at(12, 0))
    assert world.statuses(job) == [Status.FAILED]
    assert world.codes(job) == {"report.section"}


def test_links_pipes_and_folders_among_the_reports_are_passed_over(
    world: World, tmp_path: Path
) -> None:
    job = world.job()
    site = world.site()
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    (site.log_folder / "link.json").symlink_to(outside)
    (site.log_folder / "folder.json").mkdir()
    os.mkfifo(site.log_folder / "pipe.json")
    site.deliver(at(11, 50), shop="monday")
    result = world.scan(at(12, 0))
    assert result.counts["reports_passed_over"] == 3
    assert world.statuses(job) == [Status.SUCCESS]
    assert outside.exists()


def test_a_database_that_no_job_expects_is_a_discovery_once(world: World) -> None:
    world.job("shop")
    site = world.site()
    site.deliver(at(11, 40), shop="a", crm="b")
    site.deliver(at(11, 50), shop="c", crm="d")
    world.scan(at(12, 0))
    (found,) = db.session.scalars(select(Discovery))
    assert (found.agent_key, found.database_name, found.seen_count) == ("acme", "crm", 2)
    assert (site.staging / "crm.sql.gz").exists()


def test_an_agent_that_no_job_knows_is_read_from_its_log_folder(world: World) -> None:
    world.site("newcomer").deliver(at(11, 50), erp="a")
    world.scan(at(12, 0))
    assert [d.agent_id for d in db.session.scalars(select(Discovery))] == ["newcomer"]


def test_the_oldest_end_is_taken_in_first(world: World) -> None:
    world.job()
    site = world.site()
    site.report(at(11, 55), {"shop": section(b"x", "x.gz")}, "a.json")
    site.report(at(11, 45), {"shop": section(b"y", "y.gz")}, "z.json")
    world.scan(at(12, 0))
    assert [report.file_name for report in reports()] == ["z.json", "a.json"]


def test_reports_are_looked_for_where_the_jobs_template_says(world: World) -> None:
    job = world.job(
        agent_log_deposit_path_template="{agent_id}/out/status",
        agent_deposit_path_template="{agent_id}/database/{staged_file_name}",
    )
    world.site(log="out/status", databases="database").deliver(at(11, 50), shop="a")
    world.scan(at(12, 0))
    assert world.statuses(job) == [Status.SUCCESS]


def test_an_end_ahead_of_the_scan_is_not_believed(world: World) -> None:
    job = world.job()
    site = world.site()
    site.deliver(at(12, 11), shop="a")
    world.scan(at(12, 0))
    assert "clock ahead" in reports()[0].faults[0]["problem"]
    assert world.statuses(job) == []
    site.deliver(at(12, 9), shop="b")
    world.scan(at(12, 0))
    assert world.statuses(job) == [Status.SUCCESS]


def test_several_clocks_ahead_at_once_point_at_our_own(world: World) -> None:
    for name in ("a", "b", "c"):
        world.site(name).deliver(at(13, 0), shop="x")
    world.scan(at(12, 0))
    assert "clock.behind" in world.conditions()


def test_a_half_written_report_waits_and_never_alarms(world: World) -> None:
    job = world.job()
    slow = world.with_settings(settle_seconds=60)
    site = world.site()
    path = site.drop("STATUS.json", b'{"agent_id": "acme", "data')
    result = slow.scan(at(12, 40))
    assert result.counts["reports_settling"] == 1
    assert path.exists()
    assert world.statuses(job) == []
    assert result.look_again_at is not None
    path.unlink()
    site.deliver(at(11, 50), shop="a")
    slow.scan(at(12, 41))
    assert world.statuses(job) == [Status.SUCCESS]


def test_a_report_that_a_writer_holds_open_waits_even_without_a_time_to_settle(
    world: World,
) -> None:
    site = world.site()
    with (site.log_folder / "STATUS.json").open("w") as writer:
        writer.write('{"agent_id": ')
        writer.flush()
        assert world.scan(at(12, 0)).counts["reports_settling"] == 1
    assert world.scan(at(12, 1)).counts["reports_invalid"] == 1


def test_a_valid_report_is_taken_at_once(world: World) -> None:
    job = world.job()
    world.site().deliver(at(11, 50), shop="a")
    world.with_settings(settle_seconds=3600).scan(at(12, 0))
    assert world.statuses(job) == [Status.SUCCESS]


def test_a_scan_of_one_agent_leaves_the_others_alone(world: World) -> None:
    shop, bank = world.job("shop"), world.job("bank", agent="bank")
    world.site().deliver(at(11, 50), shop="a")
    world.site("bank").deliver(at(11, 50), bank="a")
    world.scan(at(12, 0), agent="BANK")
    assert (world.statuses(shop), world.statuses(bank)) == ([], [Status.SUCCESS])
    world.scan(at(13, 0), agent="bank")
    assert world.statuses(shop) == []


def test_a_dry_run_changes_nothing_and_says_what_would_be(world: World) -> None:
    shop, late = world.job("shop"), world.job("late", agent="late")
    world.site().deliver(at(11, 50), shop="a")
    files = world.every_file()
    result = world.scan(at(13, 0), dry_run=True)
    said = {e["database_name"]: e["status"] for e in result.entries}
    assert said["shop"] == Status.SUCCESS
    assert said["late"] == Status.MISSING
    assert world.every_file() == files
    assert db.session.scalar(select(BackupEntry)) is None
    assert world.get(shop).current_status == world.get(late).current_status == Status.UNKNOWN


def test_names_that_agents_write_are_stored_without_control_characters(world: World) -> None:
    site = world.site()
    nasty = "sh\x1b[31mop\u0000\ud800"
    site.report(at(11, 50), {nasty: section(b"x", "x.gz")}, overall_status="a\x07b")
    world.scan(at(12, 0))
    (found,) = db.session.scalars(select(Discovery))
    assert found.database_name.isprintable()
    assert NOON
