"""Files of jobs: finding the rows in CSV and JSON. No database."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from backupmon.core.cells import unguarded
from backupmon.core.job_fields import is_blank
from backupmon.core.job_spec import EDITABLE, FieldFault
from backupmon.core.phrases import sentence
from backupmon.core.text import one_line
from backupmon.core.words import to_translate
from backupmon.models import ExpectedBackupJob
from backupmon.services.job_drafts import JobRow
from backupmon.services.job_texts import (
    MAX_FILE_BYTES,
    JobFileError,
    no_jobs,
    place_of,
    text_of,
)

#: Columns that the server keeps: passed over, so that an export can be imported again.
_KEPT = frozenset(ExpectedBackupJob.PUBLIC) - frozenset(EDITABLE)
_MAY_BE_EMPTY = frozenset({"year", "neighborhood", "notification_recipients", "paused_until"})
_NEVER_EMPTY = frozenset(EDITABLE) - _MAY_BE_EMPTY
_IDENTITY = ("agent_id_responsible", "database_name")
_QUOTED = re.compile(r'"[^"]*"')
_SPACE = re.compile(r"[ \t\r\n]*")
#: Far more than there are columns; a row with more names is looked at no closer.
_MOST_NAMES = 100


def read_rows(path: Path) -> list[JobRow]:
    """The rows of a CSV or JSON file, told apart by its suffix.

    A row with a fault of its own (too few cells, no object) is given with it.

    Raises
    ------
    JobFileError
        The file cannot be read, is larger than `MAX_FILE_BYTES`, of another kind, broken, or
        has no rows, or a column that is missing, unknown or there twice.
    """
    name, kind = one_line(path.name), kind_of(path.name)
    return rows_in(text_of(_read(path, name), kind, name), kind, name)


def rows_in(text: str, kind: str, name: str) -> list[JobRow]:
    """The rows of a text of `kind` "csv" or "json"; raises as `read_rows`.

    Parameters
    ----------
    name:
        What the text is called in messages.
    """
    rows = list(_READERS[kind](text, name))
    if not rows:
        raise no_jobs(name)
    return rows


def kind_of(file_name: str) -> str:
    """What a file is by its suffix: "csv" or "json".

    Raises
    ------
    JobFileError
        When it is neither.
    """
    kind = Path(file_name).suffix.lower().removeprefix(".")
    if kind not in _READERS:
        name = one_line(Path(file_name).name)
        raise JobFileError(
            sentence("%(name)s is neither .csv nor .json", name=name),
            to_translate("the suffix says how to read it"),
        )
    return kind


def _read(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        problem = sentence("%(name)s cannot be read: %(why)s", name=name, why=str(error.strerror))
        raise JobFileError(problem) from None


# --- CSV -----------------------------------------------------------------------------------


def _csv_rows(text: str, name: str) -> Iterator[JobRow]:
    records = _records(text, name)
    line, header = next(records)
    columns = _columns(header, sentence("%(name)s, line %(line)s", name=name, line=str(line)))
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
        problem = sentence(
            "%(name)s: the record that begins in line %(line)s cannot be read: %(why)s",
            **{"name": name, "line": str(line), "why": str(error)},
        )
        hint = to_translate(
            "a quote that is part of a cell is written twice, and each cell's quotes are closed"
        )
        raise JobFileError(problem, hint) from None


def _delimiter(text: str) -> str:
    """What separates the columns of the header; names of columns hold none of these."""
    header = next(line for line in io.StringIO(text, newline="") if line.strip())
    bare = _QUOTED.sub("", header)
    return max(",;\t", key=bare.count)


def _columns(header: Sequence[str], place: str) -> list[str]:
    columns = [one_line(unguarded(cell)).lower() for cell in header]
    if "" in columns:
        number = str(columns.index("") + 1)
        raise JobFileError(
            sentence("%(place)s: column %(number)s has no name", place=place, number=number),
            to_translate("name it, or remove it"),
        )
    for column, count in Counter(columns).items():
        if count > 1:
            raise JobFileError(
                sentence(
                    '%(place)s: the column "%(column)s" is there twice', place=place, column=column
                ),
                to_translate("remove one"),
            )
    _refuse_unknown(columns, place)
    for column in _IDENTITY:
        if column not in columns:
            raise JobFileError(
                sentence(
                    '%(place)s: the column "%(column)s" is missing', place=place, column=column
                ),
                to_translate("agent and database tell which job is meant"),
            )
    return columns


def _refuse_unknown(columns: Sequence[str], place: str) -> None:
    unknown = [column for column in columns if column not in EDITABLE and column not in _KEPT]
    if unknown:
        said = ", ".join(_with_guess(column) for column in unknown[:20])
        raise JobFileError(
            sentence("%(place)s: no such column: %(columns)s", place=place, columns=said),
            sentence("columns are %(columns)s", columns=", ".join(EDITABLE)),
        )


def _with_guess(column: str) -> str:
    close = get_close_matches(column, EDITABLE, n=1)
    guess = f" (did you mean {close[0]}?)" if close else ""
    return f'"{one_line(column, 60)}"{guess}'


def _csv_row(line: int, columns: Sequence[str], cells: Sequence[str]) -> JobRow:
    place = place_of(line)
    if len(cells) != len(columns):
        problem = sentence(
            "has %(cells)s cells, but the header has %(columns)s columns",
            **{"cells": len(cells), "columns": len(columns)},
        )
        hint = to_translate("quote a cell that holds the separator")
        return JobRow(place, {}, (FieldFault("row", problem, hint),))
    return JobRow(place, _said(zip(columns, map(unguarded, cells), strict=True)))


def _said(pairs: Iterable[tuple[str, Any]]) -> dict[str, object]:
    """What a row says: an empty cell clears what may be empty, and leaves the rest alone."""
    return {
        column: value
        for column, value in pairs
        if column not in _KEPT and not (column in _NEVER_EMPTY and is_blank(value))
    }


# --- JSON ----------------------------------------------------------------------------------


_NO_OBJECT = to_translate("is no object")
_OBJECT_HINT = to_translate("write {…} for each job")
_TWICE = to_translate("is there twice")
_TWICE_HINT = to_translate("remove one")


class _Pairs(list[tuple[str, Any]]):
    """An object, with names that are there twice still in it."""


def _json_rows(text: str, name: str) -> Iterator[JobRow]:
    try:
        yield from _walk(text, name)
    except json.JSONDecodeError as error:
        raise _broken(name, text, error.pos, error.msg) from None
    except RecursionError:
        problem = sentence("%(name)s is nested too deeply", name=name)
        raise JobFileError(problem, to_translate("write flat objects")) from None
    except ValueError:
        problem = sentence("%(name)s has a number with thousands of digits", name=name)
        raise JobFileError(problem) from None


def _walk(text: str, name: str) -> Iterator[JobRow]:
    """The elements of the array, one by one, so that each one's line is known."""
    decoder = json.JSONDecoder(object_pairs_hook=_Pairs)
    at = _next(text, 0)
    if text[at : at + 1] != "[":
        raise _broken(name, text, at, to_translate("an array of objects is wanted"))
    at, line, counted = _next(text, at + 1), 1, 0
    closed = text[at : at + 1] == "]"
    while not closed:
        line, counted = line + text.count("\n", counted, at), at
        element, at = decoder.raw_decode(text, at)
        yield _json_row(place_of(line), element)
        at = _next(text, at)
        closed = text[at : at + 1] == "]"
        if not closed:
            if text[at : at + 1] != ",":
                raise _broken(name, text, at, to_translate("a comma or the closing ] is wanted"))
            at = _next(text, at + 1)
    after = _next(text, at + 1)
    if after < len(text):
        raise _broken(name, text, after, to_translate("something follows the array"))


