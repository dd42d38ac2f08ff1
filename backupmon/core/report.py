"""What an agent says of one run: STATUS.json, in both dialects, whatever its bytes.

The rules are those of the design, section 3.1. A report is read as far as it can be, so that
all that is wrong with it is named at once; one bad section spoils no other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from backupmon.core.faults import Fault
from backupmon.core.findings import Finding
from backupmon.core.job_spec import agent_key
from backupmon.core.phrases import Phrase, phrase
from backupmon.core.report_fields import (
    Notes,
    Step,
    StepReader,
    UnreadableError,
    given_twice,
    optional_time,
    parse_json,
    pick,
    read_staged_name,
    read_text,
    seen,
    shown,
)
from backupmon.core.report_times import Clock, NotATimeError, Settled, clock_problem, parse_time
from backupmon.core.text import one_line

__all__ = [
    "END_NAMES",
    "MAX_DATABASES",
    "MAX_REPORT_BYTES",
    "STEP_NAMES",
    "Fault",
    "Report",
    "Section",
    "Step",
    "parse_report",
]

#: A report is a few kilobytes; what is larger is no report.
MAX_REPORT_BYTES = 5 * 1024 * 1024
#: Where a report names more databases than this, it is no report.
MAX_DATABASES = 5_000
#: More faults than this are counted, not listed.
MAX_FAULTS = 200

#: The names of the steps in dialect A and in dialect B. `report_schema` tells them to others.
STEP_NAMES = (
    ("BACKUP", "backup_process"),
    ("COMPRESS", "compress_process"),
    ("TRANSFER", "transfer_process"),
)
END_NAMES = ("operation_end_time", "operation_timestamp")

_TWICE = phrase("is given twice, with different values")
_A_TIME = phrase("a time in ISO 8601 is required")
_AN_AGENT = phrase("the agent's id is required")
_SECTIONS = phrase("an object, with a section for each database is required")
_A_STEP = phrase("an object that says status is required")
_A_FILE = phrase("a file's name is required")


@dataclass(frozen=True, slots=True)
class Section:
    """What a report says of one database.

    Parameters
    ----------
    database_name:
        Fit to be stored and shown.
    raw_name:
        Exactly as in the file: to compare with, never to store, show or query by.
    staged_file_name:
        The last component of the agent's path; None where the file cannot be named.
    transfer_error, logs_summary:
        The agent's words, fit to be stored and shown.
    faults:
        What makes the section bad; empty for a good one.
    oddities:
        Warnings.
    end:
        The report's end as the job of this database reads it, in UTC.
    """

    database_name: str
    raw_name: str
    backup: Step
    compress: Step
    transfer: Step
    staged_file_name: str | None
    transfer_error: str | None
    logs_summary: str | None
    faults: tuple[Fault, ...]
    oddities: tuple[Finding, ...]
    end: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """What an agent says of one run, for all its databases.

    Parameters
    ----------
    agent_id, overall_status:
        As written, fit to be stored and shown.
    started_at, ended_at:
        Aware, in UTC; `ended_at` is None where the end is absent, malformed or not believed.
    sections:
        One for each database, in the order of the file.
    faults:
        What is wrong with the file as a whole; empty for a valid report.
    oddities:
        Warnings about the file as a whole.
    """

    agent_id: str | None
    started_at: datetime | None
    ended_at: datetime | None
    overall_status: str | None
    sections: tuple[Section, ...]
    faults: tuple[Fault, ...]
    oddities: tuple[Finding, ...]

    @property
    def valid(self) -> bool:
        """Whether the report as a whole can be judged by; sections may be bad for all that."""
        return not self.faults

    def all_faults(self) -> tuple[Fault, ...]:
        """The faults of the file and of its sections: 200, then one saying how many more."""
        faults = [*self.faults, *(fault for section in self.sections for fault in section.faults)]
        if len(faults) <= MAX_FAULTS:
            return tuple(faults)
        more = Fault.of(
            "", phrase("has %(number)s more faults, not listed", number=len(faults) - MAX_FAULTS)
        )
        return (*faults[:MAX_FAULTS], more)


@dataclass(frozen=True, slots=True)
class _End:
    """The report's end: what is written, and what it means; None where it is not believed."""

    key: str
    parsed: datetime | None = None
    settled: Settled | None = None


