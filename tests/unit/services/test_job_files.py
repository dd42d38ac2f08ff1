"""Finding the rows of CSV and JSON files, whoever wrote them."""

from __future__ import annotations

from pathlib import Path

import pytest

from backupmon.services import job_files
from backupmon.services.job_files import JobFileError, read_rows

HEADER = "agent_id_responsible,database_name,city\n"


def rows_of(folder: Path, data: str | bytes, name: str = "jobs.csv") -> list[tuple[str, object]]:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return [(row.place, row.values or row.faults) for row in read_rows(path)]


def refusal(folder: Path, data: str | bytes, name: str = "jobs.csv") -> str:
    with pytest.raises(JobFileError) as caught:
        rows_of(folder, data, name)
    return caught.value.message


ACME = {"agent_id_responsible": "acme", "database_name": "shop", "city": "Yaoundé"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_csv_is_read_as_spreadsheets_write_it(
    tmp_path: Path, encoding: str, separator: str, end: str
) -> None:
    text = f"{HEADER}acme,shop,Yaoundé\n".replace(",", separator).replace("\n", end)
    assert rows_of(tmp_path, text.encode(encoding)) == [("line 2", ACME)]


def test_the_line_is_where_the_row_begins(tmp_path: Path) -> None:
    text = f'\n{HEADER}acme,shop,"Dou\nala"\n\n,,\nacme,crm,Douala\n'
    assert [place for place, _ in rows_of(tmp_path, text)] == ["line 3", "line 7"]


def test_a_cell_that_was_guarded_from_being_run_is_read_as_it_was(tmp_path: Path) -> None:
    text = f"{HEADER}acme,'=1+1,''-quoted\nacme,'crm',-x\n"
    values = [values for _, values in rows_of(tmp_path, text)]
    assert [(v["database_name"], v["city"]) for v in values if isinstance(v, dict)] == [
        ("=1+1", "'-quoted"),
        ("'crm'", "-x"),
    ]


def test_an_empty_cell_clears_only_what_may_be_empty(tmp_path: Path) -> None:
    text = "agent_id_responsible,database_name,city,neighborhood\nacme,shop, ,\n"
    values = {"agent_id_responsible": "acme", "database_name": "shop", "neighborhood": ""}
    assert rows_of(tmp_path, text) == [("line 2", values)]


def test_columns_that_the_server_keeps_are_passed_over(tmp_path: Path) -> None:
    text = "id,agent_id_responsible,database_name,city,current_status\n9,acme,shop,Yaoundé,FAILED"
    assert rows_of(tmp_path, text) == [("line 2", ACME)]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param(" \n\n", "is empty", id="blank"),
        pytest.param("\ufeff", "is empty", id="a BOM only"),
        pytest.param(HEADER, "no jobs in it", id="header only"),
        pytest.param(HEADER + "acme,sh\0op,x\n", "line 2 has a NUL byte", id="NUL"),
        pytest.param(
            HEADER.encode() + "acme,shop,Yaoundé\n".encode() + b"acme,crm,Yaound\xe9\n",
            "line 3: what stands there is not text in UTF-8",
            id="two encodings at once",
        ),
        pytest.param(HEADER.encode() + b"acme,sh\x81op,x\n", "line 2: what", id="no text at all"),
        pytest.param(HEADER + 'a,b,c\nacme,"shop,x\n', "begins in line 3", id="open quote"),
        pytest.param("city,city\n", 'line 1: the column "city" is there twice', id="twice"),
        pytest.param("city,,x\n", "column 2 has no name", id="a column without a name"),
        pytest.param("agent_id_responsible,citty\n", "did you mean city?", id="unknown"),
        pytest.param("city\nx\n", 'column "agent_id_responsible" is missing', id="no agent"),
    ],
)
def test_a_csv_file_without_rows_is_refused(tmp_path: Path, data: str | bytes, told: str) -> None:
    assert told in refusal(tmp_path, data)


@pytest.mark.parametrize("row", ["acme,shop", "acme,shop,x,y"], ids=["too few", "too many"])
def test_a_row_of_another_length_is_named_with_its_line(tmp_path: Path, row: str) -> None:
    ((place, faults),) = rows_of(tmp_path, f"{HEADER}{row}\n")
    assert place == "line 2"
    assert isinstance(faults, tuple)
    assert "the header has 3 columns" in faults[0].problem


def test_a_huge_cell_is_read(tmp_path: Path) -> None:
    ((_, values),) = rows_of(tmp_path, f"{HEADER}acme,shop,{'x' * 200_000}\n")
    assert isinstance(values, dict)
    assert len(values["city"]) == 200_000


def test_json_objects_are_named_by_the_line_they_begin_in(tmp_path: Path) -> None:
    text = '\n[ {"city": "a",\n"year": 7}\n,\n\n{"city": null, "year": null}, 3,{"a":1,"a":2}]\n'
    rows = rows_of(tmp_path, text, "jobs.JSON")
    assert rows[0] == ("line 2", {"city": "a", "year": 7})
    assert rows[1] == ("line 6", {"year": None})
    assert [place for place, _ in rows[2:]] == ["line 6", "line 6"]
    problems = [faults[0].problem for _, faults in rows[2:] if isinstance(faults, tuple)]
    assert problems == ["is no object", "is there twice"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param("{}", "an array of objects is wanted", id="an object"),
        pytest.param("[]", "no jobs in it", id="empty array"),
        pytest.param('[\n{"city": }]', "line 2: expecting value", id="broken"),
        pytest.param("[{}\n{}]", "line 2: a comma or", id="no comma"),
        pytest.param("[{},]", "line 1: expecting value", id="a comma too many"),
        pytest.param("[{}", "a comma or the closing ]", id="cut off"),
        pytest.param("[{}] x", "something follows", id="something after"),
        pytest.param("[" * 200_000, "nested too deeply", id="deep"),
        pytest.param("[" + "7" * 5000 + "]", "thousands of digits", id="a huge number"),
        pytest.param('[{"city":\0}]', "NUL byte", id="NUL"),
        pytest.param(b'[{"city":"Yaound\xe9"}]', "is not text in UTF-8", id="no UTF-8"),
    ],
)
def test_a_json_file_without_rows_is_refused(tmp_path: Path, data: str | bytes, told: str) -> None:
    assert told in refusal(tmp_path, data, "jobs.json")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    assert "neither .csv nor .json" in refusal(tmp_path, HEADER, "jobs.xlsx")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(JobFileError, match="cannot be read: No such file"):
        read_rows(tmp_path / "jobs.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(JobFileError, match="cannot be read: Is a directory"):
        read_rows(tmp_path / "folder.csv")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    with path.open("wb") as file:
        file.truncate(job_files.MAX_FILE_BYTES + 1)
    with pytest.raises(JobFileError, match="larger than 50 MiB"):
        read_rows(path)
