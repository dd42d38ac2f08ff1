"""The fields of a report: JSON that remembers repeated keys, and values read with patience."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from backupmon.core.codes import FindingCode
from backupmon.core.faults import Fault, told
from backupmon.core.findings import Finding, warning
from backupmon.core.phrases import Phrase, phrase
from backupmon.core.report_times import Clock, NotATimeError, Settled, parse_time
from backupmon.core.text import MAX_NAME, clean, one_line

#: What the database can hold. No file is as large as the one, none is smaller than 0.
MAX_SIZE, MIN_SIZE = 2**63 - 1, -(2**63)

_SHOWN = 80
_DIGITS = re.compile(r"[0-9]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# Python refuses to convert more than 4,300 digits; 40 are beyond any size already.
_MAX_DIGITS = 40
_BYTES, _HEX = "a whole number of bytes", "64 hexadecimal digits"
#: The words of a warning, and what was expected.
_ODD: Mapping[FindingCode, tuple[str, str]] = {
    "checksum.malformed": ("is no SHA-256", _HEX),
    "backup.checksum.malformed": ("is no SHA-256", _HEX),
    "size.malformed": ("is no size", _BYTES),
    "size.implausible": ("is a size that no file can have", _BYTES),
    "size.odd": ("is not written as a whole number", _BYTES),
}
_T = TypeVar("_T")


_TRUTH = phrase("true or false is required")
_TWICE = phrase("is given twice, with different values")


class UnreadableError(ValueError):
    """Bytes that are no report; the phrases say why, without a subject."""

    def __init__(self, *said: Phrase) -> None:
        super().__init__(told(said))
        self.said = said


@dataclass(frozen=True, slots=True)
class Notes:
    """What reading has found so far, wrong (`faults`) or merely odd (`oddities`)."""

    faults: list[Fault] = field(default_factory=list)
    oddities: list[Finding] = field(default_factory=list)

    def fault(self, path: str, *said: Phrase) -> None:
        """Note what makes the section, or the file, bad."""
        self.faults.append(Fault.of(path, *said))

    def odd(
        self, code: FindingCode, message: str, expected: object = None, observed: object = None
    ) -> None:
        """Note a warning."""
        self.oddities.append(warning(code, f"In the report, {message}.", expected, observed))

    def ambiguous(self, path: str, found: Field) -> None:
        """Note two values for something that nothing is judged by."""
        problem = told(found.contradictions)
        self.odd("field.ambiguous", f"{path} {problem}", None, shown(found.value))

    def naive(self, path: str, parsed: datetime, settled: Settled) -> None:
        """Note a time without an offset; once, for the other times are as naive."""
        noted = any(oddity.code == "time.naive" for oddity in self.oddities)
        if settled.zone is None or noted:
            return
        text = parsed.isoformat()
        message = f"{path} has no offset; it was read as {settled.zone} time"
        self.odd("time.naive", message, f"{text}Z or an offset", text)


@dataclass(frozen=True, slots=True)
class Field:
    """What an object says under one of several names.

    Parameters
    ----------
    key:
        The name as written, or the one to write where it is absent.
    value:
        None also where it is absent.
    repeated:
        Whether a name is given twice, with different values.
    rival:
        Another name for the same, with a different value.
    """

    key: str
    value: Any = None
    present: bool = False
    repeated: bool = False
    rival: str | None = None

    @property
    def contradictions(self) -> tuple[Phrase, ...]:
        """Why nobody can tell which value is meant; nothing where everybody can."""
        if self.repeated:
            return (_TWICE,)
        if self.rival:
            return (phrase("differs from %(rival)s, which means the same", rival=self.rival),)
        return ()

    def wrong(self, required: Phrase) -> tuple[Phrase, Phrase]:
        """The words for a field that is absent or of the wrong type."""
        return (seen(self.value) if self.present else phrase("is missing")), required


class _Repeating(dict[str, Any]):
    """An object with a key given more than once; the last value counts, all are kept."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.given: dict[str, list[Any]] = {}
        for key, value in pairs:
            self.given.setdefault(key, []).append(value)


