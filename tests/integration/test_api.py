"""The JSON API: the objects that the commands print, for whoever bears a token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.test import TestResponse

from backupmon.api.openapi import document
from backupmon.queue import SCAN, queue_named
from tests.integration.background import background
from tests.integration.conftest import World, at

FIELDS = {
    "company_name": "Acme",
    "city": "Douala",
    "database_name": "crm",
    "agent_id_responsible": "acme",
    "schedule": "0 12 * * *",
}


@dataclass
class Api:
    """A program that calls the API with a token, or with none."""

    client: FlaskClient
    token: str | None = None

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= options.pop("headers", {})
        return self.client.open(path, method=method, headers=headers, **options)

    def get(self, path: str) -> Any:
        response = self.call("GET", path)
        assert response.status_code == 200, response.text
        return response.get_json()


def token_of(world: World, scope: str) -> str:
    created = world.app.test_cli_runner().invoke(args=["tokens", "create", scope, "--scope", scope])
    assert created.exit_code == 0, created.output
    return created.stdout.split()[-1]


@pytest.fixture
def reader(world: World) -> Api:
    return Api(world.app.test_client(), token_of(world, "read"))


@pytest.fixture
def writer(world: World) -> Api:
    return Api(world.app.test_client(), token_of(world, "write"))


def printed(world: World, *arguments: str) -> Any:
    """What a command prints as JSON."""
    return json.loads(world.app.test_cli_runner().invoke(args=[*arguments, "--json"]).stdout)


# --- reading ---------------------------------------------------------------------------------


def test_jobs_and_histories_are_those_that_the_commands_print(world: World, reader: Api) -> None:
    job, other = world.job("shop"), world.job("crm")
    world.site().deliver(at(11, 50), shop="one")
    world.scan(at(12, 40))
    listed = reader.get("/api/jobs")
    assert listed["items"] == sorted(printed(world, "jobs", "list"), key=lambda j: j["id"])
    assert (listed["total"], listed["next"]) == (2, None)
    assert reader.get(f"/api/jobs/{job}") == printed(world, "jobs", "show", str(job))
    for number in (job, other):
        history = reader.get(f"/api/jobs/{number}/history")
        assert history["items"] == printed(world, "history", str(number))
        assert {*history["items"][0]["findings"][0]} == {
            "code",
            "level",
            "expected",
            "observed",
            "message",
        }


def test_lists_come_in_pages_that_name_the_next(world: World, reader: Api) -> None:
    for number in range(5):
        world.job(f"db{number}", neighborhood="x" if number else None)
    seen, path = [], "/api/jobs?limit=2&agent=ACME"
    while path:
        page = reader.get(path)
        assert page["total"] == 5
        seen += [job["database_name"] for job in page["items"]]
        path = page["next"]
    assert seen == [f"db{number}" for number in range(5)]
    assert reader.get("/api/jobs?offset=99") == {"items": [], "total": 5, "next": None}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=MISSING", ["crm"]),
        ("status=SUCCESS", ["shop"]),
        ("company=Acme", ["shop", "crm"]),
        ("city=Yaounde", []),
        ("agent=Acme", ["shop", "crm"]),
        ("search=sho", ["shop"]),
        ("search=acme+crm&status=SUCCESS", []),
    ],
)
def test_filters_must_all_fit(world: World, reader: Api, query: str, expected: list[str]) -> None:
    world.job("shop")
    world.job("crm")
    world.site().deliver(at(11, 50), shop="one")
    world.scan(at(12, 40))
    found = reader.get(f"/api/jobs?{query}")["items"]
    assert [job["database_name"] for job in found] == expected


@pytest.mark.parametrize(
    "path",
    [
        "/api/jobs?limit=0",
        "/api/jobs?limit=1001",
        "/api/jobs?limit=two",
        "/api/jobs?offset=-1",
        "/api/jobs?offset=99999999999",
        "/api/jobs?status=GOOD",
        "/api/jobs?status=PENDING",
        "/api/jobs/1/history?status=GOOD",
    ],
)
def test_what_cannot_be_asked_for_is_named(world: World, reader: Api, path: str) -> None:
    world.job()
    response = reader.call("GET", path)
    assert response.status_code == 400
    assert response.content_type == "application/problem+json"
    assert response.get_json()["title"].endswith("cannot be used")


# --- who may -----------------------------------------------------------------------------------


CALLS = [
    ("GET", "/api/jobs", 200, "read"),
    ("GET", "/api/jobs/1", 200, "read"),
    ("GET", "/api/jobs/1/history", 200, "read"),
    ("POST", "/api/jobs", 415, "write"),
    ("PUT", "/api/jobs/1", 415, "write"),
    ("DELETE", "/api/jobs/1", 204, "write"),
    ("POST", "/api/scan", 503, "write"),
]


@pytest.mark.parametrize(("method", "path", "code", "scope"), CALLS)
def test_each_call_needs_a_token_of_its_scope(
    world: World, reader: Api, writer: Api, method: str, path: str, code: int, scope: str
) -> None:
    world.job()
    stranger = Api(world.app.test_client()).call(method, path)
    assert (stranger.status_code, stranger.content_type) == (401, "application/problem+json")
    assert stranger.headers["WWW-Authenticate"].startswith("Bearer")
    wrong = Api(world.app.test_client(), "bm_nonsense").call(method, path)
    assert (wrong.status_code, wrong.get_json()["status"]) == (401, 401)
    by_reader = reader.call(method, path)
    assert by_reader.status_code == (code if scope == "read" else 403)
    assert writer.call(method, path).status_code == code


def test_every_route_of_the_api_is_in_the_table_and_in_the_document(world: World) -> None:
    world.app.test_client().get("/health")
    routes = {
        (method, str(rule).replace("<int:job_id>", "{job_id}"))
        for rule in world.app.url_map.iter_rules()
        if str(rule).startswith("/api/") and not str(rule).endswith(".json")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == {(m, p.replace("/1", "/{job_id}")) for m, p, _, _ in CALLS}
    paths = document()["paths"]
    assert routes == {(m.upper(), p) for p in paths for m in paths[p] if m != "parameters"}


def test_a_revoked_token_is_worth_nothing(world: World, reader: Api) -> None:
    reader.get("/api/jobs")
    world.app.test_cli_runner().invoke(args=["tokens", "revoke", "read"])
    assert reader.call("GET", "/api/jobs").status_code == 401


# --- writing -----------------------------------------------------------------------------------


def test_a_job_is_added_changed_and_deleted(world: World, writer: Api) -> None:
    added = writer.call("POST", "/api/jobs", json=FIELDS)
    assert added.status_code == 201
    job = added.get_json()
    assert added.headers["Location"].endswith(f"/api/jobs/{job['id']}")
    assert (job["database_name"], job["timezone"], job["version"]) == ("crm", "UTC", 1)
    path = f"/api/jobs/{job['id']}"
    # What was given may be sent back as it is, changed where one wants.
    changed = writer.call("PUT", path, json={**job, "city": "Yaoundé"})
    assert changed.status_code == 200, changed.text
    assert (changed.get_json()["city"], changed.get_json()["version"]) == ("Yaoundé", 2)
    stale = writer.call("PUT", path, json={"city": "Kribi", "version": 1})
    assert stale.status_code == 409
    assert "version 2" in stale.get_json()["detail"]
    assert writer.call("DELETE", path).status_code == 204
    assert writer.call("GET", path).status_code == 404
    assert writer.call("DELETE", path).status_code == 404


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, {"company_name", "city", "database_name", "agent_id_responsible", "schedule"}),
        ({**FIELDS, "schedule": "whenever"}, {"schedule"}),
        ({**FIELDS, "colour": "red", "grace_minutes": -1}, {"colour", "grace_minutes"}),
        ({**FIELDS, "agent_id_responsible": "../x"}, {"agent_id_responsible"}),
    ],
)
def test_each_bad_field_is_named(
    world: World, writer: Api, fields: dict[str, Any], named: set[str]
) -> None:
    refused = writer.call("POST", "/api/jobs", json=fields)
    assert (refused.status_code, refused.content_type) == (422, "application/problem+json")
    assert {error["field"] for error in refused.get_json()["errors"]} == named
    assert printed(world, "jobs", "list") == []


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 422),
        (b"city=x", "application/x-www-form-urlencoded", 415),
        (b'{"version": "1"}', "application/json", 422),
        (b"\xff", "application/json", 400),
    ],
)
def test_what_is_no_object_is_refused(
    world: World, writer: Api, body: bytes, kind: str, code: int
) -> None:
    world.job()
    response = writer.call("PUT", "/api/jobs/1", data=body, content_type=kind)
    assert (response.status_code, response.content_type) == (code, "application/problem+json")


def test_a_scan_is_asked_for(world: World, writer: Api, tmp_path: Path) -> None:
    with background(world, tmp_path) as back:
        for _ in range(2):
            response = writer.call("POST", "/api/scan")
            assert (response.status_code, response.get_json()) == (202, {"status": "accepted"})
        assert queue_named(SCAN, back.redis).count == 2


# --- the document ------------------------------------------------------------------------------


def test_nothing_that_the_document_allows_or_forbids_makes_the_server_fail(
    world: World, writer: Api, tmp_path: Path
) -> None:
    world.job()
    world.site().deliver(at(11, 50), shop="one")
    world.scan(at(12, 40))
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", world.app)
    with background(world, tmp_path):
        for operation in schema.get_all_operations():
            _try_out(operation.ok(), str(writer.token))


def _try_out(operation: Any, token: str) -> None:
    checks = [not_a_server_error, status_code_conformance, response_schema_conformance]

    @hypothesis_settings(
        max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy())
    def call(case: Any) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=checks)

    call()
