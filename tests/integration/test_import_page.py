"""Importing jobs in the browser: what would change is shown, and exactly that is done."""

from __future__ import annotations

import json
import re
import time
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from backupmon.extensions import db
from backupmon.language.filters import now
from backupmon.models import AuditEvent, ExpectedBackupJob
from backupmon.services.jobs import delete_job, list_jobs, pause_job
from backupmon.web import kept_text
from tests.integration.conftest import World
from tests.integration.web import SCRIPT, Browser, ClientAs

HEADER = "company_name,city,database_name,agent_id_responsible,schedule"
SHOP = "Acme,Douala,shop,acme,0 12 * * *"
CRM = "Acme,Douala,crm,acme,0 3 * * *"


@pytest.fixture
def operator(world: World, client_as: ClientAs) -> Browser:
    return client_as("operator")


def upload(client: Browser, data: str | bytes, name: str = "jobs.csv") -> TestResponse:
    content = data.encode() if isinstance(data, str) else data
    return client.send("/jobs/import", file=(BytesIO(content), name))


def carried(page: TestResponse) -> dict[str, str]:
    """What the page would send with its confirmation."""
    form = re.search(r'<form[^>]*action="/jobs/import/confirm".*?</form>', page.text, re.DOTALL)
    assert form, page.text
    fields = re.findall(r'name="(kept|kind|name|plan)" value="([^"]*)"', form[0])
    return {name: unescape(value) for name, value in fields}


def confirm(client: Browser, page: TestResponse, **changes: Any) -> TestResponse:
    return client.send("/jobs/import/confirm", **{**carried(page), **changes})


def words(page: TestResponse) -> str:
    """What the page says, without its tags."""
    told = " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())
    return re.sub(r" ([:)])|(\() ", r"\1\2", told)


def acts() -> list[tuple[str, str]]:
    """All that was done in this test by a user: who, what."""
    db.session.rollback()
    query = select(AuditEvent).where(AuditEvent.actor.startswith("user:")).order_by(AuditEvent.id)
    found = [(e.actor, e.action) for e in db.session.scalars(query)]
    return [one for one in found if one[1].startswith("job.")]


def titles() -> set[str]:
    db.session.rollback()
    return {job.title for job in list_jobs()}


# --- what would change, and the doing ------------------------------------------------------------


