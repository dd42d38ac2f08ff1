"""The pages on a phone, in the dark, in French, without scripts, and for those who cannot see."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from backupmon.core.digest_policy import Rhythm
from backupmon.extensions import db
from backupmon.models import AgentReport, AlertChannel
from backupmon.services.alert_recipients import Wishes, set_digest
from backupmon.services.discoveries import list_discoveries
from backupmon.services.jobs import delete_job
from backupmon.services.silences import snooze_job
from tests.browser.conftest import unfold_all
from tests.integration.conftest import World, at
from tests.integration.site import dump_of, section

Open = Callable[..., Page]
PHONE = {"width": 360, "height": 800}
LONG = "a_database_with_a_very_long_name_that_nobody_would_choose_but_somebody_has_chosen_2026"
SOMEBODY = f"{LONG[:60]}@{LONG[:50].replace('_', '-')}.example.org"


@pytest.fixture
def paths(world: World) -> dict[str, str]:
    """Pages with something on them: long names, trouble, a history."""
    world.job("shop", neighborhood="Akwa")
    job = world.job(LONG, city="Llanfairpwllgwyngyllgogerychwyrndrobwll", company_name="W" * 80)
    gone = world.job("gone", company_name=LONG)
    world.job("coming", schedule="0 14 * * *", notification_recipients=SOMEBODY)
    site = world.site()
    for day in range(3):
        night = f"night {day}"
        site.deliver(at(11, 50, days=day), shop=night, gone=night, **{LONG: night})
        world.scan(at(12, days=day))
    data = dump_of("tuesday " * 50)
    site.put("x.sql.gz", data[:-20])
    site.report(at(11, 50, days=3), {LONG: section(data, "x.sql.gz")})
    world.scan(at(13, days=3))
    delete_job(gone, datetime.now(UTC), "test")
    entry = world.entries(job)[-1]
    invalid, chosen = intake_of(world, data)
    snooze_job(job, datetime.now(UTC) + timedelta(days=2), f"user:{LONG}", datetime.now(UTC), LONG)
    return {
        "board": "/",
        "ticked": "/?ticked=all",
        "bulk": f"/jobs/bulk/pause?job={job}&job={job - 1}",
        "import": "/jobs/import",
        "job": f"/jobs/{job}",
        "entry": f"/entries/{entry.id}",
        "quarantine": "/quarantine",
        "kept": f"/quarantine/{entry.id}",
        "system": "/system",
        "copies": "/system/copies",
        "lost": "/nothing",
        "reports": "/reports",
        "report": f"/reports/{entry.report_id}",
        "invalid": f"/reports/{invalid}",
        "discoveries": "/discoveries",
        "review": f"/discoveries/adopt?{chosen}",
        "adopting": f"/jobs/new?agent=nova&database={LONG}",
        "alerts": "/alerts",
        "mail": f"/alerts/mail?to={SOMEBODY}",
    }


def intake_of(world: World, data: bytes) -> tuple[int, str]:
    """An invalid report's number, and discoveries as they are chosen in an address."""
    body = section(data, "x.sql.gz")
    world.site("nova").report(at(11, 50, days=3), {LONG: body, "<b>": body, "z" * 255: body})
    bad = {"shop": {"BACKUP": {}}, "<b>" * 80: 1, LONG: section(data, "..", COMPRESS__status=1)}
    world.site("nova").drop(f"{LONG}.json", json.dumps({"databases": bad}).encode())
    world.scan(at(13, 5, days=3))
    invalid = db.session.scalar(select(func.max(AgentReport.id)))
    assert invalid is not None
    return invalid, "&".join(f"id={one.id}" for one in list_discoveries())


#: Visited one after the other: to set up what is on them takes longer than to look.
PAGES = (
    *(
        "board",
        "ticked",
        "bulk",
        "import",
        "job",
        "entry",
        "quarantine",
        "kept",
        "system",
        "copies",
        "alerts",
        "mail",
    ),
    *("reports", "report", "invalid", "discoveries", "review", "adopting"),
)


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """What axe-core finds, with the places where it does."""
    found = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"][:3]]) for one in found]


