"""The page of the server itself: what is wrong, who works, how full it is, what the doctor says."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.models import ScanRun, ServerCondition
from backupmon.services import background_status as status_of_background
from backupmon.services.background_status import Background, WorkerStatus
from backupmon.services.conditions import SeenBy, begin_condition, end_condition
from backupmon.storage.faults import ServerFault
from backupmon.storage.locks import folder_lock
from tests.integration.conftest import World, at
from tests.integration.pages import Clock, queries
from tests.integration.site import dump_of, section
from tests.integration.web import Browser, ClientAs

SCRIPT = "<script>alert(1)</script>"
FRENCH = {"Accept-Language": "fr"}


@pytest.fixture
def operator(world: World, client_as: ClientAs) -> Browser:
    return client_as("operator")


def words(text: str) -> str:
    """What a reader reads, in one line."""
    main = text[text.find("<main") :] if "<main" in text else text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main.split("<footer")[0])).split())


def polled(client: Browser, page: str) -> str:
    """The address that the changing part asks again at."""
    found = re.search(r'hx-get="(/system/state\?[^"]*)"', page)
    assert found
    return unescape(found[1])


def disk_full(world: World, subject: str = "VALIDATED_ROOT") -> None:
    import errno

    from backupmon.storage.faults import server_fault

    error = OSError(errno.ENOSPC, "No space left on device")
    begin_condition(world.settings, server_fault(error, subject), SeenBy.SCAN)


def is_with(monkeypatch: pytest.MonkeyPatch, found: Background) -> None:
    """Let the background be as `found`, as Redis would have told."""
    monkeypatch.setattr(status_of_background, "_seen", {})
    monkeypatch.setattr(status_of_background, "look_at_background", lambda _settings: found)


# --- what is wrong ---------------------------------------------------------------------------


def test_trouble_is_told_with_what_to_do_and_goes_to_the_history(
    world: World, operator: Browser
) -> None:
    disk_full(world)
    told = words(operator.get("/system").text)
    assert "A disk is full. VALIDATED_ROOT: the disk is full (No space left on device)." in told
    assert "Free some space; nothing was lost" in told
    assert "A disk is full" not in words(operator.get("/system/conditions").text)
    end_condition(world.settings, "disk.full", "VALIDATED_ROOT")
    assert "A disk is full" not in words(operator.get("/system").text)
    assert "A disk is full" in words(operator.get("/system/conditions").text)


def test_trouble_is_told_in_french_also_what_was_kept_before(
    world: World, operator: Browser
) -> None:
    disk_full(world, f"DEPOSIT_ROOT/{SCRIPT}%s")
    fault = ServerFault("later.code", "x", "a sentence of a later version", "do something")
    begin_condition(world.settings, fault, SeenBy.SCAN)
    for path in ("/system", "/"):
        page = operator.get(path, headers=FRENCH).text
        assert SCRIPT not in page
        told = words(page)
        assert "%s : le disque est plein (No space left on device)" in told
        assert "Libérez de la place" in told
        assert '<span lang="en">A sentence of a later version.</span>' in page
    end_condition(world.settings, "disk.full", f"DEPOSIT_ROOT/{SCRIPT}%s")
    history = words(operator.get("/system/conditions", headers=FRENCH).text)
    assert "le disque est plein" in history


def test_without_redis_the_page_says_what_works_all_the_same(
    world: World, operator: Browser
) -> None:
    told = words(operator.get("/system").text)
    assert "The queue does not answer." in told
    assert "Nothing is lost" in told
    french = words(operator.get("/system", headers=FRENCH).text)
    assert "La file d’attente (Redis) ne répond pas" in french
    assert "does not answer" not in french


# --- who works, and what was scanned ---------------------------------------------------------


def test_workers_queues_and_the_schedule_are_told(
    world: World, operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = datetime.now(UTC) - timedelta(minutes=2)
    worker = WorkerStatus(f"host.{SCRIPT}", ("scan", "alerts"), "busy", seen)
    next_at = datetime(2031, 3, 3, 12, 15, tzinfo=UTC)
    waiting = {"scan": 0, "alerts": 0, "verify": 1234}
    is_with(monkeypatch, Background(None, None, (worker,), waiting, {"verify": 2}, 1, next_at))
    page = operator.get("/system").text
    told = words(page)
    assert SCRIPT not in page
    assert "scan, alerts at work 2 min ago" in told
    assert "verification verify 1,234 2" in told
    assert "Nobody works on: verify." in told
    assert "The next scan is in the schedule for 3 Mar 2031, 12:15" in told
    is_with(monkeypatch, Background(None))
    assert "No scheduler lives" in words(operator.get("/system").text)


def test_scans_are_told_with_what_they_found_and_what_went_wrong(
    world: World, operator: Browser
) -> None:
    world.job("shop")
    world.site().deliver(at(11, 50), shop="monday")
    world.scan(at(12))
    run = ScanRun(
        started_at=at(13), moment=at(13), finished_at=at(13, 2), state="failed", agent="acme"
    )
    run.host, run.pid, run.counts, run.error = "host", 1, {}, f"the disk said {SCRIPT}"
    db.session.add(run)
    db.session.commit()
    page = operator.get("/system").text
    assert SCRIPT not in page
    told = words(page)
    assert "only acme 2 min failed the disk said" in told
    assert "went through 1 report · 1 good as of 3 Mar 2031, 12:00" in told
    french = words(operator.get("/system/scans", headers=FRENCH).text)
    assert "mené à bien 1 rapport · 1 bonne" in french


def test_scans_and_trouble_have_pages(
    world: World, operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backupmon.services.system.happenings.PAGE_SIZE", 2)
    for number in range(3):
        disk_full(world, f"root{number}")
        end_condition(world.settings, "disk.full", f"root{number}")
        world.scan(at(12, number))
    assert "Page 1 of 2" in words(operator.get("/system/scans").text)
    second = words(operator.get("/system/conditions?page=2").text)
    assert "root0" in second
    assert "root2" not in second
    assert "There is no such page." in operator.get("/system/scans?page=99").text
    assert operator.get("/system/scans?page=nonsense").status_code == 200


def test_a_new_server_says_what_is_not_there_yet(app: Flask, client_as: ClientAs) -> None:
    viewer = client_as("viewer")
    told = words(viewer.get("/system").text)
    assert "The scanner has never looked." in told
    assert "None yet. Scans begin by themselves under flask up." in told
    assert "Nothing was, so far." in words(viewer.get("/system/conditions").text)
    assert "None yet." in words(viewer.get("/system/scans").text)


# --- storage ---------------------------------------------------------------------------------


def test_storage_is_counted_from_the_records(world: World, operator: Browser) -> None:
    world.job("shop")
    site = world.site()
    good = site.deliver(at(11, 50), shop="monday" * 40)["shop"]
    world.scan(at(12))
    world.job("books", "other", neighborhood="b")
    whole = dump_of("tuesday " * 50)
    other = world.site("other")
    other.put("x.sql.gz", whole[:-20])
    other.report(at(11, 50), {"books": section(whole, "x.sql.gz")})
    world.scan(at(12, 5))
    told = words(operator.get("/system").text)
    assert f"Good copies, with those before them {world.settings.validated_root}" in told
    assert re.search(rf"validated Copy 1 {len(good)} B", told)
    assert re.search(rf"quarantine Copy 1 {len(whole) - 20} B", told)
    assert re.search(r"reports Copy 2 ", told)
    assert re.search(r"Database \d", told)


def test_a_root_that_is_away_spoils_nothing_else(world: World, operator: Browser) -> None:
    root = world.settings.validated_root
    root.rename(root.with_name("away"))
    told = words(operator.get("/system").text)
    assert "cannot be told: No such file or directory" in told
    assert "Versions" in told


def test_the_page_costs_the_same_whatever_there_is(
    world: World, operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_with(monkeypatch, Background(None))
    operator.get("/system")
    with queries() as few:
        operator.get("/system")
    for number in range(5):
        world.job(f"db{number}", f"site{number}", neighborhood=str(number))
        world.site(f"site{number}").deliver(at(11, 50), **{f"db{number}": "x"})
        disk_full(world, f"root{number}")
    world.scan(at(12))
    operator.get("/system")
    with queries() as many:
        operator.get("/system")
    assert len(many) == len(few) <= 20


# --- it keeps itself fresh -------------------------------------------------------------------


def test_an_unchanged_poll_is_answered_with_nothing(
    world: World, operator: Browser, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_with(monkeypatch, Background(None))
    address = polled(operator, operator.get("/system").text)
    assert operator.get(address).status_code == 204
    disk_full(world)
    answer = operator.get(address)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div id="system-state"')
    address = polled(operator, answer.text)
    assert operator.get(address).status_code == 204
    # What Redis tells is in no table.
    is_with(monkeypatch, Background(None, waiting={"verify": 3}))
    assert operator.get(address).status_code == 200
    address = polled(operator, operator.get(address).text)
    clock.pass_a_minute()
    assert operator.get(address).status_code == 200


# --- what operators do -----------------------------------------------------------------------


def test_viewers_look_on(world: World, client_as: ClientAs) -> None:
    page = client_as("viewer").get("/system").text
    assert "Scan now" not in page
    assert "Examine the server" not in page
    assert "It is for operators." in page


def test_a_scan_without_redis_is_refused_kindly(world: World, operator: Browser) -> None:
    assert operator.send("/system/scan").location == "/system"
    assert "Nobody can look now: the queue (Redis) does not answer" in words(
        operator.get("/system").text
    )


def test_the_doctor_tells_what_is_well_and_what_to_mend(world: World, operator: Browser) -> None:
    root = world.settings.validated_root
    root.rename(root.with_name("away"))
    page = operator.send("/system/doctor")
    assert page.status_code == 200
    told = words(page.text)
    assert "things to mend" in told
    assert "Bad: Redis the queue (Redis) does not answer" in told
    assert "is not there: its disk may not be mounted" in told
    assert "mount it, or set the right path" in told
    assert "Good: DATA_DIR" in told
    part = operator.post(
        "/system/doctor",
        data={"csrf_token": operator.token()},
        headers={"HX-Request": "true", **FRENCH},
    ).text
    assert part.lstrip().startswith('<section class="section" id="doctor"')
    french = words(part)
    assert "points à réparer" in french
    assert "n’est pas là : son disque n’est peut-être pas monté" in french.replace("\xa0", " ")
    assert "lecture et écriture possibles" in french
    for english in ("readable", "answers", "every setting", "the database", "free", "nobody"):
        assert english not in french


def test_the_doctor_is_asked_by_one_at_a_time(world: World, operator: Browser) -> None:
    with folder_lock(world.settings.data_dir) as ours:
        assert ours
        answer = operator.send("/system/doctor")
        assert answer.status_code == 409
        assert "Somebody else examines the server" in words(answer.text)
        part = operator.post(
            "/system/doctor",
            data={"csrf_token": operator.token()},
            headers={"HX-Request": "true"},
        )
        assert part.status_code == 200
        assert "Somebody else examines the server" in part.text
    assert operator.send("/system/doctor").status_code == 200


def test_the_doctor_leaves_no_trace(world: World, operator: Browser, settings: Settings) -> None:
    before = world.every_file()
    runs = len(db.session.scalars(select(ScanRun)).all())
    operator.send("/system/doctor")
    assert world.every_file() == before
    db.session.rollback()
    assert len(db.session.scalars(select(ScanRun)).all()) == runs
    open_now = db.session.scalars(select(ServerCondition.code)).all()
    assert set(open_now) <= {"background.down"}
