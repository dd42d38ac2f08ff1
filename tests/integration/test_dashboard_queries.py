"""What the dashboard is told: counts, rows, order, filters, and in how many queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from backupmon.config import Settings
from backupmon.core.standing import Standing
from backupmon.core.statuses import Status
from backupmon.extensions import db
from backupmon.models import ExpectedBackupJob
from backupmon.services.dashboard import (
    NEEDS_YOU_FILTER,
    PAGE_SIZE,
    DueKind,
    Selection,
    Sort,
    load_board,
    places,
)
from backupmon.services.jobs import delete_job, pause_job
from tests.integration.conftest import World, at
from tests.integration.pages import queries


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


def names(world: World, **selection: Any) -> list[str]:
    """The databases of the rows, in their order."""
    board = load_board(world.settings, Selection(**selection), at(13))
    return [row.database for row in board.rows]


def stand(world: World, **statuses: Status) -> dict[str, int]:
    """Jobs that stand as is said, whatever led there."""
    ids = {name: world.job(name) for name in statuses}
    for name, status in statuses.items():
        job = db.session.get(ExpectedBackupJob, ids[name])
        assert job is not None
        job.current_status = status.value
    db.session.commit()
    return ids


def test_an_empty_server_has_nothing_to_show(world: World) -> None:
    board = load_board(world.settings, Selection(), at(13))
    assert board.counts.total == board.found == 0
    assert board.rows == []
    assert board.pages == 1
    assert board.due_next is None


def test_the_worst_come_first_and_paused_ones_last(world: World) -> None:
    ids = stand(
        world,
        a_good=Status.SUCCESS,
        b_paused=Status.FAILED,
        c_new=Status.UNKNOWN,
        d_odd=Status.HASH_MISMATCH,
        e_broken=Status.TRANSFER_INTEGRITY_FAILED,
        f_failed=Status.FAILED,
        g_missing=Status.MISSING,
    )
    pause_job(ids["b_paused"], None, at(9), "test")
    expected = ["g_missing", "f_failed", "e_broken", "d_odd", "c_new", "a_good", "b_paused"]
    assert names(world) == expected
    assert names(world, status=NEEDS_YOU_FILTER) == expected[:4]
    assert names(world, status="PAUSED") == ["b_paused"]
    assert names(world, status="FAILED") == ["f_failed"]


def test_counts_leave_paused_and_deleted_jobs_out_of_what_needs_you(world: World) -> None:
    ids = stand(world, shop=Status.FAILED, crm=Status.FAILED, stock=Status.SUCCESS)
    pause_job(ids["shop"], None, at(9), "test")
    delete_job(ids["crm"], at(9), "test")
    counts = load_board(world.settings, Selection(), at(10)).counts
    assert counts.by_standing == {Standing.PAUSED: 1, Standing.SUCCESS: 1}
    assert (counts.total, counts.expected, counts.needs_you) == (2, 1, 0)


def test_a_row_tells_of_its_last_good_copy_and_of_its_cycles(world: World) -> None:
    world.job("shop")
    site = world.site()
    data = site.deliver(at(11, 50), shop="monday")["shop"]
    world.scan(at(12))
    world.scan(at(13, days=2))
    (row,) = load_board(world.settings, Selection(), at(13, days=2)).rows
    assert row.standing is Standing.MISSING
    assert [mark.status for mark in row.cycles] == ["SUCCESS", "MISSING", "MISSING"]
    assert [mark.size for mark in row.cycles] == [len(data), None, None]
    assert row.since == at(12, days=1)
    assert not row.since_before
    assert row.copy is not None
    assert (row.copy.made_at, row.copy.size) == (at(11, 50), len(data))
    assert row.copy.path.endswith("shop.sql.gz")


def test_a_cycle_is_as_good_as_its_best_entry(world: World) -> None:
    job = world.job("shop")
    world.scan(at(12, 45))
    world.site().deliver(at(11, 50), shop="monday")
    world.scan(at(13))
    assert sorted(world.statuses(job)) == ["MISSING", "SUCCESS"]
    (row,) = load_board(world.settings, Selection(), at(13)).rows
    assert [mark.status for mark in row.cycles] == ["SUCCESS"]


def test_no_more_than_the_last_ten_cycles_are_told(world: World) -> None:
    world.job("shop")
    world.job("crm")
    world.scan(at(13, days=14))
    rows = load_board(world.settings, Selection(), at(13, days=14)).rows
    assert [len(row.cycles) for row in rows] == [10, 10]
    assert rows[0].cycles[-1].due == at(12, days=14)
    assert rows[0].since_before


def test_due_tells_whether_the_open_cycle_is_coming_due_or_overdue(world: World) -> None:
    job = world.job("shop")

    def due(moment: Any) -> tuple[DueKind, Any]:
        (row,) = load_board(world.settings, Selection(), moment).rows
        return row.due.kind, row.due.at

    assert due(at(11)) == (DueKind.COMING, at(12))
    assert due(at(12, 10)) == (DueKind.DUE, at(12, 30))
    assert due(at(12, 31)) == (DueKind.OVERDUE, at(12, 30))
    pause_job(job, at(9, days=3), at(12, 40), "test")
    assert due(at(12, 41)) == (DueKind.PAUSED, at(9, days=3))


def test_the_next_due_moment_tells_how_many(world: World) -> None:
    for name in ("shop", "crm"):
        world.job(name)
    world.job("night", schedule="0 2 * * *")
    board = load_board(world.settings, Selection(), at(11))
    assert board.due_next is not None
    assert (board.due_next.at, board.due_next.jobs) == (at(12), 2)


def test_overdue_jobs_are_counted_while_nobody_has_judged_them(world: World) -> None:
    world.job("shop")
    assert load_board(world.settings, Selection(), at(12, 20)).counts.overdue == 0
    assert load_board(world.settings, Selection(), at(12, 40)).counts.overdue == 1


def test_the_heartbeat_falls_silent_after_two_intervals(world: World) -> None:
    ran = world.scan(at(12)).started_at

    def heart(minutes: int) -> Any:
        board = load_board(world.settings, Selection(), ran + timedelta(minutes=minutes))
        return board.heartbeat

    assert heart(20).next_at - heart(20).looked_at == timedelta(minutes=15)
    assert not heart(29).silent
    assert heart(31).silent


def test_a_scan_of_one_agent_is_no_heartbeat(world: World) -> None:
    before = load_board(world.settings, Selection(), at(13)).heartbeat.looked_at
    world.scan(at(12), agent="acme")
    assert load_board(world.settings, Selection(), at(13)).heartbeat.looked_at == before


def test_words_of_a_search_are_found_in_any_name_whatever_case_and_accents(world: World) -> None:
    world.job("shop", city="Yaoundé")
    world.job("crm", agent="kribi_1", company_name="Clinique Sainte-Thérèse")
    assert names(world, search="YAOUNDE shop") == ["shop"]
    assert names(world, search="therese kribi") == ["crm"]
    assert names(world, search="shop kribi") == []


@pytest.mark.parametrize(
    "enemy", ["%", "_", "\\", "'", "%_%", "x" * 100_000, "\x00", "zz " * 999, "\ud800"]
)
def test_a_search_for_anything_finds_what_bears_it_and_no_more(world: World, enemy: str) -> None:
    world.job("shop")
    assert names(world, search=enemy) == []


def test_filters_are_exact_and_agents_are_compared_as_ids_are(world: World) -> None:
    world.job("shop")
    world.job("crm", agent="kribi_1", city="Kribi", company_name="Acme & Sons")
    assert names(world, agent="KRIBI_1") == ["crm"]
    assert names(world, company="Acme") == ["shop"]
    assert names(world, city="Kribi", company="Acme & Sons") == ["crm"]
    assert names(world, city="Kri") == []


@pytest.mark.parametrize("sort", list(Sort))
def test_every_order_shows_every_job_once(world: World, sort: Sort) -> None:
    for number in range(PAGE_SIZE + 3):
        world.job(f"db{number:03}", schedule=f"{number % 60} 12 * * *")
    first = names(world, sort=sort)
    second = names(world, sort=sort, page=2)
    assert (len(first), len(second)) == (PAGE_SIZE, 3)
    assert len({*first, *second}) == PAGE_SIZE + 3
    assert names(world, sort=sort, page=3) == []


def test_by_site_jobs_of_one_place_stand_together(world: World) -> None:
    world.job("b", company_name="Acme B", city="C", agent="x")
    world.job("a", company_name="Acme", city="BC", agent="y")
    world.job("c", company_name="Acme B", city="C", agent="x")
    world.job("d", company_name="Acme", city="BC", agent="y")
    assert names(world, sort=Sort.SITE) == ["a", "d", "b", "c"]


def test_by_last_copy_those_without_one_come_first(world: World) -> None:
    world.job("shop")
    world.job("crm")
    world.site().deliver(at(11, 50), shop="monday")
    world.scan(at(12))
    assert names(world, sort=Sort.COPY) == ["crm", "shop"]
    assert names(world, sort=Sort.SIZE) == ["shop", "crm"]


def test_an_entry_that_waits_is_told_as_being_verified(world: World) -> None:
    world.job("shop")
    waiting = world.with_settings(settle_seconds=3600)
    site = world.site()
    site.deliver(at(11, 50), shop="monday")
    (site.staging / "shop.sql.gz").unlink()
    waiting.scan(at(12))
    (row,) = load_board(world.settings, Selection(), at(12)).rows
    assert row.verifying
    assert row.cycles == ()


def test_places_are_told_once_each(world: World) -> None:
    for name in ("shop", "crm"):
        world.job(name)
    world.job("other", agent="kribi", city="Kribi")
    assert [(p.city, p.agent) for p in places()] == [("Douala", "acme"), ("Kribi", "kribi")]


def test_the_number_of_queries_does_not_depend_on_the_number_of_jobs(world: World) -> None:
    world.job("db000")
    world.scan(at(13))
    with queries() as for_one:
        load_board(world.settings, Selection(search="db"), at(13))
    for number in range(1, 40):
        world.job(f"db{number:03}")
    world.scan(at(13))
    with queries() as for_forty:
        board = load_board(world.settings, Selection(search="db"), at(13))
    assert len(board.rows) == 40
    assert len(for_forty) == len(for_one) <= 12