def scrolls_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.mark.parametrize("locale", ["en-GB", "fr-FR"])
def test_nothing_scrolls_sideways_on_a_phone(
    open_page: Open, paths: dict[str, str], locale: str
) -> None:
    page = open_page(viewport=PHONE, locale=locale)
    for name in PAGES:
        page.goto(paths[name])
        assert not scrolls_sideways(page), name
        unfold_all(page)
        assert not scrolls_sideways(page), name


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("wrong", [False, True], ids=["changes", "faults"])
def test_what_an_import_would_do_fits_on_a_phone_and_axe_finds_nothing(
    open_page: Open, paths: dict[str, str], wrong: bool, scheme: str
) -> None:
    page = open_page("/jobs/import", viewport=PHONE, color_scheme=scheme)
    header = "company_name,city,database_name,agent_id_responsible,schedule,grace_minutes"
    rows = [
        f"{'W' * 80},Douala,{LONG},acme,0 12 * * *,90",
        f"Acme,Douala,{LONG * 2},acme,0 1 * * *,",
    ]
    rows += ["Acme,,x,acme,hourly,-1"] if wrong else ["Acme,Douala,shop,acme,0 12 * * *,"]
    page.locator("#text").fill("\n".join([header, *rows]))
    page.get_by_role("button", name="Preview the text").click()
    expect(page.locator("#preview")).to_contain_text("line 4" if wrong else "1 job to change")
    unfold_all(page)
    assert not scrolls_sideways(page)
    assert violations(page) == []


def test_names_of_twenty_letters_are_whole_on_a_phone(world: World, open_page: Open) -> None:
    world.job("ngono_bafoussam_rh_1")
    world.scan(at(13))
    page = open_page("/", viewport=PHONE, locale="fr-FR")
    name = page.locator("#jobs tbody .c-name")
    assert name.evaluate("cell => cell.scrollWidth <= cell.clientWidth")


def test_the_page_for_beginners_fits_on_a_phone(world: World, open_page: Open) -> None:
    page = open_page("/", viewport=PHONE)
    expect(page.locator("h1")).to_have_text("No backup is expected yet")
    assert not scrolls_sideways(page)