def pick(holder: Mapping[str, Any], names: Sequence[str], absent: str = "") -> Field:
    """The field of `holder` that bears one of `names`; the first that is not null counts.

    `absent` is the name to blame where there is none (the first of `names` by default).
    """
    present = [name for name in names if name in holder]
    if not present:
        return Field(absent or names[0])
    telling = [name for name in present if holder[name] is not None] or present
    first = telling[0]
    rivals = [name for name in telling[1:] if _differ([holder[first], holder[name]])]
    repeated = any(_differ(_given(holder, name)) for name in present)
    return Field(first, holder[first], True, repeated, rivals[0] if rivals else None)


def given_twice(holder: Mapping[str, Any], name: str) -> bool:
    """Whether the object names `name` more than once, be it with the same value."""
    return len(_given(holder, name)) > 1


def shown(value: object) -> str:
    """A value of the file, in at most some 80 characters, for a message."""
    if isinstance(value, str):
        return f'"{one_line(value, _SHOWN)}"'
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    text = str(value)
    return text if len(text) < _MAX_DIGITS else f"{text[:12]}…"


def seen(value: object) -> Phrase:
    """What stands where something else should."""
    return phrase("is %(value)s", value=shown(value))


@dataclass(frozen=True, slots=True)
class Step:
    """One of BACKUP, COMPRESS and TRANSFER, as the agent tells it.

    Parameters
    ----------
    status:
        Whether the agent says that it went well; None where it does not say.
    started_at, ended_at:
        Aware, in UTC; None where absent or malformed.
    sha256:
        64 lower-case hexadecimal digits, or None; always None for TRANSFER.
    size:
        Bytes, or None; a size that no file can have is -2**63 or 2**63-1.
    """

    status: bool | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class StepReader:
    """Reads one step of a section, and notes what is wrong with it.

    `names` are those of the step in dialects A and B; `dialect` (0 or 1) says which name of a
    field to blame where it is absent; `path` is the step's place in the file.
    """

    names: tuple[str, str]
    body: Mapping[str, Any]
    path: str
    dialect: int
    clock: Clock
    notes: Notes

    def read(self) -> Step:
        """The step, as far as it can be read."""
        status = self._status()
        started_at = self._time("start_time", f"{self.names[1]}_start_time")
        ended_at = self._time("end_time", "timestamp")
        if self.names[0] == "TRANSFER":
            return Step(status, started_at, ended_at)
        checksum = self._measure(read_checksum, "checksum.absent", status, "sha256_checksum")
        size = self._measure(read_size, "size.absent", status, "size", "size_bytes")
        return Step(status, started_at, ended_at, checksum, size)

    def _pick(self, *names: str) -> Field:
        return pick(self.body, names, names[min(self.dialect, len(names) - 1)])

    def _status(self) -> bool | None:
        found = self._pick("status")
        if found.contradictions:
            self.notes.fault(f"{self.path}.status", *found.contradictions)
        if isinstance(found.value, bool):
            return found.value
        self.notes.fault(f"{self.path}.status", *found.wrong(_TRUTH))
        return None

    def _time(self, *names: str) -> datetime | None:
        found = self._pick(*names)
        return optional_time(f"{self.path}.{found.key}", found, self.clock, self.notes)

    def _measure(
        self,
        read: Callable[[object], tuple[_T | None, FindingCode | None]],
        absent: FindingCode,
        status: bool | None,
        *names: str,
    ) -> _T | None:
        found = self._pick(*names)
        place = f"{self.path}.{found.key}"
        if found.contradictions:
            self._contradicts(found, place)
            return None
        if found.value is None:
            self._absent(absent, place, status)
            return None
        value, code = read(found.value)
        if code:
            self._odd(code, place, found.value)
        return value

    @property
    def _judged(self) -> bool:
        """Whether the verdict follows from checksum and size: from those of the staged file."""
        return self.names[0] == "COMPRESS"

    def _contradicts(self, found: Field, place: str) -> None:
        if self._judged:
            self.notes.fault(place, *found.contradictions)
        else:
            self.notes.ambiguous(place, found)

    def _absent(self, code: FindingCode, place: str, status: bool | None) -> None:
        # A compression that failed has nothing to measure.
        if self._judged and status is not False:
            self.notes.odd(code, f"{place} is missing, so the file cannot be checked against it")

    def _odd(self, code: FindingCode, place: str, value: object) -> None:
        if code == "checksum.malformed" and not self._judged:
            code = "backup.checksum.malformed"
        words, expected = _ODD[code]
        self.notes.odd(code, f"{place} {words}", expected, shown(value))


