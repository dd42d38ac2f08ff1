"""Logging: one line per event, as text or JSON, with what the event concerns.

Scan, agent, job and entry are bound once where they are known (`structlog.contextvars`) and
stand on every line below. Lines go to standard error; standard output is for results.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from backupmon.config import Settings
from backupmon.core.text import MAX_TEXT, clean

#: A traceback tells the cause at its end: it must not be cut as soon as a stranger's words.
_MAX_TRACEBACK = 100_000


def configure_logging(settings: Settings, *, level: str | None = None) -> None:
    """Send events at `level` (the setting's unless given) and above to standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            _harmless,
            _renderer(settings.log_format),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            getattr(logging, level or settings.log_level)
        ),
        logger_factory=_to_stderr,
        cache_logger_on_first_use=False,
    )


def _to_stderr(*_args: object) -> structlog.PrintLogger:
    """A logger on the standard error of this moment, which tests and progress bars replace."""
    return structlog.PrintLogger(sys.stderr)


def _renderer(log_format: str) -> Any:
    if log_format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.processors.LogfmtRenderer(
        key_order=["time", "level", "event", "scan", "agent", "job", "entry"],
        drop_missing=True,
        bool_as_flag=False,
    )


def _harmless(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """No control character that an agent wrote reaches a terminal or splits a line.

    Line breaks are left to the renderers, which both write them as ``\\n``.
    """
    for key, value in event.items():
        if not isinstance(value, int | float | None):
            limit = _MAX_TRACEBACK if key == "exception" else MAX_TEXT
            event[key] = clean(str(value), limit).replace("\t", " ")
    return event
