"""Files of jobs: finding the rows in CSV and JSON, and writing them. No database."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from backupmon.core.errors import RefusedError
from backupmon.core.job_fields import is_blank
from backupmon.core.job_spec import EDITABLE, FieldFault
from backupmon.core.text import one_line
from backupmon.models import ExpectedBackupJob
from backupmon.services.job_drafts import JobRow

MAX_FILE_BYTES = 50 * 1024 * 1024
#: Columns of an export.
EXPORTED = ("id", *EDITABLE)

#: Columns that the server keeps: passed over, so that an export can be imported again.
_KEPT = frozenset(ExpectedBackupJob.PUBLIC) - frozenset(EDITABLE)
_MAY_BE_EMPTY = frozenset({"year", "neighborhood", "notification_recipients", "paused_until"})
_NEVER_EMPTY = frozenset(EDITABLE) - _MAY_BE_EMPTY
_IDENTITY = ("agent_id_responsible", "database_name")
_QUOTED = re.compile(r'"[^"]*"')
_SPACE = re.compile(r"[ \t\r\n]*")
_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
#: Far more than there are columns; a row with more names is looked at no closer.
_MOST_NAMES = 100


class JobFileError(RefusedError):
    """A file in which no rows can be found."""


def read_rows(path: Path) -> list[JobRow]:
    """The rows of a CSV or JSON file, told apart by its suffix.

    A row with a fault of its own (too few cells, no object) is given with it.

    Raises
    ------
    JobFileError
        The file cannot be read, is larger than `MAX_FILE_BYTES`, of another kind, broken, or
        has no rows, or a column that is missing, unknown or there twice.
    """
    name = one_line(path.name)
    readers = {".csv": _csv_rows, ".json": _json_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise JobFileError(f"{name} is neither .csv nor .json", "the suffix says how to read it")
    rows = list(reader(_text(path, name), name))
    if not rows:
        raise JobFileError(f"{name} has no jobs in it", "give it a row for each job")
    return rows


def csv_text(jobs: Iterable[ExpectedBackupJob]) -> str:
    """Jobs as CSV with a header; imported again it changes nothing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(EXPORTED)
    for job in jobs:
        values = job.as_dict()
        writer.writerow([_cell(values[name]) for name in EXPORTED])
    return out.getvalue()


