"""The reference agent in trouble: full disks, signals, kills. A bad backup is never called good."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from backupmon.core.statuses import Status
from tests.integration.agent_site import (
    AgentSite,
    child_of,
    command,
    descendants,
    kill,
    site,
    until,
)
from tests.servers import need_programs

__all__ = ["site"]

#: A megabyte that no compression makes smaller.
NOISE = command("head -c 1000000 /dev/urandom")
GOOD = command("echo whole")
#: Writes a little, and goes on for a minute.
ENDLESS = command("echo half; exec sleep 60")


def test_a_full_disk_fails_that_dump_and_no_other(site: AgentSite) -> None:
    need_programs("zstd")
    ways = ("gzip", "zstd", "none")
    site.databases = {way: {**NOISE, "compression": way} for way in ways} | {"small": GOOD}
    jobs = {name: site.job(name) for name in site.databases}
    site.run(expect=1, limit=500_000)
    site.scan()
    for way in ways:
        entry = site.world.entry(jobs[way])
        assert entry.status == Status.FAILED
        assert entry.agent_transfer_error_message == "the dump cannot be written: File too large"
    assert site.world.entry(jobs["small"]).status == Status.SUCCESS
    assert list((site.work / "tmp").iterdir()) == []
    assert site.delivered() == [], "the small one was promoted, and no other delivered"


def test_a_dump_that_would_fill_the_disk_is_not_begun(site: AgentSite) -> None:
    site.agent["min_free_mb"] = 10**8
    site.databases["shop"] = GOOD
    job = site.job()
    site.run(expect=1)
    site.scan()
    entry = site.world.entry(job)
    assert entry.status == Status.FAILED
    assert str(entry.agent_transfer_error_message).startswith("not enough room in ")


def test_an_agent_that_is_told_to_stop_says_so_for_each_database(site: AgentSite) -> None:
    site.databases = {"done": GOOD, "slow": ENDLESS, "never": GOOD}
    jobs = {name: site.job(name) for name in site.databases}
    process = site.start()
    sleeping = child_of(process, "sleep")
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert not Path(f"/proc/{sleeping}").exists()
    assert site.report()["overall_status"] == "interrupted"
    site.scan()
    assert site.world.entry(jobs["done"]).status == Status.SUCCESS
    for name in ("slow", "never"):
        entry = site.world.entry(jobs[name])
        assert entry.status == Status.FAILED
        assert "told to stop (SIGTERM)" in str(entry.agent_transfer_error_message)


def test_a_killed_agent_is_missing_until_the_next_run_tells_what_became_of_it(
    site: AgentSite,
) -> None:
    site.databases = {"done": GOOD, "shop": ENDLESS}
    done, shop = site.job("done"), site.job("shop")
    process = site.start()
    child_of(process, "sleep")
    orphans = descendants(process.pid)
    kill(process.pid)
    process.communicate()
    for pid in orphans:
        kill(pid)
    assert site.delivered("log") == []
    site.scan(minutes=120)
    assert site.world.statuses(done) == site.world.statuses(shop) == [Status.MISSING]
    # The next run reports for the dead one, then for itself.
    site.databases["shop"] = GOOD
    said = site.run()
    assert "was killed: reporting it" in said
    assert len(site.delivered("log")) == 2
    site.scan(minutes=121)
    assert site.world.statuses(done) == [Status.MISSING, Status.SUCCESS, Status.SUCCESS]
    assert site.world.statuses(shop) == [Status.MISSING, Status.FAILED, Status.SUCCESS]
    words = str(site.world.entries(shop)[1].agent_transfer_error_message)
    assert words.startswith("the agent was killed, or its machine stopped, after 20")
    assert words.endswith(" in the midst of this database")
    assert list((site.work / "tmp").iterdir()) == []
    assert not (site.work / "running.json").exists()


def test_a_file_that_is_cut_short_after_its_delivery_is_a_transfer_failure(
    site: AgentSite,
) -> None:
    site.databases["shop"] = NOISE
    job = site.job()
    site.run()
    (name,) = site.delivered()
    staged = site.deposit / "databases" / name
    with staged.open("r+b") as file:
        file.truncate(500_000)
    site.scan()
    assert site.world.entry(job).status == Status.TRANSFER_INTEGRITY_FAILED
    assert site.validated() == []


def test_two_runs_never_overlap(site: AgentSite) -> None:
    site.databases["shop"] = ENDLESS
    process = site.start()
    child_of(process, "sleep")
    assert "another run is going on" in site.run(expect=3)
    process.terminate()
    process.communicate(timeout=120)
    assert len(site.delivered("log")) == 1


def test_a_share_that_is_not_mounted_is_never_written_to_and_the_report_waits(
    site: AgentSite,
) -> None:
    site.databases["shop"] = GOOD
    job = site.job()
    aside = site.deposit.with_name("unmounted")
    site.deposit.rename(aside)
    site.deposit.mkdir()
    said = site.run(expect=4)
    assert "is the share mounted?" in said
    assert "is the share mounted?" in site.run("check", expect=1)
    assert list(site.deposit.iterdir()) == []
    site.deposit.rmdir()
    aside.rename(site.deposit)
    assert "delivered the report" in site.run("send")
    site.scan()
    entry = site.world.entry(job)
    assert entry.status == Status.FAILED
    assert "is the share mounted?" in str(entry.agent_transfer_error_message)
    site.run()
    site.scan()
    assert site.world.statuses(job) == [Status.FAILED, Status.SUCCESS]


def test_a_stalled_dump_is_given_up(site: AgentSite) -> None:
    # The shortest wait that the configuration takes is a minute: too long for a test.
    text = site.configure().read_text()
    assert "stall_minutes" not in text
    from tests.integration.agent_module import agent

    dumper = agent.Dumper(["sh", "-c", "echo half; exec sleep 60"])
    with pytest.raises(agent.AgentError, match=r"wrote nothing for 0\.001 minutes"):
        dumper.stream(lambda data: None, 0.001)


def test_some_copies_stay_here_where_that_is_wanted(site: AgentSite) -> None:
    site.agent["keep_local"] = 2
    site.databases["my shop/ü"] = command("date +%N")
    for _ in range(3):
        site.run()
    (kept,) = (site.work / "kept").iterdir()
    assert sorted(path.name for path in kept.iterdir()) == site.delivered()[1:]
    assert len(site.delivered()) == len(site.delivered("log")) == 3


def test_equal_databases_give_equal_files(site: AgentSite) -> None:
    site.databases["shop"] = GOOD
    site.run()
    first = site.deposit / "log" / site.delivered("log")[0]
    said = json.loads(first.read_text())["databases"]["shop"]
    first.unlink()
    site.run()
    again = site.report()["databases"]["shop"]
    for step in ("BACKUP", "COMPRESS"):
        assert said[step]["sha256_checksum"] == again[step]["sha256_checksum"]
    assert said["staged_file_name"] != again["staged_file_name"]


def test_what_a_killed_delivery_left_is_removed_by_the_next_run(site: AgentSite) -> None:
    site.databases["shop"] = GOOD
    site.run("check")
    from tests.integration.agent_module import agent

    config = agent.ConfigReader(str(site.configure())).read()
    mark = agent.delivery_of(config).mark
    left = site.deposit / "databases" / f"{mark}shop.sql.gz.part"
    foreign = site.deposit / "databases" / ".backupmon-agent.another.x.part"
    for path in (left, foreign, site.work / "leftovers", site.work / "tmp" / "half"):
        path.write_bytes(b"half")
    site.run()
    assert not left.exists()
    assert foreign.exists()
    assert until(lambda: not (site.work / "tmp" / "half").exists())
