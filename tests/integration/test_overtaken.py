"""Several reports wait for one staged file: whose is it?"""

from __future__ import annotations

from backupmon.core.statuses import Status
from tests.integration.conftest import World, at
from tests.integration.site import dump_of, section

SUCCESS, UNKNOWN, BROKEN, PENDING, FAILED = (
    Status.SUCCESS,
    Status.UNKNOWN,
    Status.TRANSFER_INTEGRITY_FAILED,
    Status.PENDING,
    Status.FAILED,
)


def test_a_report_whose_file_was_replaced_is_overtaken_silently(world: World) -> None:
    job = world.job()
    site = world.site()
    site.deliver(at(11, 40), shop="first run")
    second = site.deliver(at(11, 50), shop="second run")
    world.scan(at(12))
    older, newer = sorted(world.entries(job), key=lambda e: e.report_end_at)
    assert (older.status, newer.status) == (UNKNOWN, SUCCESS)
    assert older.findings[-1]["code"] == "report.overtaken"
    assert world.final().read_bytes() == second["shop"]
    assert world.get(job).current_status == SUCCESS


def test_an_overtaken_cycle_is_not_missing(world: World) -> None:
    job = world.job()
    site = world.site()
    for day in range(3):
        site.deliver(at(11, 50, days=day), shop=f"day {day}")
    world.scan(at(13, 0, days=2))
    assert world.statuses(job) == [UNKNOWN, UNKNOWN, SUCCESS]


def test_a_file_that_answers_none_is_judged_by_the_newest(world: World) -> None:
    job = world.job()
    site = world.site()
    for minute in (40, 50):
        site.report(at(11, minute), {"shop": section(dump_of(str(minute)), "shop.sql.gz")})
    site.put("shop.sql.gz", b"neither")
    world.scan(at(12))
    assert sorted(world.statuses(job)) == sorted([UNKNOWN, BROKEN])
    newest = max(world.entries(job), key=lambda e: e.report_end_at)
    assert newest.status == BROKEN


def test_while_the_newest_waits_the_older_ones_wait_too(world: World) -> None:
    job = world.job()
    site = world.site()
    data = dump_of("older, slowly arriving")
    site.report(at(11, 40), {"shop": section(data, "shop.sql.gz")})
    site.report(at(11, 50), {"shop": section(dump_of("newer"), "shop.sql.gz")})
    slow = world.with_settings(settle_seconds=600)
    slow.scan(at(12))
    assert world.statuses(job) == [PENDING, PENDING]


def test_a_report_newer_than_the_one_the_file_answers_still_waits_for_its_own(
    world: World,
) -> None:
    job = world.job()
    site = world.site()
    older = dump_of("older")
    site.put("shop.sql.gz", older)
    site.report(at(11, 40), {"shop": section(older, "shop.sql.gz")})
    site.report(at(11, 50), {"shop": section(dump_of("newer"), "shop.sql.gz")})
    slow = world.with_settings(settle_seconds=600)
    slow.scan(at(12))
    by_end = sorted(world.entries(job), key=lambda e: e.report_end_at)
    assert [e.status for e in by_end] == [SUCCESS, PENDING]
    site.put("shop.sql.gz", dump_of("newer"))
    slow.scan(at(12, 5))
    assert world.statuses(job) == [SUCCESS, SUCCESS]
    assert world.final().read_bytes() == dump_of("newer")


def test_a_newer_report_whose_file_never_came_is_not_hidden_by_an_older_one(
    world: World,
) -> None:
    job = world.job()
    site = world.site()
    older = dump_of("older")
    site.put("shop.sql.gz", older)
    site.report(at(11, 50), {"shop": section(older, "shop.sql.gz")})
    site.report(at(11, 50, days=1), {"shop": section(dump_of("never sent"), "shop.sql.gz")})
    world.scan(at(12, 0, days=1))
    assert world.statuses(job) == [SUCCESS, BROKEN]
    assert world.get(job).current_status == BROKEN


def test_a_failed_section_overtakes_nothing(world: World) -> None:
    job = world.job()
    site = world.site()
    data = dump_of("good")
    site.put("shop.sql.gz", data)
    site.report(at(11, 40), {"shop": section(data, "shop.sql.gz")})
    failed = section(data, "shop.sql.gz", BACKUP__status=False)
    site.report(at(11, 50), {"shop": failed})
    world.scan(at(12))
    by_end = sorted(world.entries(job), key=lambda e: e.report_end_at)
    assert [e.status for e in by_end] == [SUCCESS, FAILED]
    assert world.get(job).current_status == SUCCESS
    assert "cycle.already_good" in {f["code"] for f in by_end[-1].findings}
