"""Copies that jobs left behind: listed, deleted by a person, and never the last good one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.core.errors import NotFoundError, RefusedError
from backupmon.extensions import db
from backupmon.models import AuditEvent
from backupmon.services.jobs import delete_job
from backupmon.services.left_copies import (
    delete_left_copy,
    list_left_copies,
    load_left_copies,
    prune_left_copies,
)
from backupmon.services.quarantine import Operator
from tests.integration.conftest import World, at
from tests.integration.scan_process import run_command_to_end, run_to_end
from tests.integration.site import dump_of, section
from tests.integration.web import SCRIPT, ClientAs

ANNE = Operator("anne", "the disk is full")


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


def night(world: World, day: int, database: str = "shop", agent: str = "acme") -> None:
    """A good night whose file has a name of its own, and so a final path of its own."""
    site, data = world.site(agent), dump_of(f"{database} {day}")
    site.put(f"{database}_{day}.gz", data)
    site.report(at(11, 50, days=day), {database: section(data, f"{database}_{day}.gz")})
    world.scan(at(12, 0, days=day))


def path_of(world: World, day: int, database: str = "shop") -> Path:
    return world.final("2031", "Acme", "Douala", database, f"{database}_{day}.gz")


def days(world: World, database: str = "shop") -> list[int]:
    """The nights whose copies are on disk."""
    return [day for day in range(9) if path_of(world, day, database).exists()]


def test_what_stands_at_a_former_path_is_deleted_and_the_newer_copy_stays(world: World) -> None:
    job = world.job()
    for day in (0, 1, 2):
        night(world, day)
    assert [(c.row.report_end_at.day, c.deletable) for c in list_left_copies()] == [
        (3, True),
        (4, True),
    ]
    oldest = list_left_copies()[0].row
    delete_left_copy(world.settings, oldest.entry_id, ANNE)
    assert days(world) == [1, 2]
    assert [row.state for row in world.stored(job)] == ["removed", "superseded", "stored"]
    event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None
    assert (event.actor, event.action, event.subject_id) == ("anne", "copy.delete", oldest.entry_id)
    assert event.before is not None
    assert event.before["path"].endswith("shop_0.gz")
    assert event.after is not None
    assert event.after["reason"] == "the disk is full"
    with pytest.raises(NotFoundError):
        delete_left_copy(world.settings, oldest.entry_id, ANNE)
    assert world.statuses(job) == ["SUCCESS"] * 3


def test_the_last_good_copy_is_no_copy_that_was_left(world: World) -> None:
    job = world.job()
    night(world, 0)
    assert list_left_copies() == []
    with pytest.raises(NotFoundError):
        delete_left_copy(world.settings, world.entry(job).id, ANNE)
    assert days(world) == [0]


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_it_is_kept_where_the_newer_copy_is_not_what_it_was(world: World, harm: str) -> None:
    world.job()
    for day in (0, 1):
        night(world, day)
    if harm == "gone":
        path_of(world, 1).unlink()
    else:
        path_of(world, 1).write_bytes(b"x")
    (left,) = list_left_copies()
    with pytest.raises(RefusedError, match="may be the last good copy of acme/shop"):
        delete_left_copy(world.settings, left.row.entry_id, ANNE)
    done = prune_left_copies(world.settings, timedelta(days=-9999), ANNE)
    assert (done.files, done.kept) == (0, 1)
    assert path_of(world, 0).exists()


def test_nothing_is_deleted_while_a_newer_copy_may_take_its_place(world: World) -> None:
    """The path was changed and changed back: the file on its way goes where the old one stands."""
    world.job()
    for day in (0, 1):
        night(world, day)
    (left,) = list_left_copies()
    site, data = world.site(), dump_of("shop 0 again")
    site.put("shop_0.gz", data)
    site.report(at(11, 50, days=2), {"shop": section(data, "shop_0.gz")})
    moment = at(12, 0, days=2).isoformat()
    assert run_to_end(world.settings, ["--as-of", moment], {"place.replaced": "kill"}) == -9
    assert path_of(world, 0).read_bytes() == data
    db.session.rollback()
    with pytest.raises(RefusedError, match="on its way"):
        delete_left_copy(world.settings, left.row.entry_id, ANNE)
    assert path_of(world, 0).read_bytes() == data
    world.scan(at(12, 5, days=2))
    assert path_of(world, 0).read_bytes() == data


def test_what_a_deleted_job_left_is_deleted_with_the_copy_before(world: World) -> None:
    job = world.job(content_policy="may_change")
    site = world.site()
    for day in (0, 1):
        site.deliver(at(11, 50, days=day), shop=f"day {day}")
        world.scan(at(12, 0, days=day))
    assert list_left_copies() == []
    delete_job(job, at(13, 0, days=1), "test")
    left = list_left_copies()
    assert [(c.row.state, c.deletable) for c in left] == [("previous", True), ("stored", True)]
    done = prune_left_copies(world.settings, timedelta(days=-9999), ANNE)
    assert (done.files, done.kept) == (0, 0), "by age only what has a newer one"
    for copy in left:
        delete_left_copy(world.settings, copy.row.entry_id, ANNE)
    assert [row.state for row in world.stored(job)] == ["removed", "removed"]
    held = [p for p in world.settings.validated_root.rglob("*.gz") if p.is_file()]
    assert held == []


def test_its_path_is_free_for_another_job(world: World) -> None:
    place = "all/{staged_file_name}"
    job = world.job("shop", final_storage_path_template=f"shop/{place}")
    site = world.site()
    site.deliver(at(11, 50), shop="a")
    world.scan(at(12))
    delete_job(job, at(13), "test")
    with pytest.raises(RefusedError):
        world.job("crm", final_storage_path_template=f"shop/{place}")
    (left,) = list_left_copies()
    delete_left_copy(world.settings, left.row.entry_id, ANNE)
    world.job("crm", final_storage_path_template=f"shop/{place}")


def test_killed_while_it_deletes_it_may_be_deleted_again(world: World) -> None:
    job = world.job()
    for day in (0, 1):
        night(world, day)
    (left,) = list_left_copies()
    command = ["copies", "delete", str(left.row.entry_id), "--yes"]
    assert run_command_to_end(world.settings, command, {"copies.removed": "kill"}) == -9
    assert days(world) == [1]
    assert [row.state for row in world.stored(job)] == ["superseded", "stored"]
    assert run_command_to_end(world.settings, command) == 0
    assert [row.state for row in world.stored(job)] == ["removed", "stored"]


def test_those_old_enough_are_pruned_and_others_stay(world: World) -> None:
    world.job()
    world.job("crm", agent="bolt")
    for day in range(4):
        night(world, day)
        night(world, day, "crm", "bolt")
    # The nights lie ahead of the clock: ages are negative.
    age = datetime.now(UTC) - at(0, days=2)
    done = prune_left_copies(world.settings, age, ANNE, agent="ACME")
    assert (done.files, done.kept) == (2, 0)
    assert done.size > 0
    assert (days(world), days(world, "crm")) == ([2, 3], [0, 1, 2, 3])


def test_the_list_has_pages_and_the_sum_of_all(world: World) -> None:
    world.job()
    for day in range(3):
        night(world, day)
    page = load_left_copies()
    assert (len(page.items), page.found, page.pages) == (2, 2, 1)
    assert page.size == sum(copy.row.size for copy in page.items)
    assert load_left_copies(2).items == []


def test_the_commands_list_and_delete(world: World) -> None:
    world.job()
    for day in (0, 1):
        night(world, day)
    runner = world.app.test_cli_runner()
    listed = runner.invoke(args=["copies", "list"])
    assert "acme/shop" in listed.output
    assert "at a former path" in listed.output
    (copy,) = json.loads(runner.invoke(args=["copies", "list", "--json"]).stdout)
    assert copy["job"] == "acme/shop"
    assert copy["newer_path"].endswith("shop_1.gz")
    refused = runner.invoke(args=["copies", "delete", "99999", "--yes"])
    assert refused.exit_code == 1
    assert "flask copies list" in refused.stderr
    entry = str(copy["entry_id"])
    assert runner.invoke(args=["copies", "delete", entry], input="n\n").exit_code == 1
    assert days(world) == [0, 1]
    assert "Deleted 2031/Acme" in runner.invoke(args=["copies", "delete", entry, "--yes"]).output
    assert days(world) == [1]
    assert "No job left a copy behind" in runner.invoke(args=["copies", "list"]).output
    assert runner.invoke(args=["copies", "prune"]).exit_code == 2
    assert "Deleted 0" in runner.invoke(args=["copies", "prune", "--older-than", "1"]).output


def test_the_page_tells_what_is_lost_and_deletes(world: World, client_as: ClientAs) -> None:
    world.job(company_name=SCRIPT)
    world.job(SCRIPT)
    for day in (0, 1):
        night(world, day)
    viewer, operator = client_as("viewer"), client_as("operator")
    page = viewer.get("/system/copies").text
    assert "shop_0.gz" in page
    assert "shop_1.gz" not in page
    assert "A newer copy stands" in page
    assert SCRIPT not in page
    assert "/delete" not in page
    assert 'href="/system/copies"' in viewer.get("/system").text
    (left,) = list_left_copies()
    address = f"/system/copies/{left.row.entry_id}/delete"
    assert address in operator.get("/system/copies").text
    assert operator.send(address, reason="old").location == "/system/copies"
    assert "is deleted" in operator.get("/system/copies").text
    gone = operator.send(address)
    assert gone.status_code == 302
    assert "somebody else was faster" in operator.get("/system/copies").text
    assert "No job left a copy behind." in operator.get("/system/copies").text


def test_the_page_says_why_it_was_not_done(world: World, client_as: ClientAs) -> None:
    world.job()
    for day in (0, 1):
        night(world, day)
    path_of(world, 1).unlink()
    (left,) = list_left_copies()
    operator = client_as("operator")
    operator.set_cookie("language", "fr")
    answer = operator.send(f"/system/copies/{left.row.entry_id}/delete")
    assert answer.status_code == 409
    assert "peut-être la dernière bonne copie de acme/shop" in answer.text
    assert path_of(world, 0).exists()
