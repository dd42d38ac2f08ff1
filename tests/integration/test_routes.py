"""Every route, for every kind of reader. A route that is not in the table fails the test."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.integration.web import ROLES, ClientAs, make_user

READERS = ("stranger", *ROLES)


def everybody(code: int) -> tuple[int, ...]:
    """Answered alike, whoever asks."""
    return (code,) * len(READERS)


def only(role: str, code: int) -> tuple[int, ...]:
    """For `role` and those above it; strangers go to the door, others are told no."""
    lowest = READERS.index(role)
    return tuple(302 if i == 0 else 403 if i < lowest else code for i in range(len(READERS)))


#: What is answered to a request of the route as it stands, with the token and empty fields.
#: 404 and 422 tell that the view was reached, where an example cannot be there or be right.
TABLE = {
    "GET /static/<path:filename>": everybody(404),
    "GET /health": everybody(200),
    "GET /api/openapi.json": everybody(200),
    "GET /api/report-schema.json": everybody(200),
    "GET /health/ready": everybody(503),
    "GET /assets/<digest>/<name>": everybody(404),
    "GET /assets/icon/<int:problems>.svg": everybody(200),
    "POST /language": everybody(422),
    "POST /theme": everybody(422),
    "GET /login": (200, 302, 302, 302),
    "POST /login": everybody(422),
    "POST /logout": everybody(302),
    "GET /setup/<secret>": everybody(404),
    "POST /setup/<secret>": everybody(404),
    "GET /account": only("viewer", 200),
    "POST /account/password": only("viewer", 422),
    "POST /account/wishes": only("viewer", 302),
    "POST /account/digest": only("viewer", 404),
    "POST /account/sign-out-everywhere": only("viewer", 302),
    "GET /admin/users": only("admin", 200),
    "POST /admin/users": only("admin", 422),
    "POST /admin/users/<int:user_id>/role": only("admin", 422),
    "POST /admin/users/<int:user_id>/password": only("admin", 422),
    "POST /admin/users/<int:user_id>/disable": only("admin", 302),
    "POST /admin/users/<int:user_id>/enable": only("admin", 302),
    "POST /admin/users/<int:user_id>/delete": only("admin", 302),
    "GET /admin/recipients": only("admin", 200),
    "POST /admin/recipients": only("admin", 422),
    "GET /admin/recipients/<int:recipient_id>": only("admin", 404),
    "POST /admin/recipients/<int:recipient_id>/wishes": only("admin", 404),
    "POST /admin/recipients/<int:recipient_id>/channels": only("admin", 404),
    "POST /admin/recipients/channels/<int:channel_id>/test": only("admin", 404),
    "POST /admin/recipients/channels/<int:channel_id>/remove": only("admin", 404),
    "GET /admin/tokens": only("admin", 200),
    "POST /admin/tokens": only("admin", 422),
    "POST /admin/tokens/<int:token_id>/revoke": only("admin", 404),
    "GET /admin/audit": only("admin", 200),
    "GET /": only("viewer", 200),
    "GET /board": only("viewer", 200),
    "GET /progress": only("viewer", 200),
    "POST /scan": only("operator", 302),
    "GET /reports": only("viewer", 200),
    "GET /reports/<int:report_id>": only("viewer", 404),
    "GET /reports/<int:report_id>/file": only("viewer", 404),
    "GET /discoveries": only("viewer", 200),
    "POST /discoveries/chosen": only("operator", 302),
    "GET /discoveries/adopt": only("operator", 302),
    "POST /discoveries/adopt": only("operator", 302),
    "POST /discoveries/<int:discovery_id>/restore": only("operator", 404),
    "GET /jobs/new": only("operator", 200),
    "POST /jobs/new": only("operator", 422),
    "POST /jobs/preview": only("operator", 200),
    "GET /jobs/import": only("operator", 200),
    "POST /jobs/import": only("operator", 422),
    "POST /jobs/import/confirm": only("operator", 422),
    "GET /jobs/import/sample.<kind>": only("operator", 200),
    "GET /jobs/export.csv": only("viewer", 200),
    "GET /jobs/export.json": only("viewer", 200),
    "GET /jobs/bulk/<action>": only("operator", 302),
    "POST /jobs/bulk/<action>": only("operator", 302),
    "GET /jobs/<int:job_id>/edit": only("operator", 404),
    "POST /jobs/<int:job_id>/edit": only("operator", 404),
    "GET /jobs/<int:job_id>": only("viewer", 404),
    "GET /jobs/<int:job_id>/story": only("viewer", 404),
    "GET /entries/<int:entry_id>": only("viewer", 404),
    "POST /jobs/<int:job_id>/pause": only("operator", 404),
    "POST /jobs/<int:job_id>/resume": only("operator", 404),
    "POST /jobs/<int:job_id>/delete": only("operator", 404),
    "POST /jobs/<int:job_id>/scan": only("operator", 404),
    "GET /quarantine": only("viewer", 200),
    "GET /quarantine/<int:entry_id>": only("viewer", 404),
    "POST /quarantine/<int:entry_id>/accept": only("operator", 404),
    "POST /quarantine/<int:entry_id>/delete": only("operator", 404),
    "POST /quarantine/delete": only("operator", 422),
    "GET /system": only("viewer", 200),
    "GET /system/state": only("viewer", 200),
    "GET /system/scans": only("viewer", 200),
    "GET /system/conditions": only("viewer", 200),
    "GET /system/copies": only("viewer", 200),
    "POST /system/copies/<int:entry_id>/delete": only("operator", 302),
    "POST /system/scan": only("operator", 302),
    "POST /system/doctor": only("operator", 200),
    "POST /jobs/<int:job_id>/snooze": only("operator", 404),
    "POST /jobs/<int:job_id>/acknowledge": only("operator", 404),
    "POST /jobs/<int:job_id>/unsilence": only("operator", 404),
    "GET /alerts": only("viewer", 200),
    "GET /alerts/mail": only("viewer", 404),
    "GET /alerts/mail/html": only("viewer", 404),
    "GET /alerts/messages/<int:message_id>": only("viewer", 404),
    "GET /alerts/messages/<int:message_id>/html": only("viewer", 404),
    "POST /alerts/retry": only("operator", 302),
    "POST /alerts/messages/<int:message_id>/retry": only("operator", 302),
    "POST /alerts/test": only("operator", 422),
}
#: What stands in an address for each of its variables.
#: User 1 is there, and is no reader of this test.
EXAMPLES = {
    "path:filename": "no-such-file",
    "secret": "no-such-secret",
    "int:user_id": "1",
    "int:token_id": "1",
    "int:recipient_id": "99",
    "int:channel_id": "99",
    "digest": "no-such-digest",
    "name": "app.css",
    "int:problems": "3",
    "int:job_id": "99",
    "kind": "csv",
    "action": "pause",
    "int:entry_id": "99",
    "int:report_id": "99",
    "int:discovery_id": "99",
    "int:message_id": "99",
}


def path_of(rule: str) -> str:
    for variable, example in EXAMPLES.items():
        rule = rule.replace(f"<{variable}>", example)
    assert "<" not in rule, f"EXAMPLES lacks a variable of {rule}"
    return rule


def test_every_route_is_in_the_table(app: Flask) -> None:
    routes = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    # The API goes by tokens, whoever the reader is; `test_api` has a table of its own.
    by_token = {route for route in routes if re.match(r"\w+ /(api/(jobs|scan)|metrics)", route)}
    assert routes - by_token == set(TABLE)


@pytest.mark.parametrize("route", TABLE)
def test_each_reader_gets_what_is_theirs(client_as: ClientAs, route: str) -> None:
    make_user("another admin", "admin")
    method, rule = route.split(" ", 1)
    found = []
    for reader in READERS:
        client = client_as(reader)
        answer = client.get(path_of(rule)) if method == "GET" else client.send(path_of(rule))
        found.append(answer.status_code)
        if reader == "stranger" and TABLE[route] in [only(r, TABLE[route][-1]) for r in ROLES]:
            assert answer.location.startswith("/login")
    assert tuple(found) == TABLE[route]
    if method != "GET":
        assert client_as("admin").post(path_of(rule)).status_code == 400, "without its token"