def test_dark_follows_the_system_and_the_readers_choice(
    open_page: Open, paths: dict[str, str]
) -> None:
    def ground(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    light, dark = ground(open_page("/")), ground(open_page("/", color_scheme="dark"))
    assert light != dark
    page = open_page("/")
    page.get_by_role("button", name="Dark").click()
    assert ground(page) == dark
    page.goto(paths["job"])
    assert ground(page) == dark
    page.get_by_role("button", name="As the system").click()
    assert ground(page) == light


def test_without_scripts_everything_works_by_links_and_forms(
    open_page: Open, paths: dict[str, str]
) -> None:
    page = open_page("/", java_script_enabled=False)
    page.get_by_label("Search").fill("shop")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#jobs tbody th")).to_have_text(["shop"])
    page.get_by_role("link", name="Show all").click()
    page.locator(".counts").get_by_role("link", name="1 broken in transfer").click()
    expect(page.locator("#jobs tbody th")).to_have_text([LONG])
    page.get_by_role("link", name=LONG).click()
    expect(page.locator("#verdict-title")).to_contain_text("the transfer was cut")
    page.locator("details.entry summary").first.click()
    page.get_by_role("link", name="All that the agent said").first.click()
    expect(page.locator("h1")).to_contain_text("Backup due")


def test_without_scripts_discoveries_are_adopted_and_ignored(
    open_page: Open, paths: dict[str, str]
) -> None:
    page = open_page(paths["discoveries"], java_script_enabled=False)
    page.locator("tr", has_text="<b>").get_by_role("button", name="Ignore").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_label("Choose").first.check()
    page.get_by_role("button", name="Adopt the ticked ones…").click()
    page.get_by_label("City").fill("Garoua")
    page.get_by_role("button", name="Show what that makes").click()
    expect(page.locator("tbody tr")).to_contain_text("nova, Garoua")
    page.get_by_role("button", name="Adopt the ticked ones").click()
    expect(page.locator("h1")).to_have_text(LONG)


def test_enter_on_a_box_ignores_nothing(open_page: Open, paths: dict[str, str]) -> None:
    page = open_page(paths["discoveries"])
    page.get_by_role("button", name="Tick all on this page").click()
    page.get_by_label("Choose").first.press("Enter")
    expect(page.locator("h1")).to_have_text("Adopt 3 databases")


def test_the_keyboard_reaches_the_content_first(open_page: Open, paths: dict[str, str]) -> None:
    page = open_page("/")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(open_page: Open, paths: dict[str, str], scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    for name in (*PAGES, "lost"):
        page.goto(paths[name])
        unfold_all(page)
        assert violations(page) == [], name


def test_axe_finds_nothing_on_the_page_for_beginners(world: World, open_page: Open) -> None:
    assert violations(open_page("/")) == []


def test_a_mail_is_shown_in_a_frame_that_may_do_nothing(
    open_page: Open, paths: dict[str, str]
) -> None:
    page = open_page(paths["mail"], java_script_enabled=False)
    frame = page.frame_locator("iframe.mail")
    expect(frame.locator("h1")).to_have_text("1 problem")
    expect(frame.get_by_text("coming: MISSING")).to_be_visible()
    page.get_by_role("link", name="Alerts").first.click()
    page.get_by_label("To", exact=True).fill("else")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No alert fits.")).to_be_visible()


def test_a_viewers_page_shows_no_button_that_changes_anything(
    open_page: Open, paths: dict[str, str]
) -> None:
    page = open_page(paths["job"], role="viewer")
    expect(page.get_by_role("button", name="Scan now")).to_have_count(0)
    assert violations(page) == []


@pytest.fixture
def recipients(world: World) -> dict[str, str]:
    """The pages of admins on who is told, with long addresses and channels on them."""
    address = f"{'a' * 60}@{'mail.' * 12}example.org"
    set_digest(address, Wishes(rhythm=Rhythm.WEEKLY), "test", at(8))
    set_digest("ann@example.org", Wishes(rhythm=Rhythm.DAILY), "test", at(8))
    for name in (LONG, "chat"):
        row = AlertChannel(recipient_id=1, name=name, url="slack://a/b/c", created_at=at(8))
        db.session.add(row)
    db.session.commit()
    return {"list": "/admin/recipients", "one": "/admin/recipients/1"}


@pytest.mark.parametrize("name", ["list", "one"])
def test_the_pages_on_who_is_told_fit_and_axe_finds_nothing(
    open_page: Open, recipients: dict[str, str], name: str
) -> None:
    wide = {"width": 1100, "height": 800}
    for viewport, scheme, locale in ((PHONE, "light", "en-GB"), (wide, "dark", "fr-FR")):
        options = {"viewport": viewport, "color_scheme": scheme, "locale": locale}
        page = open_page(recipients[name], role="admin", **options)
        unfold_all(page)
        assert not scrolls_sideways(page)
        assert violations(page) == []


def test_wishes_are_chosen_without_scripts(open_page: Open, recipients: dict[str, str]) -> None:
    page = open_page(recipients["list"], role="admin", java_script_enabled=False)
    page.get_by_role("link", name="ann@example.org").click()
    page.get_by_label("Digest", exact=True).select_option("On Mondays")
    page.get_by_label("At what time").fill("18:30")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#notices")).to_contain_text("Saved")
    expect(page.locator("main")).to_contain_text("on Mondays, 18:30")


def test_the_door_fits_on_a_phone_and_axe_finds_nothing(world: World, open_page: Open) -> None:
    page = open_page("/", role="stranger", viewport=PHONE)
    expect(page.locator("h1")).to_have_text("Log in")
    assert not scrolls_sideways(page)
    assert violations(page) == []
