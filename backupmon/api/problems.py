"""What goes wrong, as problem details (RFC 9457)."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response

from backupmon.core.errors import BackupmonError
from backupmon.queue import QueueDownError
from backupmon.services.jobs import JobRefusedError, StaleJobError


class ProblemError(Exception):
    """An answer that is a problem; raised anywhere in a view of the API."""

    def __init__(
        self, status: int, title: str, detail: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(title)
        self.status, self.title, self.detail = status, title, detail
        self.headers = headers or {}


def problem(
    status: int,
    title: str,
    detail: str = "",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """The answer. `more` are members of our own, such as ``errors``."""
    body = {"type": "about:blank", "status": status, "title": title, "detail": detail, **more}
    text = json.dumps({k: v for k, v in body.items() if v != ""}, ensure_ascii=False)
    response = Response(text, status, mimetype="application/problem+json")
    response.headers.update(headers or {})
    return response


def register_problems(blueprint: Blueprint) -> None:
    """Let a blueprint answer in JSON what it and the services raise."""
    blueprint.register_error_handler(ProblemError, _told)
    blueprint.register_error_handler(JobRefusedError, _refused)
    blueprint.register_error_handler(StaleJobError, _stale)
    blueprint.register_error_handler(QueueDownError, _queue_down)


def _told(error: ProblemError) -> Response:
    return problem(error.status, error.title, error.detail, error.headers)


def _refused(error: JobRefusedError) -> Response:
    faults = [
        {"field": fault.field, "problem": fault.problem, "hint": fault.hint}
        for fault in error.faults
    ]
    return problem(422, "The job cannot be saved", error.message, errors=faults)


def _stale(error: StaleJobError) -> Response:
    return problem(409, "Somebody else changed the job", _with_hint(error))


def _queue_down(error: QueueDownError) -> Response:
    return problem(503, "The background is down", _with_hint(error))


def _with_hint(error: BackupmonError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