def test_a_file_is_previewed_field_by_field_and_then_imported(
    world: World, operator: Browser
) -> None:
    job = world.job("shop", grace_minutes="30")
    world.job("stock")
    rows = [f"{SHOP},90", f"{CRM},", "Acme,Douala,stock,acme,0 12 * * *,"]
    page = upload(operator, "\n".join([HEADER + ",grace_minutes", *rows]))
    assert page.status_code == 200
    told = words(page)
    assert "1 job to add, 1 to change, 1 unchanged." in told
    assert "line 2 acme/shop grace_minutes 30 → becomes 90" in told
    assert "line 3 acme/crm Douala · Acme 0 3 * * * UTC" in told
    assert f'href="/jobs/{job}"' in page.text
    assert titles() == {"acme/shop", "acme/stock"}, "a preview changes nothing"
    assert acts() == []
    answer = confirm(operator, page)
    assert answer.location == "/"
    assert "Jobs added: 1, changed: 1, left as they were: 1." in operator.get("/").text
    assert titles() == {"acme/shop", "acme/stock", "acme/crm"}
    assert world.get(job).grace_minutes == 90
    assert acts() == [("user:operator", "job.update"), ("user:operator", "job.add")]


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\n{SHOP}\n",
        f"{HEADER}\n{SHOP}".replace(",", "\t").replace("\n", "\r\n"),
        json.dumps([dict(zip(HEADER.split(","), SHOP.split(","), strict=True))]),
    ],
    ids=["CSV", "cells of a spreadsheet", "JSON"],
)
def test_a_text_is_pasted(operator: Browser, text: str) -> None:
    page = operator.send("/jobs/import", text=text)
    assert "1 job to add, 0 to change, 0 unchanged." in words(page)
    confirm(operator, page)
    assert titles() == {"acme/shop"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_file_is_read_as_excel_in_french_writes_it(operator: Browser, encoding: str) -> None:
    text = f"{HEADER},is_active\n{SHOP},VRAI\n".replace("Douala", "Yaoundé").replace(",", ";")
    page = upload(operator, text.replace("\n", "\r\n").encode(encoding))
    assert "line 2 acme/shop Yaoundé · Acme" in words(page)
    confirm(operator, page)
    (job,) = list_jobs()
    assert (job.city, job.is_active) == ("Yaoundé", True)


def test_a_deleted_job_comes_back_and_the_page_says_so(world: World, operator: Browser) -> None:
    job = world.job("shop")
    delete_job(job, now(), "test")
    page = operator.send("/jobs/import", text=f"{HEADER}\n{SHOP}\n")
    assert "(it was deleted; its history comes back)" in words(page)
    confirm(operator, page)
    assert world.get(job).deleted_at is None


def test_where_nothing_would_change_there_is_no_button(world: World, operator: Browser) -> None:
    world.job("shop")
    page = operator.send("/jobs/import", text=f"{HEADER}\n{SHOP}\n")
    assert "Nothing would change: the one job is like that already." in words(page)
    assert "/jobs/import/confirm" not in page.text


def test_names_are_shown_and_not_run(operator: Browser) -> None:
    odd = {
        "company_name": f"{SCRIPT}&",
        "city": "\N{RIGHT-TO-LEFT MARK}Douala\N{ARABIC LETTER BEH}" + "w" * 240,
        "database_name": "d" * 255,
        "agent_id_responsible": "<b>acme",
        "schedule": "0 1 * * *",
    }
    page = operator.send("/jobs/import", text=json.dumps([odd]))
    assert page.status_code == 200
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in page.text
    assert "<b>acme" not in page.text
    bad = json.dumps([{**odd, SCRIPT: 1, "database_name": "\ud800"}, odd])
    for page in (
        upload(operator, bad, f"{SCRIPT}.json"),
        upload(operator, f"{SCRIPT},x\n1,2\n", f'{SCRIPT}"\u202e.csv'),
    ):
        assert page.status_code == 422
        assert "<script>alert" not in page.text


# --- refused -------------------------------------------------------------------------------------


def test_every_bad_row_is_named_with_its_line_and_nothing_typed_is_lost(
    operator: Browser,
) -> None:
    text = f'{HEADER}\nAcme,,shop,acme,hourly\n{CRM}\na,b\n"Acme",Douala,crm,ACME,0 4 * * *\n'
    page = operator.send("/jobs/import", text=text)
    assert page.status_code == 422
    told = words(page)
    assert "3 of 4 rows cannot be imported." in told
    assert "line 2 acme/shop city: is required" in told
    assert 'schedule: the schedule "hourly" has 1 field, not five' in told
    assert "line 4 – has 2 cells, but the header has 5 columns" in told
    assert "line 5 ACME/crm database_name: the same agent and database as line 3" in told
    assert "/jobs/import/confirm" not in page.text
    typed = re.search(r'<textarea id="text".*?>\n(.*?)</textarea>', page.text, re.DOTALL)
    assert typed
    assert unescape(typed[1]) == text
    assert titles() == set()


def test_an_uploaded_text_can_be_mended_in_the_browser(operator: Browser) -> None:
    page = upload(operator, f"{HEADER}\nAcme,,shop,acme,0 12 * * *\n")
    assert "Change the text" in page.text
    assert "Acme,,shop,acme,0 12 * * *" in page.text


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("jobs.xlsx", b"PK", "jobs.xlsx is neither .csv nor .json"),
        ("jobs.csv", b"", "jobs.csv is empty"),
        ("jobs.csv", HEADER.encode(), "jobs.csv has no jobs in it"),
        ("jobs.json", b"[{}", "a comma or the closing ] is wanted"),
        ("jobs.csv", b"\xff\xfeab", "is not text"),
        ("jobs.csv", b"a\0b", "has a NUL byte"),
        ("", b"", "no file was chosen"),
    ],
)
def test_a_file_without_rows_is_refused_with_its_reason(
    operator: Browser, name: str, data: bytes, told: str
) -> None:
    page = upload(operator, data, name)
    assert page.status_code == 422
    assert told in words(page) or told.startswith("is not text")


def test_what_is_wrong_is_said_in_french(operator: Browser) -> None:
    operator.set_cookie("language", "fr")
    text = f"{HEADER},grace_minutes\nAcme,,shop,acme,0 12 * * *,douze\nAcme,x\n"
    told = words(operator.send("/jobs/import", text=text))
    assert "2 lignes sur 2 ne peuvent pas être importées." in told
    assert "ligne 2 acme/shop city: est obligatoire (donnez une valeur)" in told
    assert 'n’est pas un nombre entier: "douze"' in told
    assert "a 2 cellules, alors que l’en-tête a 6 colonnes" in told
    told = words(operator.send("/jobs/import", text="[{]"))
    assert "le fichier est un tableau JSON d’objets" in told
    page = operator.send("/jobs/new", by="cron", schedule="hourly").text
    assert "a un champ au lieu de cinq" in page


