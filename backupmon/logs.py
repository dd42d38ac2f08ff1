"""Logging: one line per event, as text or JSON, with what the event concerns.

Scan, agent, job and entry are bound once where they are known (`structlog.contextvars`) and
stand on every line below. Lines go to standard error; standard output is for results. What
libraries log by the standard library's `logging` goes the same way.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from backupmon.config import Settings
from backupmon.core.text import MAX_TEXT, clean

#: A traceback tells the cause at its end: it must not be cut as soon as a stranger's words.
_MAX_TRACEBACK = 100_000
#: The password in an address. Libraries quote addresses in their errors.
_PASSWORD = re.compile(r"(://[^:/@\s]*):\S{0,512}@")


class LibraryHandler(logging.Handler):
    """Turns what a library logs into an event, which bears the name of the library's logger."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it as one of our own; never raises."""
        try:
            structlog.get_logger().log(
                _level(record),
                record.name,
                message=_words(record),
                exc_info=record.exc_info,
            )
        except Exception:
            self.handleError(record)


def _words(record: logging.LogRecord) -> str:
    """The message; with its arguments beside it where they do not fit."""
    try:
        return record.getMessage()
    except Exception:
        return f"{record.msg} {record.args}"


def _level(record: logging.LogRecord) -> int:
    """One of the five that have a name here; libraries may have more."""
    return max(logging.DEBUG, min(record.levelno // 10 * 10, logging.CRITICAL))


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
    _hear_libraries()


def _hear_libraries() -> None:
    """Let libraries log through us, once, and from warnings on.

    What they say below that is for those who mend them; SQLAlchemy's would hold what is stored.
    Where the root has a handler, RQ, Flask and Werkzeug add none of their own.
    """
    root = logging.getLogger()
    if not any(isinstance(handler, LibraryHandler) for handler in root.handlers):
        root.addHandler(LibraryHandler())


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

    Line breaks are left to the renderers, which both write them as ``\\n``. Nor does a password
    in the address of a database, a queue or a channel get into the log.
    """
    for key, value in event.items():
        if not isinstance(value, int | float | None):
            limit = _MAX_TRACEBACK if key == "exception" else MAX_TEXT
            # Longer than what stays, so that no password loses the sign that it is known by.
            told = str(value)[: limit + 1000]
            told = _PASSWORD.sub(r"\1:***@", told) if "://" in told else told
            event[key] = clean(told, limit).replace("\t", " ")
    return event
