"""Jobs as files: CSV that spreadsheets open, and JSON; imported again they change nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from backupmon.core.cells import guarded
from backupmon.core.job_spec import EDITABLE
from backupmon.models.columns import row_dict

#: Columns of an export.
EXPORTED = ("id", *EDITABLE)


def csv_pieces(jobs: Iterable[Any], separator: str = ",") -> Iterator[str]:
    """A header, then a line for each of `jobs`, which bear the columns `EXPORTED`.

    No cell is one that a spreadsheet would run (`core.cells`).
    """
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\n")
    writer.writerow(EXPORTED)
    for job in jobs:
        yield _taken(out)
        writer.writerow([guarded(_cell(value)) for value in row_dict(job, EXPORTED).values()])
    yield _taken(out)


def json_pieces(jobs: Iterable[Any]) -> Iterator[str]:
    """An array with an object for each of `jobs`, which bear the columns `EXPORTED`."""
    before = "[\n"
    for job in jobs:
        told = json.dumps(row_dict(job, EXPORTED), ensure_ascii=False, indent=2)
        yield before + "  " + told.replace("\n", "\n  ")
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def csv_text(jobs: Iterable[Any]) -> str:
    """All of `csv_pieces`."""
    return "".join(csv_pieces(jobs))


def json_text(jobs: Iterable[Any]) -> str:
    """All of `json_pieces`."""
    return "".join(json_pieces(jobs))


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _taken(out: io.StringIO) -> str:
    piece = out.getvalue()
    out.seek(0)
    out.truncate()
    return piece