def test_what_is_too_large_is_told_and_nothing_is_imported(
    operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, large = "multipart/form-data; boundary=x", b"x" * (10 * 2**20 + 1)
    page = operator.post("/jobs/import", data=large, content_type=kind)
    assert page.status_code == 413
    assert "a file may have 10 MB" in page.text
    typed = (
        b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\n%b\r\n--x--'
        % large[: 3 * 2**20]
    )
    assert operator.post("/jobs/import", data=typed, content_type=kind).status_code == 413
    # More than a page could bear to its confirmation.
    monkeypatch.setattr(kept_text, "_MOST_KEPT", 50)
    page = operator.send("/jobs/import", text=f"{HEADER}\n{SHOP}\n")
    assert page.status_code == 422
    assert "this is too large to be imported in the browser" in page.text
    assert SHOP in page.text


# --- between preview and confirmation ------------------------------------------------------------


def test_jobs_that_changed_meanwhile_are_previewed_again(
    world: World, operator: Browser, client_as: ClientAs
) -> None:
    job = world.job("shop", grace_minutes="30")
    text = f"{HEADER},grace_minutes\n{SHOP},90\n{CRM},\n"
    page = operator.send("/jobs/import", text=text)
    client_as("operator", "bob").send("/jobs/import/confirm", **carried(page))
    answer = confirm(operator, page)
    assert answer.status_code == 409
    assert "This is no longer what was previewed" in answer.text
    assert "Nothing would change: all 2 jobs are like that already." in words(answer)
    page = operator.send("/jobs/import", text=text.replace(",90", ",60"))
    delete_job(job, now(), "test")
    answer = confirm(operator, page)
    assert answer.status_code == 409
    assert "1 job to add, 0 to change, 1 unchanged." in words(answer)
    assert "acme/shop" not in titles()
    assert confirm(operator, answer).location == "/"
    assert world.get(job).grace_minutes == 60


def test_a_change_that_the_import_does_not_touch_stays_and_does_not_stop_it(
    world: World, operator: Browser
) -> None:
    job = world.job("shop")
    page = operator.send("/jobs/import", text=f"{HEADER},grace_minutes\n{SHOP},90\n")
    pause_job(job, None, now(), "test")
    assert confirm(operator, page).location == "/"
    assert (world.get(job).grace_minutes, world.get(job).is_active) == (90, False)


def test_a_row_that_became_bad_meanwhile_is_named(world: World, operator: Browser) -> None:
    page = operator.send("/jobs/import", text=f"{HEADER}\n{SHOP}\n")
    world.job("shop", agent="other")
    answer = confirm(operator, page)
    assert answer.status_code == 422
    assert "gives the same path as other/shop" in answer.text
    assert titles() == {"other/shop"}


def test_nothing_else_is_imported_than_what_was_previewed(operator: Browser) -> None:
    page = operator.send("/jobs/import", text=f"{HEADER}\n{SHOP}\n")
    other = carried(operator.send("/jobs/import", text=f"{HEADER}\n{CRM}\n"))
    assert confirm(operator, page, kept=other["kept"]).status_code == 409
    assert confirm(operator, page, plan="").status_code == 409
    assert confirm(operator, page, kind="json").status_code == 422
    for broken in ("", "x", "eJw=", carried(page)["kept"][:-8]):
        answer = confirm(operator, page, kept=broken)
        assert answer.status_code == 422
        assert "did not come back from the page" in answer.text
    assert titles() == set()


def test_the_text_comes_back_from_the_page_as_it_was() -> None:
    for text in ("a\r\nb\rc\n\u2028é\ud7ff", "x" * 3_000_000):
        kept = kept_text.keep(text)
        assert kept is not None
        assert kept_text.kept_text(kept) == text
    bomb = kept_text.keep("x" * (21 * 2**20))
    assert bomb is not None
    assert kept_text.kept_text(bomb) is None


# --- large, and what the page tells --------------------------------------------------------------


def test_ten_thousand_rows_are_previewed_and_imported_within_reason(operator: Browser) -> None:
    rows = [f"Acme,Douala,db{n:05},agent{n % 100},0 {n % 24} * * *" for n in range(10_000)]
    began = time.process_time()
    page = upload(operator, "\n".join([HEADER, *rows]))
    assert "10,000 jobs to add" in words(page)
    assert "Of each kind the first 200 are shown." in words(page)
    assert page.text.count("agent7/db") < 10
    assert len(page.text) < 500_000
    assert confirm(operator, page).location == "/"
    assert db.session.scalar(select(func.count(ExpectedBackupJob.id))) == 10_000
    # Of the processor, since the machine does other things too.
    assert time.process_time() - began < 40


def test_all_rows_are_shown_when_they_are_asked_for(operator: Browser) -> None:
    rows = [f"Acme,Douala,db{n:03},acme,0 1 * * *" for n in range(250)]
    page = operator.send("/jobs/import", text="\n".join([HEADER, *rows]))
    assert page.text.count("acme/db") == 200
    whole = operator.send("/jobs/import", **{**carried(page), "all": "yes"})
    assert whole.text.count("acme/db") == 250
    assert carried(whole)["plan"] == carried(page)["plan"]


def test_the_page_names_every_column_and_its_samples_can_be_imported(operator: Browser) -> None:
    page = operator.get("/jobs/import")
    assert "<code>agent_id_responsible</code>" in page.text
    assert "Cron expression of five fields" in page.text
    for kind in ("csv", "json"):
        found = operator.get(f"/jobs/import/sample.{kind}")
        assert f'filename="backupmon-sample.{kind}"' in found.headers["Content-Disposition"]
        told = words(upload(operator, found.data, f"sample.{kind}"))
        assert "2 jobs to add, 0 to change, 0 unchanged." in told
        assert "Yaoundé" in told
    assert operator.get("/jobs/import/sample.xlsx").status_code == 404
