"""The report as a JSON Schema: what `parse_report` requires and reads, for those who write agents.

It is made of the names and limits that the reader goes by, and
`tests/unit/core/test_report_schema.py` holds the two against each other. What it accepts is read
without a fault, but for rules that no schema can tell: that a date is in the calendar and a clock
right, that a field is not given twice with different values, that a name has at most 255 bytes
and a file 5 MiB, and that the agent is the one whose folder the report lies in.
"""

from __future__ import annotations

from typing import Any

from backupmon.core.report import END_NAMES, MAX_DATABASES, STEP_NAMES

Schema = dict[str, Any]

#: What `str.strip` takes away: each dialect of patterns has an idea of its own of ``\\s``.
_SPACE = (
    "\\u0009-\\u000d\\u001c-\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a"
    "\\u2028\\u2029\\u202f\\u205f\\u3000"
)
#: What `core.text.clean` replaces, beside lone surrogates.
_HARMFUL = "\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u202e\\u2066-\\u2069"

_NOT_BLANK = f"[^{_SPACE}]"
_TIME = f"^[{_SPACE}]*[0-9W-]+[Tt ][0-9:.,]+([Zz]|[+-][0-9:.,]+)?[{_SPACE}]*$"
_STAGED_NAME = (
    f"^([^\\u0000]*[/\\\\])?[{_SPACE}]*[^./\\\\{_SPACE}{_HARMFUL}][^/\\\\{_HARMFUL}]*[{_SPACE}]*$"
)


def report_schema() -> Schema:
    """The schema, of draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:backupmon:report",
        "title": "backupmon report",
        "description": "What an agent says of one run. Unknown fields are ignored.",
        "type": "object",
        "required": ["agent_id", "databases"],
        "properties": {
            "operation_start_time": _told("When the run began; ISO 8601."),
            "operation_end_time": _told("When the run ended; ISO 8601, best in UTC with Z."),
            "operation_timestamp": _told("The same as operation_end_time, in dialect B."),
            "agent_id": {
                "description": "As the jobs and the folder have it; case does not matter.",
                "type": "string",
                "pattern": _NOT_BLANK,
            },
            "overall_status": _told("Shown; nothing is judged by it."),
            "databases": {
                "description": "By the names that the jobs have, letter for letter.",
                "type": "object",
                "maxProperties": MAX_DATABASES,
                "propertyNames": {"pattern": _NOT_BLANK},
                "additionalProperties": {"$ref": "#/$defs/database"},
            },
        },
        "allOf": [_first_told(END_NAMES, "time")],
        "$defs": {
            "time": {"type": "string", "pattern": _TIME, "examples": ["2025-06-12T12:56:06Z"]},
            "database": _database(),
            "step": _step(),
        },
    }


def _database() -> Schema:
    return {
        "type": "object",
        "required": ["staged_file_name"],
        "properties": {
            "staged_file_name": {
                "description": "The delivered file. Of a path only the last part counts.",
                "type": "string",
                "pattern": _STAGED_NAME,
                "examples": ["shop.sql.gz"],
            },
            "logs_summary": _told("The agent's own words, shown."),
        },
        "allOf": [_first_told(names, "step") for names in STEP_NAMES],
    }


def _step() -> Schema:
    return {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": {"description": "Whether the step went well.", "type": "boolean"},
            "start_time": _told("ISO 8601; in dialect B backup_process_start_time and so on."),
            "end_time": _told("ISO 8601; in dialect B timestamp."),
            "sha256_checksum": _told(
                "64 hexadecimal digits. Of COMPRESS: of the delivered file, without which no "
                "backup is called good. Of BACKUP: of the dump before compression."
            ),
            "size": _told("In bytes, of the same; in dialect B size_bytes."),
            "error_message": _told("Of TRANSFER: the agent's own words on what failed, shown."),
        },
    }


def _told(description: str) -> Schema:
    """A field that may be absent, and makes no report bad: at most it is a warning."""
    return {"description": description}


def _first_told(names: tuple[str, str], kind: str) -> Schema:
    """One of two names for the same is required; the first that is not null counts."""
    first, second = names
    told = {name: {"properties": {name: {"$ref": f"#/$defs/{kind}"}}} for name in names}
    missing = {"required": [first], **told[first]}
    otherwise = {"if": _is_told(second), "then": told[second], "else": missing}
    return {"if": _is_told(first), "then": told[first], "else": otherwise}


def _is_told(name: str) -> Schema:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