def json_text(jobs: Iterable[ExpectedBackupJob]) -> str:
    """Jobs as a JSON array of objects; imported again it changes nothing."""
    rows = [{name: job.as_dict()[name] for name in EXPORTED} for job in jobs]
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise JobFileError(f"{name} cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        size = MAX_FILE_BYTES // 1024 // 1024
        raise JobFileError(f"{name} is larger than {size} MiB", "import it in pieces")
    bom, encoding = next((b for b in _BOMS.items() if data.startswith(b[0])), (b"", "utf-8"))
    data = data[len(bom) :]
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise JobFileError(
            f"{name}, line {line}: what stands there is not text in {encoding.upper()}",
            "save the file as UTF-8",
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise JobFileError(f"{name}, line {line} has a NUL byte", "save the file as UTF-8 text")
    if not text.strip():
        raise JobFileError(f"{name} is empty", "give it a row for each job")
    return text


# --- CSV -----------------------------------------------------------------------------------


def _csv_rows(text: str, name: str) -> Iterator[JobRow]:
    records = _records(text, name)
    line, header = next(records)
    columns = _columns(header, f"{name}, line {line}")
    for line, cells in records:
        yield _csv_row(line, columns, cells)


def _records(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """The records that are not blank, each with the line it begins in."""
    # One record may hold newlines, and one cell far more than the module's default.
    csv.field_size_limit(MAX_FILE_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise JobFileError(
            f"{name}: the record that begins in line {line} cannot be read: {error}",
            "a quote that is part of a cell is written twice, and each cell's quotes are closed",
        ) from None


def _delimiter(text: str) -> str:
    """What separates the columns of the header; names of columns hold none of these."""
    header = next(line for line in io.StringIO(text, newline="") if line.strip())
    bare = _QUOTED.sub("", header)
    return max(",;\t", key=bare.count)


def _columns(header: Sequence[str], place: str) -> list[str]:
    columns = [one_line(cell).lower() for cell in header]
    if "" in columns:
        number = columns.index("") + 1
        raise JobFileError(f"{place}: column {number} has no name", "name it, or remove it")
    for column, count in Counter(columns).items():
        if count > 1:
            raise JobFileError(f'{place}: the column "{column}" is there twice', "remove one")
    unknown = [column for column in columns if column not in EDITABLE and column not in _KEPT]
    if unknown:
        raise JobFileError(f"{place}: {_unknown(unknown)}", f"columns are {', '.join(EDITABLE)}")
    for column in _IDENTITY:
        if column not in columns:
            raise JobFileError(
                f'{place}: the column "{column}" is missing',
                "agent and database tell which job is meant",
            )
    return columns


def _unknown(columns: Sequence[str]) -> str:
    said = []
    for column in columns[:20]:
        close = get_close_matches(column, EDITABLE, n=1)
        guess = f" (did you mean {close[0]}?)" if close else ""
        said.append(f'"{one_line(column, 60)}"{guess}')
    return "no such column: " + ", ".join(said)


def _csv_row(line: int, columns: Sequence[str], cells: Sequence[str]) -> JobRow:
    place = f"line {line}"
    if len(cells) != len(columns):
        problem = f"has {len(cells)} cells, but the header has {len(columns)} columns"
        hint = "quote a cell that holds the separator"
        return JobRow(place, {}, (FieldFault("row", problem, hint),))
    return JobRow(place, _said(zip(columns, cells, strict=True)))


def _said(pairs: Iterable[tuple[str, Any]]) -> dict[str, object]:
    """What a row says: an empty cell clears what may be empty, and leaves the rest alone."""
    return {
        column: value
        for column, value in pairs
        if column not in _KEPT and not (column in _NEVER_EMPTY and is_blank(value))
    }


# --- JSON ----------------------------------------------------------------------------------


class _Pairs(list[tuple[str, Any]]):
    """An object, with names that are there twice still in it."""


def _json_rows(text: str, name: str) -> Iterator[JobRow]:
    try:
        yield from _walk(text, name)
    except json.JSONDecodeError as error:
        raise _broken(name, text, error.pos, error.msg) from None
    except RecursionError:
        raise JobFileError(f"{name} is nested too deeply", "write flat objects") from None
    except ValueError:
        raise JobFileError(f"{name} has a number with thousands of digits") from None


def _walk(text: str, name: str) -> Iterator[JobRow]:
    """The elements of the array, one by one, so that each one's line is known."""
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs)
    at = _next(text, 0)
    if text[at : at + 1] != "[":
        raise _broken(name, text, at, "an array of objects is wanted")
    at, line, counted = _next(text, at + 1), 1, 0
    closed = text[at : at + 1] == "]"
    while not closed:
        line, counted = line + text.count("\n", counted, at), at
        element, at = decoder.raw_decode(text, at)
        yield _json_row(f"line {line}", element)
        at = _next(text, at)
        closed = text[at : at + 1] == "]"
        if not closed:
            if text[at : at + 1] != ",":
                raise _broken(name, text, at, "a comma or the closing ] is wanted")
            at = _next(text, at + 1)
    after = _next(text, at + 1)
    if after < len(text):
        raise _broken(name, text, after, "something follows the array")


def _next(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _broken(name: str, text: str, at: int, problem: str) -> JobFileError:
    line = text.count("\n", 0, at) + 1
    said = problem[:1].lower() + problem[1:]
    return JobFileError(
        f"{name}, line {line}: {said}", "the file is one JSON array of objects that bear columns"
    )


def _json_row(place: str, element: object) -> JobRow:
    if not isinstance(element, _Pairs):
        return JobRow(place, {}, (FieldFault("row", "is no object", "write {…} for each job"),))
    if len(element) > _MOST_NAMES:
        problem = f"has {len(element)} names, far more than a job has columns"
        return JobRow(place, {}, (FieldFault("row", problem),))
    counts = Counter(name for name, _ in element)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        faults = (FieldFault(one_line(name, 60), "is there twice", "remove one") for name in twice)
        return JobRow(place, {}, tuple(faults))
    return JobRow(place, _said((name, _plain(value)) for name, value in element))


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, _Pairs) else value