def parse_report(
    data: bytes,
    *,
    agents: frozenset[str],
    landed_at: datetime,
    now: datetime,
    zone_of: Callable[[str], ZoneInfo | None] = lambda name: None,
    zones: Sequence[ZoneInfo] = (),
) -> Report:
    """Read the bytes of a report. Never raises, whatever they are.

    Parameters
    ----------
    data:
        The file's bytes; a caller need not read more than ``MAX_REPORT_BYTES + 1`` of them.
    agents:
        The ids, as `agent_key` compares them, that the report's folder allows; empty for any.
    landed_at:
        When the report landed (aware). A time without an offset is read as UTC or in a zone,
        whichever is nearer to it.
    now:
        The scan's moment (aware); an end more than ten minutes later is not believed.
    zone_of:
        The zone of the job that expects the database of that name, as written in the file.
    zones:
        The zones of the agent's jobs, in which the report's own times may be written.
    """
    try:
        tree = _load(data)
    except UnreadableError as error:
        return Report(None, None, None, None, (), (Fault.of("", *error.said),), ())
    notes = Notes()
    clock = Clock(landed_at, (UTC, *zones))
    end = _read_end(tree, clock, now, notes)
    databases = _databases(tree, notes)
    sections = [
        _SectionReader(name, databases, end, landed_at, now, zone_of(name)).read()
        for name in databases
    ]
    return Report(
        agent_id=_agent_id(tree, agents, notes),
        started_at=_started_at(tree, clock.knowing(end.settled), notes),
        ended_at=end.settled.moment if end.settled else None,
        overall_status=_overall_status(tree, notes),
        sections=tuple(sections),
        faults=tuple(notes.faults),
        oddities=tuple(notes.oddities),
    )


def _read_end(tree: Mapping[str, Any], clock: Clock, now: datetime, notes: Notes) -> _End:
    found = pick(tree, END_NAMES)
    if not found.present:
        absent = phrase("is missing (as is %(other)s)", other=END_NAMES[1])
        notes.fault(found.key, absent, _A_TIME)
        return _End(found.key)
    if found.repeated:
        notes.fault(found.key, _TWICE)
    elif found.rival:
        notes.ambiguous(found.key, found)
    try:
        parsed = parse_time(found.value)
        settled = clock.settle(parsed)
    except NotATimeError as error:
        notes.fault(found.key, *error.said, _it_is(found.value))
        return _End(found.key)
    if problem := clock_problem(settled.moment, now):
        notes.fault(found.key, *problem, _it_is(found.value))
        return _End(found.key)
    notes.naive(found.key, parsed, settled)
    return _End(found.key, parsed, settled)


def _it_is(value: object) -> Phrase:
    return phrase("it is %(value)s", value=shown(value))


def _agent_id(tree: Mapping[str, Any], agents: frozenset[str], notes: Notes) -> str | None:
    found = pick(tree, ["agent_id"])
    if found.repeated:
        notes.fault("agent_id", _TWICE)
    if not isinstance(found.value, str) or not found.value.strip():
        notes.fault("agent_id", *found.wrong(_AN_AGENT))
        return None
    if agents and agent_key(found.value.strip()) not in agents:
        owners = " or ".join(shown(agent) for agent in sorted(agents)[:3])
        told = {"value": shown(found.value), "owners": owners}
        notes.fault(
            "agent_id", phrase("is %(value)s, but the folder is that of %(owners)s", **told)
        )
    return one_line(found.value)


def _databases(tree: Mapping[str, Any], notes: Notes) -> Mapping[str, Any]:
    found = pick(tree, ["databases"])
    if found.repeated:
        notes.fault("databases", _TWICE)
    if not isinstance(found.value, dict):
        notes.fault("databases", *found.wrong(_SECTIONS))
        return {}
    if len(found.value) > MAX_DATABASES:
        many = phrase("names %(number)s databases", number=len(found.value))
        notes.fault("databases", many, phrase("%(most)s is the most", most=MAX_DATABASES))
        return {}
    if not found.value:
        notes.odd("report.empty", "the report names no database")
    return found.value


def _started_at(tree: Mapping[str, Any], clock: Clock, notes: Notes) -> datetime | None:
    found = pick(tree, ["operation_start_time"])
    return optional_time(found.key, found, clock, notes)


def _overall_status(tree: Mapping[str, Any], notes: Notes) -> str | None:
    value = tree.get("overall_status")
    if value is not None and not isinstance(value, str):
        seen = shown(value)
        notes.odd("overall_status.malformed", "overall_status is not a string", "a string", seen)
    return one_line(read_text(value) or "") or None


