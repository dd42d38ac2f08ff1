"""Exporting the jobs that the list shows, for a spreadsheet and for a program."""

from __future__ import annotations

import csv
import json
import tracemalloc
from datetime import timedelta
from io import BytesIO, StringIO

import pytest
from sqlalchemy import insert

from backupmon.core.job_spec import EDITABLE
from backupmon.extensions import db
from backupmon.language.filters import now
from backupmon.models import ExpectedBackupJob
from backupmon.models.columns import row_dict
from backupmon.services.jobs import list_jobs, pause_job
from tests.integration.conftest import World
from tests.integration.web import Browser, ClientAs

#: As spreadsheets begin their formulas, and what else a name may hold.
ODD = ["=1+1", "+1", "-x;y", "@SUM(A1)", "'=quoted", "'plain'", 'a "b", c', "São\u00a0Paulo"]


@pytest.fixture
def viewer(world: World, client_as: ClientAs) -> Browser:
    return client_as("viewer")


def exported(client: Browser, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/jobs/export.csv{query}")
    assert answer.status_code == 200
    return list(csv.DictReader(StringIO(answer.text.removeprefix("\ufeff"))))


def test_a_viewer_exports_what_the_list_shows_on_all_its_pages(
    world: World, viewer: Browser
) -> None:
    for number in range(60):
        world.job(f"db{number:02}", city="Edea" if number < 55 else "Douala")
    paused = world.job("paused", "other", city="Limbe")
    pause_job(paused, None, now(), "test")
    assert len(exported(viewer)) == 61
    assert len(exported(viewer, "?city=Edea&page=2&sort=size")) == 55
    assert [row["database_name"] for row in exported(viewer, "?q=edea+db07")] == ["db07"]
    assert [row["id"] for row in exported(viewer, "?status=PAUSED")] == [str(paused)]
    assert exported(viewer, "?agent=nobody") == []
    found = viewer.get("/jobs/export.json?status=PAUSED")
    assert [job["database_name"] for job in json.loads(found.text)] == ["paused"]
    assert json.loads(viewer.get("/jobs/export.json?agent=nobody").text) == []


def test_it_is_a_file_to_download(viewer: Browser) -> None:
    for suffix, mimetype in (("csv", "text/csv"), ("json", "application/json")):
        found = viewer.get(f"/jobs/export.{suffix}")
        assert found.mimetype == mimetype
        name = f'attachment; filename="backupmon-jobs-{now():%Y-%m-%d}.{suffix}"'
        assert found.headers["Content-Disposition"] == name
        assert found.headers["Cache-Control"] == "no-store"


def test_the_list_leads_to_the_export_of_what_it_shows(world: World, viewer: Browser) -> None:
    world.job("shop")
    assert 'href="/jobs/export.csv"' in viewer.get("/").text
    page = viewer.get("/?q=shop&page=1").text
    assert 'href="/jobs/export.csv?q=shop"' in page
    assert "Export these:" in page
    assert "/jobs/import" not in page, "a viewer imports nothing"


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_no_cell_is_a_formula_and_importing_it_again_changes_nothing(
    world: World, client_as: ClientAs, suffix: str, language: str
) -> None:
    operator = client_as("operator")
    operator.set_cookie("language", language)
    for number, name in enumerate(ODD):
        odd = world.job(name, company_name=name, neighborhood=name, city=f"{name}{number}")
    pause_job(odd, now() + timedelta(days=3, microseconds=5), now(), "test")
    before = [row_dict(job, EDITABLE) for job in list_jobs()]
    data = operator.get(f"/jobs/export.{suffix}").data
    if suffix == "csv":
        separator = ";" if language == "fr" else ","
        cells = csv.reader(StringIO(data.decode("utf-8-sig")), delimiter=separator)
        assert not [cell for row in cells for cell in row if cell[:1] in tuple("=+-@\t\r")]
    page = operator.send("/jobs/import", file=(BytesIO(data), f"jobs.{suffix}"))
    told = {"en": "Nothing would change: all 8 jobs", "fr": "les 8 tâches sont déjà ainsi"}
    assert told[language] in page.text
    db.session.rollback()
    assert [row_dict(job, EDITABLE) for job in list_jobs()] == before


def test_ten_thousand_jobs_are_sent_in_bounded_memory(world: World, viewer: Browser) -> None:
    first = world.get(world.job("first"))
    columns = [c.name for c in ExpectedBackupJob.__table__.columns if c.name != "id"]
    usual = {name: getattr(first, name) for name in columns}
    rows = [{**usual, "database_name": f"db{n}", "final_path_key": f"{n}"} for n in range(10_000)]
    db.session.execute(insert(ExpectedBackupJob), rows)
    db.session.commit()
    db.session.expunge_all()
    del rows
    tracemalloc.start()
    answer = viewer.get("/jobs/export.csv", buffered=False)
    sizes = [len(piece) for piece in answer.response]
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(sizes) > 2_000_000
    assert max(sizes) < 200_000
    assert peak < 4_000_000, f"{peak} bytes"