def optional_time(path: str, found: Field, clock: Clock, notes: Notes) -> datetime | None:
    """A time that nothing is judged by: None, with a warning, where it is malformed."""
    if found.contradictions:
        notes.ambiguous(path, found)
    if found.value is None:
        return None
    try:
        parsed = parse_time(found.value)
        settled = clock.settle(parsed)
    except NotATimeError as error:
        notes.odd("time.malformed", f"{path} {error}", "a time in ISO 8601", shown(found.value))
        return None
    notes.naive(path, parsed, settled)
    return settled.moment


def read_text(value: object) -> str | None:
    """Agent's words, whatever their type, fit to be stored and shown; None for no words."""
    if value is None:
        return None
    words = value if isinstance(value, str) else _written(value) or shown(value)
    return clean(words).strip() or None


def read_checksum(value: object) -> tuple[str | None, FindingCode | None]:
    """A SHA-256 in lower case, and the code of the warning that it deserves."""
    digits = value.strip().lower() if isinstance(value, str) else ""
    return (digits, None) if _SHA256.fullmatch(digits) else (None, "checksum.malformed")


def read_size(value: object) -> tuple[int | None, FindingCode | None]:
    """A size in bytes, and the code of the warning that it deserves.

    A size that no file can have becomes `MAX_SIZE` or `MIN_SIZE`: it must never equal a real one.
    """
    number = _whole(value)
    if number is None:
        return None, "size.malformed"
    if not 0 <= number <= MAX_SIZE:
        return (MAX_SIZE if number > 0 else MIN_SIZE), "size.implausible"
    return number, None if isinstance(value, int) else "size.odd"


def read_staged_name(path: str) -> tuple[str | None, Phrase | None]:
    """The last component of an agent's path, Windows or POSIX, or what is wrong with it."""
    name = path.replace("\\", "/").rpartition("/")[2].strip()
    problem = _name_problem(path, name)
    return (None, problem) if problem else (name, None)


def _name_problem(path: str, name: str) -> Phrase | None:
    if name in ("", ".", ".."):
        return phrase("names no file: %(value)s", value=shown(path))
    if name.startswith("."):
        return phrase("names a hidden or temporary file: %(value)s", value=shown(path))
    if "\0" in path or not _printable(name[:MAX_NAME]):
        return phrase("has characters that no file name may have: %(value)s", value=shown(path))
    if len(name) > MAX_NAME or len(name.encode()) > MAX_NAME:
        return phrase("is longer than %(most)s bytes: %(value)s", most=MAX_NAME, value=shown(name))
    return None


def _printable(name: str) -> bool:
    # Line breaks and tabs pass `clean`, but have no place in a file's name.
    return clean(name) == name and not {"\n", "\t"} & set(name)


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return _integer(value.strip().lstrip("0") or "0")
    return None


def _given(holder: Mapping[str, Any], name: str) -> list[Any]:
    if isinstance(holder, _Repeating):
        return holder.given.get(name, [])
    return [holder[name]] if name in holder else []


def _differ(values: Sequence[Any]) -> bool:
    # Each is written once: an enemy may repeat a key 400,000 times after one huge value.
    if len(values) < 2:
        return False
    written = {_written(value) for value in values}
    return len(written) > 1 or None in written


def _written(value: object) -> str | None:
    """`value` as JSON, so that true, 1 and 1.0 differ; None where it is nested too deeply."""
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    except RecursionError:
        return None


def _integer(digits: str) -> int:
    return int(digits[:_MAX_DIGITS])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A plain dict wherever it will do: five megabytes may hold a million objects.
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else _Repeating(pairs)


def parse_json(text: str) -> object:
    """The value that `text` holds.

    Raises
    ------
    UnreadableError
        Where it is not JSON, with the place, or absurdly nested.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except RecursionError:
        raise UnreadableError(phrase("is nested too deeply to be a report")) from None
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        not_json = phrase(
            "is not JSON (%(reason)s, line %(line)s, column %(column)s)",
            reason=error.msg,
            line=str(error.lineno),
            column=str(error.colno),
        )
        reasons = (not_json, phrase("it seems to be cut off")) if cut else (not_json,)
        raise UnreadableError(*reasons) from None