@dataclass(frozen=True, slots=True)
class _SectionReader:
    """Reads what `databases` says of the database `name`."""

    name: str
    databases: Mapping[str, Any]
    report_end: _End
    landed_at: datetime
    now: datetime
    zone: ZoneInfo | None

    def read(self) -> Section:
        """The section, as far as it can be read."""
        notes = Notes()
        shown_name = one_line(self.name)
        path = f"databases.{shown_name or shown('')}"
        if not self.name.strip():
            no_name = phrase("has no name")
            notes.fault(path, no_name, phrase("the database's name is required"))
        if given_twice(self.databases, self.name):
            notes.fault(path, phrase("is given twice"))
        body = self.databases[self.name]
        if not isinstance(body, dict):
            notes.fault(path, seen(body), phrase("an object with the three steps is required"))
        end = self._end(notes)
        return self._section(body if isinstance(body, dict) else None, path, end, notes)

    def _section(
        self, body: Mapping[str, Any] | None, path: str, end: Settled | None, notes: Notes
    ) -> Section:
        steps = (Step(), Step(), Step())
        staged = error = summary = None
        if body is not None:
            steps = _read_steps(body, path, self._clock().knowing(end), notes)
            staged = _staged_name(body, path, notes)
            error = _transfer_error(body, path, notes)
            summary = _words(body, "logs_summary", path, notes)
        moment = end.moment if end else self.landed_at
        faults, oddities = tuple(notes.faults), tuple(notes.oddities)
        told = (*steps, staged, error, summary)
        return Section(one_line(self.name), self.name, *told, faults, oddities, moment)

    def _clock(self) -> Clock:
        zones = (UTC, self.zone) if self.zone else (UTC,)
        return Clock(self.landed_at, zones)

    def _end(self, notes: Notes) -> Settled | None:
        parsed, settled = self.report_end.parsed, self.report_end.settled
        if parsed is None or settled is None or settled.zone is None:
            return settled
        own = self._clock().settle(parsed)
        # The job's zone may make a future of what another job's zone makes the present.
        if clock_problem(own.moment, self.now):
            own = settled
        notes.naive(self.report_end.key, parsed, own)
        return own


def _read_steps(
    body: Mapping[str, Any], path: str, clock: Clock, notes: Notes
) -> tuple[Step, Step, Step]:
    backup, compress, transfer = (
        _read_step(body, names, path, clock, notes) for names in STEP_NAMES
    )
    return backup, compress, transfer


def _read_step(
    body: Mapping[str, Any], names: tuple[str, str], path: str, clock: Clock, notes: Notes
) -> Step:
    dialect = 1 if any(b_name in body for _, b_name in STEP_NAMES) else 0
    found = pick(body, names, names[dialect])
    place = f"{path}.{found.key}"
    if found.contradictions:
        notes.fault(place, *found.contradictions)
    if isinstance(found.value, dict):
        return StepReader(names, found.value, place, dialect, clock, notes).read()
    notes.fault(place, *found.wrong(_A_STEP))
    return Step()


def _staged_name(body: Mapping[str, Any], path: str, notes: Notes) -> str | None:
    found = pick(body, ["staged_file_name"])
    place = f"{path}.staged_file_name"
    if found.contradictions:
        notes.fault(place, *found.contradictions)
    if not isinstance(found.value, str):
        notes.fault(place, *found.wrong(_A_FILE))
        return None
    name, problem = read_staged_name(found.value)
    if problem:
        notes.fault(place, problem)
    return name


def _transfer_error(body: Mapping[str, Any], path: str, notes: Notes) -> str | None:
    found = pick(body, STEP_NAMES[2])
    if not isinstance(found.value, dict):
        return None
    return _words(found.value, "error_message", f"{path}.{found.key}", notes)


def _words(holder: Mapping[str, Any], key: str, path: str, notes: Notes) -> str | None:
    value = holder.get(key)
    if value is not None and not isinstance(value, str):
        notes.odd("text.malformed", f"{path}.{key} is not a string", "a string", shown(value))
    return read_text(value)


def _load(data: bytes) -> Mapping[str, Any]:
    """The object that the bytes of a report hold, in UTF-8, UTF-16 or UTF-32.

    Raises
    ------
    UnreadableError
        Where they hold none, with the reason in words.
    """
    if len(data) > MAX_REPORT_BYTES:
        raise UnreadableError(phrase("is larger than 5 MiB, so it is no report"))
    tree = parse_json(_decode(data))
    if not isinstance(tree, dict):
        holds = phrase("holds %(value)s", value=shown(tree))
        raise UnreadableError(holds, phrase("an object {…} is required"))
    return tree


def _decode(data: bytes) -> str:
    if not data:
        raise UnreadableError(phrase("is empty"))
    if not data.strip(b"\0"):
        raise UnreadableError(
            phrase("holds only NUL bytes: its writer crashed, or its disk was full")
        )
    encoding = json.detect_encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        # This codec counts from behind the mark.
        offset = error.start + (3 if encoding == "utf-8-sig" else 0)
        name = encoding.removesuffix("-sig").upper()
        no_text = phrase(
            "is not %(encoding)s text (byte %(offset)s: %(reason)s)",
            encoding=name,
            offset=str(offset),
            reason=error.reason,
        )
        raise UnreadableError(no_text, phrase("save as UTF-8")) from None
    if not text.strip():
        raise UnreadableError(phrase("is blank: it holds only white space"))
    return text
