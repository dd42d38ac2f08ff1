"""Quarantine in the browser: what lies there and why, and what operators do with it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from backupmon.extensions import db
from backupmon.models import AuditEvent, BackupEntry
from backupmon.services.jobs import delete_job
from backupmon.services.locking import ScanLock
from backupmon.services.quarantine import Operator, accept_quarantined, delete_quarantined
from tests.integration.conftest import World, at
from tests.integration.pages import queries
from tests.integration.site import dump_of, section
from tests.integration.test_quarantine import changed
from tests.integration.web import Browser, ClientAs

ANNE = Operator("user:anne", "the law was amended")
SCRIPT = "<script>alert(1)</script>"
BACKWARDS = "\u05d0\u05d1\u05d2"


@pytest.fixture
def operator(world: World, client_as: ClientAs) -> Browser:
    return client_as("operator")


def words(text: str) -> str:
    """What a reader reads, in one line."""
    main = text[text.find("<main") :] if "<main" in text else text
    main = main.split("<footer")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def damaged(world: World, database: str = "shop", agent: str = "acme", **job: Any) -> int:
    """A file that did not arrive whole, of a job without a good copy; gives the entry."""
    job_id = world.job(database, agent, neighborhood=agent, **job)
    site = world.site(agent)
    whole = dump_of("night " * 50)
    site.put("x.sql.gz", whole[:-20])
    site.report(at(11, 50), {database: section(whole, "x.sql.gz")})
    world.scan(at(12, 5))
    return world.entries(job_id)[-1].id


# --- the list --------------------------------------------------------------------------------


def test_an_empty_quarantine_says_what_would_come_there(operator: Browser) -> None:
    told = words(operator.get("/quarantine").text)
    assert "Nothing lies here." in told
    assert "What would come here" in told


def test_the_list_tells_of_each_file_why_it_is_there_since_when_and_how_large(
    world: World, operator: Browser
) -> None:
    damaged(world)
    told = words(operator.get("/quarantine").text)
    assert "1 file, " in told
    assert "shop acme" in told
    assert "Broken in transfer" in told
    assert "smaller than" in told or "short of" in told
    assert "No good copy of it stands." in told
    assert "3 Mar 2031, 12:00" in told
    assert re.search(r'<span class="count">1</span>', operator.get("/").text)
    assert 'class="count"' not in operator.get("/login").text


def test_it_is_filtered_by_the_address_and_every_choice_is_kept_in_it(
    world: World, operator: Browser
) -> None:
    entry = damaged(world)
    other = damaged(world, "books", "zeta")
    _job, third, _old, _new = changed_in(world, "laws")

    def rows(query: str) -> list[str]:
        return re.findall(r'href="/quarantine/(\d+)"', operator.get(query).text)

    assert rows("/quarantine") == [str(third), str(other), str(entry)]
    assert rows("/quarantine?agent=zeta") == [str(other)]
    assert rows("/quarantine?reason=hash_mismatch") == [str(third)]
    job_id = world_job(world, other)
    assert rows(f"/quarantine?job={job_id}") == [str(other)]
    assert rows("/quarantine?agent=zeta&reason=HASH_MISMATCH") == []
    assert "No file fits this filter." in operator.get("/quarantine?job=9999").text
    assert rows("/quarantine?job=99999999999999&reason=nonsense") in ([], rows("/quarantine"))
    page = operator.get("/quarantine?agent=zeta", headers={"HX-Request": "true"})
    assert page.headers["HX-Replace-Url"] == "/quarantine?agent=zeta"
    assert page.text.lstrip().startswith('<section id="kept"')


def changed_in(world: World, database: str) -> tuple[int, int, bytes, bytes]:
    """As `changed`, beside other jobs."""
    job = world.job(database, "archive", content_policy="must_not_change", neighborhood="A")
    site = world.site("archive")
    old = site.deliver(at(11, 50), **{database: "law"})[database]
    world.scan(at(12))
    new = site.deliver(at(11, 50, days=1), **{database: "amended"})[database]
    world.scan(at(12, 0, days=1))
    return job, next(e.id for e in world.entries(job) if e.status == "HASH_MISMATCH"), old, new


def world_job(world: World, entry_id: int) -> int:
    db.session.rollback()
    return db.session.get_one(BackupEntry, entry_id).expected_job_id


def test_pages_cost_the_same_whatever_lies_there(world: World, operator: Browser) -> None:
    damaged(world)
    operator.get("/quarantine")
    with queries() as few:
        operator.get("/quarantine")
    for number in range(4):
        damaged(world, f"db{number}", f"site{number}")
    operator.get("/quarantine")
    with queries() as many:
        operator.get("/quarantine")
    assert len(many) == len(few)


def test_a_long_list_has_pages(
    world: World, operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backupmon.services.quarantine.listing.PAGE_SIZE", 1)
    damaged(world)
    damaged(world, "books", "zeta")
    page = operator.get("/quarantine?reason=TRANSFER_INTEGRITY_FAILED").text
    assert "Page 1 of 2" in page
    assert "/quarantine?reason=TRANSFER_INTEGRITY_FAILED&amp;page=2" in page
    assert "Page 2 of 2" in operator.get("/quarantine?page=2").text


def test_names_of_an_enemy_are_only_names(world: World, operator: Browser) -> None:
    entry = damaged(world, SCRIPT + BACKWARDS + "%(name)s" + "x" * 200)
    for path in ("/quarantine", f"/quarantine/{entry}"):
        page = operator.get(path).text
        assert SCRIPT not in page
        assert "&lt;script&gt;alert(1)" in page
        assert BACKWARDS + "%(name)s" in page
    page = operator.send("/quarantine/delete", entry=entry).text
    assert SCRIPT not in page
    assert SCRIPT not in operator.send(f"/quarantine/{entry}/accept", reason=SCRIPT).text
    operator.send(f"/quarantine/{entry}/delete", reason=SCRIPT)
    assert SCRIPT not in operator.get(f"/quarantine/{entry}").text


# --- one file --------------------------------------------------------------------------------


def test_a_file_stands_beside_what_was_said_of_it_and_the_last_good_copy(
    world: World, operator: Browser
) -> None:
    _job, entry, _old, _new = changed(world)
    page = operator.get(f"/quarantine/{entry}").text
    told = words(page)
    assert "Beside the last good copy" in told
    assert "this one is 1 d younger" in told
    assert "It becomes the last good copy of acme/shop" in told
    assert str(world.settings.quarantine_root / str(entry)) in told
    assert str(world.final()) in told
    assert "differs" not in told


def test_a_damaged_file_shows_where_it_differs_and_cannot_be_accepted(
    world: World, operator: Browser
) -> None:
    entry = damaged(world)
    told = words(operator.get(f"/quarantine/{entry}").text)
    assert "differs" in told
    assert "a damaged file never becomes a good copy" in told
    assert "Let the agent send it again." in told
    assert "Accept this file" not in told
    assert "No good copy of this database stands" in told
    assert "It is the only file of this database" in told
    answer = operator.send(f"/quarantine/{entry}/accept")
    assert answer.status_code == 422
    assert "a damaged file is never promoted" in answer.text
    assert not world.final().exists()


def test_the_job_and_the_entry_lead_to_the_file(world: World, operator: Browser) -> None:
    entry = damaged(world)
    link = f'href="/quarantine/{entry}"'
    assert link in operator.get(f"/jobs/{world_job(world, entry)}").text
    assert link in operator.get(f"/entries/{entry}").text


def test_viewers_look_and_change_nothing(world: World, client_as: ClientAs) -> None:
    _job, entry, old, _new = changed(world)
    viewer = client_as("viewer")
    for path in ("/quarantine", f"/quarantine/{entry}"):
        page = viewer.get(path).text
        assert "Delete" not in words(page)
        assert "checkbox" not in page
    for path in (f"/quarantine/{entry}/accept", f"/quarantine/{entry}/delete"):
        assert viewer.send(path).status_code == 403
    assert viewer.send("/quarantine/delete", entry=entry, sure="yes").status_code == 403
    assert world.final().read_bytes() == old


def test_everything_is_told_in_french(world: World, operator: Browser) -> None:
    entry = damaged(world)
    french = {"Accept-Language": "fr"}
    listed = words(operator.get("/quarantine", headers=french).text)
    told = words(operator.get(f"/quarantine/{entry}", headers=french).text)
    assert "Quarantaine" in listed
    assert "Abîmée en route" in listed
    assert "À côté de la dernière bonne copie" in told
    for english in ("Delete", "Accept ", "damaged", "good copy", "Here since"):
        assert english not in listed + told
    refused = operator.post(
        f"/quarantine/{entry}/accept", data={"csrf_token": operator.token()}, headers=french
    )
    assert "un fichier abîmé n’est jamais promu" in words(refused.text)


def test_a_deleted_job_leaves_its_file_for_a_person(world: World, operator: Browser) -> None:
    entry = damaged(world)
    delete_job(world_job(world, entry), at(13), "test")
    assert "job deleted" in words(operator.get("/quarantine").text)
    assert "Its job is deleted." in words(operator.get(f"/quarantine/{entry}").text)


# --- accepting -------------------------------------------------------------------------------


def test_an_accepted_file_is_the_last_good_copy_and_who_and_why_is_kept(
    world: World, operator: Browser
) -> None:
    job, entry, _old, new = changed(world)
    answer = operator.send(f"/quarantine/{entry}/accept", reason="the law\nwas amended")
    assert answer.location == "/quarantine"
    assert "It is the last good copy now." in operator.get("/quarantine").text
    assert world.final().read_bytes() == new
    assert [row.state for row in world.stored(job)] == ["previous", "stored"]
    event = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None
    assert event.after is not None
    assert (event.actor, event.action) == ("user:operator", "quarantine.accept")
    assert event.after["reason"] == "the law was amended"


def test_an_older_file_is_not_accepted_over_a_newer_copy(world: World, operator: Browser) -> None:
    _job, entry, old, _new = changed(world)
    world.site().deliver(at(11, 50, days=2), shop="law")
    world.scan(at(12, 0, days=2))
    told = words(operator.get(f"/quarantine/{entry}").text)
    assert "a newer copy stands" in told
    assert "Accept this file" not in told
    answer = operator.send(f"/quarantine/{entry}/accept")
    assert answer.status_code == 422
    assert "A newer copy of acme/shop stands" in answer.text
    assert world.final().read_bytes() == old


@pytest.mark.parametrize("ruin", ["removed", "overwritten", "replaced by a link"])
def test_what_is_no_longer_the_file_that_was_judged_is_not_accepted(
    world: World, operator: Browser, ruin: str
) -> None:
    job, entry, old, new = changed(world)
    path = world.settings.quarantine_root / str(entry) / "shop.sql.gz"
    path.unlink()
    if ruin == "overwritten":
        path.write_bytes(new[:-1] + b"?")
    elif ruin == "replaced by a link":
        path.symlink_to(world.final())
    answer = operator.send(f"/quarantine/{entry}/accept", reason="yes")
    assert answer.status_code == 422
    assert ("no longer the file" if ruin == "overwritten" else "is not there") in answer.text
    assert 'value="yes"' in answer.text
    assert world.final().read_bytes() == old
    assert world.stored(job)[-1].state == "quarantined"
    assert world.entries(job)[-1].accepted_at is None


def test_two_at_once_and_the_slower_is_told_kindly(world: World, operator: Browser) -> None:
    _job, entry, _old, new = changed(world)
    page = operator.get(f"/quarantine/{entry}").text
    assert "Accept this file" in page
    accept_quarantined(world.settings, entry, ANNE)
    for act in ("accept", "delete"):
        answer = operator.send(f"/quarantine/{entry}/{act}")
        assert answer.location == f"/quarantine/{entry}"
    gone = operator.get(f"/quarantine/{entry}")
    assert gone.status_code == 410
    assert "anne accepted it just now" in words(gone.text)
    assert "the law was amended" in gone.text
    assert world.final().read_bytes() == new


def test_while_a_scan_runs_one_is_asked_to_wait(world: World, operator: Browser) -> None:
    job, entry, old, _new = changed(world)
    with ScanLock(world.settings):
        for path, fields in (
            (f"/quarantine/{entry}/accept", {}),
            (f"/quarantine/{entry}/delete", {"reason": "old"}),
            ("/quarantine/delete", {"entries": str(entry), "sure": "yes"}),
        ):
            answer = operator.send(path, **fields)
            assert answer.status_code == 409
            assert "A scan runs at this moment" in words(answer.text)
    assert world.stored(job)[-1].state == "quarantined"
    assert world.final().read_bytes() == old


# --- deleting --------------------------------------------------------------------------------


def test_a_deleted_file_is_gone_and_who_deleted_it_is_told(world: World, operator: Browser) -> None:
    _job, entry, old, _new = changed(world)
    operator.send(f"/quarantine/{entry}/delete", reason="no use")
    assert not (world.settings.quarantine_root / str(entry)).exists()
    assert "shop.sql.gz is deleted" in operator.get("/quarantine").text
    told = words(operator.get(f"/quarantine/{entry}").text)
    assert "operator deleted it just now" in told
    assert "no use" in told
    assert world.final().read_bytes() == old


def test_what_was_removed_by_hand_already_can_be_deleted_all_the_same(
    world: World, operator: Browser
) -> None:
    entry = damaged(world)
    folder = world.settings.quarantine_root / str(entry)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert operator.get(f"/quarantine/{entry}").status_code == 200
    assert operator.send(f"/quarantine/{entry}/delete").location == "/quarantine"
    assert operator.get(f"/quarantine/{entry}").status_code == 410


def test_several_are_deleted_after_one_question_that_says_what_is_lost(
    world: World, operator: Browser
) -> None:
    first, second = damaged(world), damaged(world, "books", "zeta")
    third = damaged(world, "laws", "third")
    asked = operator.send("/quarantine/delete", entry=[first, second])
    told = words(asked.text)
    assert "Delete 2 files for ever?" in told
    assert "Of 2 databases no good copy stands" in told
    assert f'name="entries" value="{second},{first}"' in asked.text
    assert (world.settings.quarantine_root / str(first)).exists()
    delete_quarantined(world.settings, second, ANNE)
    done = operator.send(
        "/quarantine/delete", entries=f"{second},{first}", sure="yes", reason="told the sites"
    )
    assert done.location == "/quarantine"
    told = words(operator.get("/quarantine").text)
    assert "1 file is deleted" in told
    assert "1 lay there no longer." in told
    left = [path.name for path in world.settings.quarantine_root.iterdir() if path.is_dir()]
    assert left == [str(third)]
    assert operator.send("/quarantine/delete").status_code == 422


def test_all_that_a_filter_finds_are_asked_about(world: World, operator: Browser) -> None:
    damaged(world)
    wanted = damaged(world, "books", "zeta")
    asked = operator.send("/quarantine/delete", all="1", agent="zeta").text
    assert f'name="entries" value="{wanted}"' in asked
    gone = operator.send("/quarantine/delete", entries="999999", **{"entry": "no number"})
    assert "Somebody else was faster." in gone.text


def test_a_quarantine_that_cannot_be_reached_keeps_its_files(
    world: World, operator: Browser
) -> None:
    entry = damaged(world)
    marker = world.settings.quarantine_root / ".backupmon"
    marker.rename(marker.with_name("away"))
    answer = operator.send(f"/quarantine/{entry}/delete")
    assert answer.status_code == 409
    assert "its disk may not be mounted" in answer.text
    operator.send("/quarantine/delete", entries=str(entry), sure="yes")
    assert "The others are not" in operator.get("/quarantine").text
    assert (world.settings.quarantine_root / str(entry)).exists()
