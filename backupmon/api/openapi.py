"""``/api/openapi.json``: what the API takes and gives, made from the tables themselves."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Blueprint
from sqlalchemy import JSON, BigInteger, Boolean, Integer

from backupmon.api.jobs import FILTERS
from backupmon.core.findings import Level
from backupmon.core.job_spec import EDITABLE, REQUIRED, ContentPolicy, PromotionMode
from backupmon.core.statuses import Status
from backupmon.models import BackupEntry, ExpectedBackupJob
from backupmon.models.columns import UtcDateTime

bp = Blueprint("api_openapi", __name__, url_prefix="/api")

_JOB_STATUSES = [status.value for status in Status if status is not Status.PENDING]
_CHOICES: dict[str, list[str]] = {
    "status": [status.value for status in Status],
    "current_status": _JOB_STATUSES,
    "content_policy": [policy.value for policy in ContentPolicy],
    "promotion_mode": [mode.value for mode in PromotionMode],
}
_MOST_ID = 2**31 - 1


@bp.get("/openapi.json")
def openapi() -> dict[str, Any]:
    """The document, open to all: it tells nothing of this server."""
    return document()


@cache
def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "backupmon",
            "version": "1",
            "description": "Jobs, their histories, and scans. Times are ISO 8601 in UTC with Z. "
            "What an agent's report must say is in /api/report-schema.json.",
        },
        "security": [{"token": []}],
        "paths": {
            "/api/jobs": {"get": _list_jobs(), "post": _create_job()},
            "/api/jobs/{job_id}": {
                "parameters": [_JOB_ID],
                "get": _get("One job", "Job", "404"),
                "put": _change_job(),
                "delete": _delete_job(),
            },
            "/api/jobs/{job_id}/history": {
                "parameters": [_JOB_ID],
                "get": _list("The entries of a job, newest cycle first", "Entry", _HISTORY, "404"),
            },
            "/api/scan": {"post": _scan()},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Job": _schema(ExpectedBackupJob),
                "JobFields": _job_fields(),
                "Entry": _entry(),
                "Finding": _FINDING,
                "Problem": _PROBLEM,
            },
        },
    }


# --- schemas ---------------------------------------------------------------------------------


def _schema(model: Any) -> dict[str, Any]:
    columns = model.__table__.columns
    properties = {name: _column(columns[name]) for name in model.PUBLIC}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _column(column: Any) -> dict[str, Any]:
    kind: dict[str, Any]
    if isinstance(column.type, UtcDateTime):
        kind = {"type": "string", "format": "date-time"}
    elif isinstance(column.type, Boolean):
        kind = {"type": "boolean"}
    elif isinstance(column.type, Integer | BigInteger):
        kind = {"type": "integer"}
    elif isinstance(column.type, JSON):
        kind = {"type": "array", "items": {"$ref": "#/components/schemas/Finding"}}
    else:
        kind = {"type": "string"}
    if column.name in _CHOICES:
        kind["enum"] = _CHOICES[column.name]
    if column.nullable:
        kind["type"] = [kind["type"], "null"]
    return kind


def _entry() -> dict[str, Any]:
    return _schema(BackupEntry)


def _job_fields() -> dict[str, Any]:
    """What one may send: the fields that people set; blank ones get their defaults."""
    columns = ExpectedBackupJob.__table__.columns
    properties = {name: _sendable(_column(columns[name])) for name in EDITABLE}
    properties["version"] = {
        "type": ["integer", "null"],
        "description": "The version that the change is based on.",
    }
    return {"type": "object", "properties": properties}


def _sendable(kind: dict[str, Any]) -> dict[str, Any]:
    types = kind["type"] if isinstance(kind["type"], list) else [kind["type"]]
    return {**kind, "type": [*types, *({"null"} - set(types))]} if "enum" not in kind else kind


_FINDING = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "description": "Stable, such as transfer.size."},
        "level": {"type": "string", "enum": [level.value for level in Level]},
        "expected": {"type": ["string", "integer", "number", "boolean", "null"]},
        "observed": {"type": ["string", "integer", "number", "boolean", "null"]},
        "message": {"type": "string"},
    },
    "required": ["code", "level", "expected", "observed", "message"],
}
_PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string"},
                    "problem": {"type": "string"},
                    "hint": {"type": "string"},
                },
            },
        },
    },
    "required": ["type", "status", "title"],
}

# --- parameters ------------------------------------------------------------------------------

_JOB_ID = {
    "name": "job_id",
    "in": "path",
    "required": True,
    "schema": {"type": "integer", "minimum": 1, "maximum": _MOST_ID},
}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


_PAGES = [
    _query("limit", {"type": "integer", "minimum": 1, "maximum": 1000}, "100 unless given."),
    _query("offset", {"type": "integer", "minimum": 0, "maximum": _MOST_ID}, "0 unless given."),
]
_FILTERS = [
    _query(
        name,
        {"type": "string", "enum": _JOB_STATUSES} if name == "status" else {"type": "string"},
        "Words that must all occur." if name == "search" else f"Jobs of this {name} only.",
    )
    for name in FILTERS
]
_HISTORY = [_query("status", {"type": "string", "enum": _CHOICES["status"]}, "These only.")]

# --- operations ------------------------------------------------------------------------------

_PROBLEMS = {
    "400": "Something in the address, or the JSON, cannot be used",
    "401": "No token, or one that is not known",
    "403": "The token's scope is too small",
    "404": "There is no such job",
    "409": "Somebody else changed the job",
    "415": "JSON is wanted",
    "422": "A field cannot be used; errors names each",
    "503": "The queue does not answer",
}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _responses(code: str, told: dict[str, Any], *problems: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _ref("Problem")}}
    return {
        code: told,
        **{
            number: {"description": _PROBLEMS[number], "content": content}
            for number in ("401", *problems)
        },
    }


def _get(summary: str, schema: str, *problems: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": _responses("200", _answer(summary, _ref(schema)), *problems),
    }


def _list(
    summary: str, schema: str, parameters: list[dict[str, Any]], *problems: str
) -> dict[str, Any]:
    page = {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": _ref(schema)},
            "total": {"type": "integer", "description": "On all pages."},
            "next": {"type": ["string", "null"], "description": "The next page's address."},
        },
        "required": ["items", "total", "next"],
    }
    return {
        "summary": summary,
        "parameters": [*parameters, *_PAGES],
        "responses": _responses("200", _answer(summary, page), "400", *problems),
    }


def _list_jobs() -> dict[str, Any]:
    return _list("The jobs that are not deleted, paused ones too", "Job", _FILTERS)


def _body(required: tuple[str, ...]) -> dict[str, Any]:
    schema = {"allOf": [_ref("JobFields")], "required": list(required)}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _create_job() -> dict[str, Any]:
    return {
        "summary": "Add a job",
        "requestBody": _body(REQUIRED),
        "responses": _responses(
            "201", _answer("The new job", _ref("Job")), "400", "403", "415", "422"
        ),
    }


def _change_job() -> dict[str, Any]:
    return {
        "summary": "Change the fields that are named",
        "requestBody": _body(()),
        "responses": _responses(
            "200", _answer("The job", _ref("Job")), "400", "403", "404", "409", "415", "422"
        ),
    }


def _delete_job() -> dict[str, Any]:
    return {
        "summary": "Hide a job; its entries and files stay",
        "responses": _responses("204", {"description": "Done"}, "403", "404"),
    }


def _scan() -> dict[str, Any]:
    accepted = {
        "type": "object",
        "properties": {"status": {"type": "string", "enum": ["accepted"]}},
        "required": ["status"],
    }
    agent = {"type": "string", "minLength": 1, "maxLength": 255}
    return {
        "summary": "Put a scan on the queue; asked for during one, one more follows",
        "parameters": [_query("agent", agent, "Look at this agent only.")],
        "responses": _responses("202", _answer("On the queue", accepted), "400", "403", "503"),
    }
