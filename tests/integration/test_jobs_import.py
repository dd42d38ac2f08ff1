"""Importing and exporting jobs: all of a file, or nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event, func, select

from backupmon.core.job_spec import JobDefaults
from backupmon.extensions import db
from backupmon.models import AuditEvent, ExpectedBackupJob
from backupmon.services.job_changes import Outcome
from backupmon.services.job_drafts import RowsRefusedError
from backupmon.services.job_import import import_jobs
from backupmon.services.job_writing import csv_text, json_text
from backupmon.services.jobs import add_job, delete_job, list_jobs, pause_job

NOW = datetime(2031, 3, 3, 8, 0, tzinfo=UTC)
NOON = NOW.replace(hour=12)
HEADER = "company_name,city,database_name,agent_id_responsible,schedule"
SHOP = "Acme,Douala,shop,acme,0 12 * * *"
CRM = "Acme,Douala,crm,acme,0 12 * * *"


@pytest.fixture(autouse=True)
def _app(app: Flask) -> None:
    """Every test here talks to a database."""


@pytest.fixture
def load(tmp_path: Path):
    """Import rows under a header, or any text under another name."""

    def load_text(text: str, name: str = "jobs.csv", now: datetime = NOW, **options: bool):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        return import_jobs(path, JobDefaults(), now, "cli:ann", **options)

    return load_text


def counts(done: Outcome) -> tuple[int, int, int]:
    return len(done.added), len(done.updated), len(done.unchanged)


def refused(load, text: str, name: str = "jobs.csv") -> list[str]:
    """What is told of a file in which a row is bad."""
    before = db.session.scalar(select(func.count(AuditEvent.id)))
    with pytest.raises(RowsRefusedError) as error:
        load(text, name)
    assert db.session.scalar(select(func.count(AuditEvent.id))) == before
    return [line for row in error.value.rows for line in row.lines()]


def job(database: str = "shop") -> ExpectedBackupJob:
    query = select(ExpectedBackupJob).where(ExpectedBackupJob.database_name == database)
    found = db.session.scalar(query)
    assert found is not None
    return found


def test_rows_are_added_and_audited(load) -> None:
    assert counts(load(f"{HEADER}\n{SHOP}\n{CRM}\n")) == (2, 0, 0)
    assert (job().expected_due_at, job().grace_minutes, job().version) == (NOON, 30, 1)
    acts = db.session.execute(select(AuditEvent.action, AuditEvent.subject_id)).all()
    assert acts == [("job.add", job().id), ("job.add", job("crm").id)]


def test_the_same_agent_and_database_is_updated_and_nothing_deleted(load) -> None:
    load(f"{HEADER}\n{SHOP}\n{CRM}\n")
    done = load("agent_id_responsible,database_name,city\nACME,shop,Edea\n")
    assert counts(done) == (0, 1, 0)
    assert (job().city, job().schedule, job().version) == ("Edea", "0 12 * * *", 2)
    assert len(list_jobs()) == 2


def test_an_empty_cell_gets_the_default_or_stays_or_clears(load) -> None:
    columns = "grace_minutes,neighborhood,notification_recipients"
    load(f"{HEADER},{columns}\n{SHOP},5,Akwa,ann@example.org\n")
    load(f"{HEADER},{columns}\n{SHOP},,,\n{CRM},,,\n")
    kept = job()
    assert (kept.grace_minutes, kept.neighborhood, kept.notification_recipients) == (5, None, None)
    assert job("crm").grace_minutes == 30


def test_every_bad_row_is_named_with_its_line_and_nothing_is_imported(load) -> None:
    rows = ["Acme,,shop,acme,hourly", CRM, 'Acme,"Dou\nala",erp,acme,0 12 * * *', "a,b"]
    text = "\n".join([HEADER, *rows, CRM])
    lines = refused(load, text)
    starts = [line.split(":")[0] + ":" + line.split(":")[1] for line in lines]
    assert starts == [
        "line 2 (acme/shop): city",
        "line 2 (acme/shop): schedule",
        "line 4 (acme/erp): city",
        "line 6: row",
        "line 7 (acme/crm): database_name",
    ]
    assert "the same agent and database as line 3" in lines[4]
    assert list_jobs() == []


def test_a_bad_object_is_named_with_the_line_it_begins_in(load) -> None:
    good = {"company_name": "A", "city": "B", "agent_id_responsible": "a", "schedule": "0 1 * * *"}
    rows = [{**good, "database_name": "x"}, {**good, "database_name": 7, "citty": "B"}, "no"]
    text = "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]"
    lines = refused(load, text, "jobs.json")
    assert [line.split(":")[0] for line in lines] == ["line 3 (a)", "line 3 (a)", "line 4"]
    assert "did you mean city?" in lines[1]


def test_two_rows_that_share_a_final_path_are_refused(load) -> None:
    lines = refused(load, f"{HEADER}\n{SHOP}\nacme,DOUALA,shop,other,0 12 * * *\n")
    assert len(lines) == 1
    assert lines[0].startswith("line 3 (other/shop): final_storage_path_template")
    assert "acme/shop (line 2)" in lines[0]


def test_two_jobs_may_trade_places_in_one_file(load) -> None:
    load(f"{HEADER}\n{SHOP}\nAcme,Edea,shop,other,0 12 * * *\n")
    swapped = f"{HEADER}\nAcme,Edea,shop,acme,0 12 * * *\nAcme,Douala,shop,other,0 12 * * *\n"
    assert counts(load(swapped)) == (0, 2, 0)


def test_a_deleted_job_in_a_file_is_revived(load) -> None:
    load(f"{HEADER}\n{SHOP}\n")
    delete_job(job().id, NOW, "test")
    assert counts(load(f"{HEADER}\n{SHOP}\n", now=NOW + timedelta(days=2))) == (1, 0, 0)
    assert (job().deleted_at, job().expected_due_at) == (None, NOON + timedelta(days=2))


def test_a_dry_run_changes_nothing(load) -> None:
    assert counts(load(f"{HEADER}\n{SHOP}\n", dry_run=True)) == (1, 0, 0)
    assert list_jobs() == []


@pytest.mark.parametrize(("writer", "name"), [(csv_text, "a.csv"), (json_text, "a.json")])
def test_an_export_imported_again_changes_nothing(load, writer, name: str) -> None:
    odd = {
        "company_name": '=1+"1", & Söhne; GmbH',
        "city": "São\u00a0Paulo",
        "neighborhood": "'quoted'",
        "database_name": "-x,y;z",
        "agent_id_responsible": "Ägent 7",
        "schedule": "*/5 1-3 * * 1,2",
        "timezone": "America/New_York",
        "year": "2031",
        "content_policy": "may_change",
        "promotion_mode": "copy",
        "notification_recipients": "ann@example.org, bob@example.org",
    }
    first = add_job(odd, JobDefaults(), NOW, "test")
    pause_job(first.id, NOW + timedelta(days=3, microseconds=5), NOW, "test")
    load(f"{HEADER}\n{SHOP}\n")
    before = [one.as_dict() for one in list_jobs()]
    text = writer(list_jobs())
    later = NOW + timedelta(days=9)
    assert counts(load(text, name, later)) == (0, 0, 2)
    assert [one.as_dict() for one in list_jobs()] == before


def test_an_export_makes_the_same_jobs_elsewhere(load) -> None:
    load(f"{HEADER}\n{SHOP}\n{CRM}\n")
    text = csv_text(sorted(list_jobs(), key=lambda one: one.id))
    db.session.execute(db.delete(ExpectedBackupJob))
    db.session.commit()
    assert counts(load(text)) == (2, 0, 0)
    again = csv_text(sorted(list_jobs(), key=lambda one: one.id))
    assert _without_ids(again) == _without_ids(text)


def _without_ids(text: str) -> list[str]:
    """The rows without their first cell: a job of another server has another number."""
    return [row.partition(",")[2] for row in text.splitlines()]


def test_no_row_of_a_large_file_costs_a_query_of_its_own(load) -> None:
    rows = [f"Acme,Douala,db{n:05},agent{n % 100},0 {n % 24} * * *" for n in range(2_000)]
    text = "\n".join([HEADER, *rows])
    for expected in ((2_000, 0, 0), (0, 0, 2_000)):
        with queries() as sent:
            assert counts(load(text)) == expected
        assert len(sent) < 10


@contextmanager
def queries() -> Iterator[list[str]]:
    """The queries that are sent meanwhile."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith("SELECT"):
            sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
