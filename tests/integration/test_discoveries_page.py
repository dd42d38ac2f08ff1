"""The pages of discoveries: looked at, adopted one by one or many at once, ignored."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from backupmon.extensions import db
from backupmon.models import AuditEvent, Discovery, ExpectedBackupJob
from backupmon.services.discoveries import PAGE_SIZE, list_discoveries
from backupmon.services.jobs import delete_job, list_jobs
from tests.integration.conftest import World, at
from tests.integration.pages import queries
from tests.integration.site import dump_of, section
from tests.integration.web import SCRIPT, Browser, ClientAs

HIDDEN = "&lt;script&gt;alert(1)&lt;/script&gt;"
TALLY = 'class="count"'


@pytest.fixture
def operator(world: World, client_as: ClientAs) -> Browser:
    return client_as("operator")


def discover(world: World, *names: str, agent: str = "zeta_kribi", nights: int = 1) -> list[int]:
    """Let an agent report databases; gives their numbers as discoveries, in that order."""
    body = section(dump_of("x"), "x.gz", COMPRESS__size=2_000_000, BACKUP__size=10**30)
    for night in range(nights):
        world.site(agent).report(at(11, 50 + night, days=night), dict.fromkeys(names, body))
        world.scan(at(12, days=night))
    db.session.rollback()
    ids = {one.database_name: one.id for one in list_discoveries(agent)}
    return [ids[name] for name in names]


def names() -> list[str]:
    db.session.rollback()
    return [one.database_name for one in list_discoveries()]


def jobs() -> list[ExpectedBackupJob]:
    db.session.rollback()
    db.session.expire_all()
    return list_jobs()


def acts() -> list[tuple[str, str]]:
    db.session.rollback()
    query = select(AuditEvent.action, AuditEvent.actor).order_by(AuditEvent.id)
    return [(action, actor) for action, actor in db.session.execute(query)]


def test_nothing_discovered_is_told_and_the_navigation_is_quiet(operator: Browser) -> None:
    page = operator.get("/discoveries").text
    assert "Every database that agents report is expected by a job." in page
    assert '<form class="wide-form"' not in page
    assert TALLY not in page


def test_what_agents_report_is_listed_and_counted_everywhere(
    world: World, client_as: ClientAs
) -> None:
    discover(world, "shop", SCRIPT, "y" * 255, nights=3)
    page = client_as("operator").get("/discoveries").text
    assert page.count("Adopt<") == 3
    assert HIDDEN in page
    assert SCRIPT not in page
    assert "2.0\xa0MB" in page
    assert "/jobs/new?agent=zeta_kribi&amp;database=%3Cscript%3E" in page
    assert f"{TALLY}>3</span>" in client_as("operator").get("/").text
    viewers = client_as("viewer").get("/discoveries").text
    assert "for operators" in viewers
    assert "Adopt<" not in viewers
    assert 'type="checkbox"' not in viewers


def test_search_and_pages(world: World, operator: Browser) -> None:
    discover(world, *(f"db{n:03}" for n in range(PAGE_SIZE + 1)))
    discover(world, "100%", agent="Bank")
    first = operator.get("/discoveries").text
    assert "Page 1 of 2" in first
    assert operator.get("/discoveries?page=2").text.count("Adopt<") == 2
    assert operator.get("/discoveries?q=100%25").text.count("Adopt<") == 1
    assert operator.get("/discoveries?q=0%25&agent=zeta_kribi").text.count("Adopt<") == 0
    assert operator.get("/discoveries?agent=BANK").text.count("Adopt<") == 1
    assert "1 discovery found" in operator.get("/discoveries?q=Db007").text
    assert "No discovery fits." in operator.get("/discoveries?q=%00nothing").text


def test_one_click_leads_to_the_form_as_it_is_guessed(world: World, operator: Browser) -> None:
    discover(world, "shop", nights=3)
    form = operator.get("/jobs/new?agent=ZETA_kribi&database=shop").text
    for field, value in (("company_name", "zeta"), ("city", "Kribi"), ("time", "11:50")):
        assert f'name="{field}"' in form
        assert f'value="{value}"' in form
    assert "3 of its reports ended between 11:50 and 11:52" in form
    assert "Company, City: from the agent&#39;s id" in form
    fields = {
        "company_name": "Zeta",
        "city": "Kribi",
        "agent_id_responsible": "zeta_kribi",
        "database_name": "shop",
        "by": "cron",
        "schedule": "0 12 * * *",
    }
    assert operator.send("/jobs/new", **fields).location == f"/jobs/{jobs()[0].id}"
    assert names() == []
    assert acts() == [("job.add", "user:operator")]


def test_who_comes_second_to_the_form_is_led_to_the_job(world: World, client_as: ClientAs) -> None:
    discover(world, "shop")
    ann, bob = client_as("operator", "ann"), client_as("operator", "bob")
    assert bob.get("/jobs/new?agent=zeta_kribi&database=shop").status_code == 200
    job = world.job("shop", agent="zeta_kribi")
    answer = ann.get("/jobs/new?agent=zeta_kribi&database=shop")
    assert answer.location == f"/jobs/{job}"
    assert "is expected already: somebody has adopted it." in ann.get(answer.location).text
    fields = {
        "company_name": "Typed by Bob",
        "city": "Kribi",
        "agent_id_responsible": "zeta_kribi",
        "database_name": "shop",
        "by": "cron",
        "schedule": "0 12 * * *",
    }
    late = bob.send("/jobs/new", **fields)
    assert late.status_code == 422
    assert "somebody may have been faster" in late.text
    assert f'<a href="/jobs/{job}">zeta_kribi/shop</a>' in late.text
    assert 'value="Typed by Bob"' in late.text
    delete_job(job, at(13), "test")
    gone = ann.get("/jobs/new?agent=zeta_kribi&database=shop")
    assert gone.location == "/discoveries"
    assert "No report names this database any more" in ann.get("/discoveries").text
    assert ann.get("/jobs/new?agent=%00&database=").location == "/discoveries"


def test_many_are_looked_at_then_adopted_at_once(world: World, operator: Browser) -> None:
    ids = discover(world, "shop", "crm", SCRIPT)
    answer = operator.send("/discoveries/chosen", act="adopt", id=[str(one) for one in ids])
    assert answer.location == "/discoveries/adopt?" + "&".join(f"id={one}" for one in ids)
    page = operator.get(answer.location).text
    assert "<h1>Adopt 3 databases</h1>" in page
    assert "<code>50 11 * * *</code>" in page
    assert "from the end of the last report" in page
    assert HIDDEN in page
    common = {"schedule": "30 22 * * *", "timezone": "Africa/Douala", "company_name": "Zeta"}
    looked = operator.send("/discoveries/adopt", act="look", id=ids, **common, city="")
    page = operator.get(looked.location).text
    assert page.count("<code>30 22 * * *</code>") == 3
    assert "Zeta, Kribi" in page
    assert jobs() == []
    done = operator.send("/discoveries/adopt", act="adopt", id=ids, **common, city="")
    assert done.location == "/discoveries"
    assert "3 databases are expected from now on." in operator.get("/discoveries").text
    told = {(job.company_name, job.city, job.schedule, job.timezone) for job in jobs()}
    assert told == {("Zeta", "Kribi", "30 22 * * *", "Africa/Douala")}
    assert acts() == [("job.add", "user:operator")] * 3
    assert names() == []


def test_where_something_is_wrong_none_is_adopted(world: World, operator: Browser) -> None:
    ids = discover(world, "shop", "crm")
    wrong = {"schedule": "whenever", "timezone": "Mars/Olympus", "city": SCRIPT}
    answer = operator.send("/discoveries/adopt", act="adopt", id=ids, **wrong)
    assert answer.status_code == 422
    assert "Nothing was adopted" in answer.text
    assert answer.text.count('<p class="fault">Schedule: ') == 2
    assert answer.text.count('<p class="fault">Time zone: ') == 2
    assert 'value="whenever"' in answer.text
    assert SCRIPT not in answer.text
    assert (jobs(), names()) == ([], ["crm", "shop"])


def test_what_another_adopted_meanwhile_is_told_and_the_rest_is_adopted(
    world: World, client_as: ClientAs
) -> None:
    ids = discover(world, "shop", "crm", "erp")
    ann, bob = client_as("operator", "ann"), client_as("operator", "bob")
    assert ann.get(f"/discoveries/adopt?id={ids[0]}&id={ids[1]}").status_code == 200
    bob.send("/discoveries/adopt", act="adopt", id=[ids[0]])
    page = ann.get(f"/discoveries/adopt?id={ids[0]}&id={ids[1]}").text
    assert "One of them is no discovery any more: somebody else has adopted it" in page
    ann.send("/discoveries/adopt", act="adopt", id=ids[:2])
    assert {job.database_name for job in jobs()} == {"shop", "crm"}
    assert "somebody else has adopted it meanwhile" in ann.get("/discoveries").text
    late = ann.send("/discoveries/adopt", act="adopt", id=ids[:2])
    assert late.location == "/discoveries"
    assert "2 of them are no discoveries any more" in ann.get("/discoveries").text
    assert names() == ["erp"]


def test_a_race_for_the_same_ones_is_lost_without_harm(
    world: World, operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = discover(world, "shop", "crm")
    from backupmon.services.discoveries import adopting

    guess = adopting.guess_jobs

    def slowly(*args: object) -> object:
        guessed = guess(*args)  # type: ignore[arg-type]
        monkeypatch.setattr(adopting, "guess_jobs", guess)
        # As in another process.
        with world.app.app_context():
            world.job("shop", agent="zeta_kribi")
        return guessed

    monkeypatch.setattr(adopting, "guess_jobs", slowly)
    answer = operator.send("/discoveries/adopt", act="adopt", id=ids)
    assert answer.status_code == 302
    assert {job.database_name for job in jobs()} == {"shop", "crm"}
    page = operator.get(answer.location).text
    assert "One database is expected from now on." in page
    assert "One of them is no discovery any more" in page


def test_what_is_ignored_does_not_come_back_until_it_is_asked_for(
    world: World, operator: Browser
) -> None:
    first, second, third = discover(world, "shop", "crm", "erp")
    answer = operator.send("/discoveries/chosen", ignore=first, id=[second])
    assert answer.location == "/discoveries"
    page = operator.get("/discoveries").text
    assert "One database is ignored from now on." in page
    assert f"{TALLY}>2</span>" in page
    assert "1 ignored" in page
    operator.send("/discoveries/chosen", act="ignore", id=[second, third])
    discover_again = world.site("zeta_kribi")
    discover_again.deliver(at(11, 55), shop="a", crm="b", erp="c")
    world.scan(at(12, 30))
    assert names() == []
    assert TALLY not in operator.get("/").text
    assert "What is ignored is not counted." in operator.get("/discoveries").text
    aside = operator.get("/discoveries?show=ignored").text
    assert aside.count("No longer ignore") == 3
    assert "operator" in aside
    operator.send(f"/discoveries/{first}/restore")
    assert names() == ["shop"]
    operator.send(f"/discoveries/{first}/restore")
    expected = ["discovery.ignore"] * 3 + ["discovery.restore"]
    assert acts() == [(action, "user:operator") for action in expected]


def test_an_ignored_one_can_be_adopted_all_the_same(world: World, operator: Browser) -> None:
    (one,) = discover(world, "shop")
    operator.send("/discoveries/chosen", ignore=one)
    assert operator.get("/jobs/new?agent=zeta_kribi&database=shop").status_code == 200
    operator.send("/discoveries/adopt", act="adopt", id=one)
    assert [job.database_name for job in jobs()] == ["shop"]
    assert operator.send(f"/discoveries/{one}/restore").status_code == 404


@pytest.mark.parametrize("ids", [[], ["x"], ["-1"], ["99999999999"], ["2147483648"], ["²"]])
def test_nothing_chosen_is_told(operator: Browser, ids: list[str]) -> None:
    for path in ("/discoveries/chosen", "/discoveries/adopt"):
        assert operator.send(path, act="adopt", id=ids).status_code == 302
    assert "notice warning" in operator.get("/discoveries").text


def test_the_number_of_queries_does_not_depend_on_the_number_of_discoveries(
    world: World, operator: Browser
) -> None:
    ids = discover(world, "db0")
    with queries() as for_one:
        operator.get("/discoveries")
        operator.get(f"/discoveries/adopt?id={ids[0]}")
    ids = discover(world, *(f"db{n}" for n in range(30)))
    chosen = "&".join(f"id={one}" for one in ids)
    with queries() as for_many:
        operator.get("/discoveries")
        operator.get(f"/discoveries/adopt?{chosen}")
    assert len(for_many) == len(for_one) <= 12


def test_sizes_that_no_file_can_have_are_none(world: World) -> None:
    (one,) = discover(world, "shop")
    found = db.session.get(Discovery, one)
    assert found is not None
    assert (found.compress_size, found.backup_size) == (2_000_000, None)