def _next(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()


def _broken(name: str, text: str, at: int, problem: str) -> JobFileError:
    line = text.count("\n", 0, at) + 1
    said = problem[:1].lower() + problem[1:]
    return JobFileError(
        sentence(
            "%(name)s, line %(line)s: %(problem)s",
            **{"name": name, "line": str(line), "problem": sentence(said)},
        ),
        to_translate("the file is one JSON array of objects that bear columns"),
    )


def _json_row(place: str, element: object) -> JobRow:
    if not isinstance(element, _Pairs):
        return JobRow(place, {}, (FieldFault("row", _NO_OBJECT, _OBJECT_HINT),))
    if len(element) > _MOST_NAMES:
        many = len(element)
        problem = sentence("has %(count)s names, far more than a job has columns", count=many)
        return JobRow(place, {}, (FieldFault("row", problem),))
    counts = Counter(name for name, _ in element)
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        faults = (FieldFault(one_line(name, 60), _TWICE, _TWICE_HINT) for name in twice)
        return JobRow(place, {}, tuple(faults))
    return JobRow(place, _said((name, _plain(value)) for name, value in element))


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, _Pairs) else value


_READERS: Mapping[str, Callable[[str, str], Iterator[JobRow]]] = {
    "csv": _csv_rows,
    "json": _json_rows,
}
