"""Logs: one line per event, for a person or for a program, whatever strangers wrote in it."""

from __future__ import annotations

import json
import logging as standard
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backupmon.config import Settings, load_settings
from backupmon.logs import LibraryHandler, configure_logging

log = structlog.get_logger()


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    kept = structlog.get_config()
    structlog.contextvars.clear_contextvars()
    yield
    structlog.contextvars.clear_contextvars()
    structlog.configure(**kept)


@pytest.fixture
def logging(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was logged; standard output is for results only."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "" or err.endswith("\n")
    return err.split("\n")[:-1]


def line(capsys: pytest.CaptureFixture[str]) -> str:
    (only,) = lines(capsys)
    return only


def as_json(logging: Settings) -> Settings:
    return logging.model_copy(update={"log_format": "json"})


def test_an_event_is_one_line_that_begins_with_its_time_and_level(
    logging: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(logging)
    log.info("verdict", status="SUCCESS", entry=7, scan="ab12", job=3, agent="acme", late=False)
    time, told = line(capsys).split(" ", 1)
    assert (
        told
        == "level=info event=verdict scan=ab12 agent=acme job=3 entry=7 status=SUCCESS late=false"
    )
    assert datetime.fromisoformat(time.removeprefix("time=")).tzinfo == UTC


def test_what_is_bound_once_stands_on_every_line(
    logging: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(logging)
    with structlog.contextvars.bound_contextvars(scan="ab12", agent="acme"):
        log.info("one")
        log.info("two")
    log.info("three")
    assert [" scan=ab12 agent=acme" in told for told in lines(capsys)] == [True, True, False]


ENEMIES = [
    pytest.param("a\nlevel=error event=forged", id="line break"),
    pytest.param("a\r\nlevel=error", id="line break of Windows"),
    pytest.param("a\rlevel=error", id="carriage return"),
    pytest.param('a" level=error x="', id="quotes"),
    pytest.param('a\\" level=error x=\\"', id="escaped quotes"),
    pytest.param("\x1b[31mred\x1b]0;title\x07", id="terminal"),
    pytest.param("\u202egpj.exe", id="override"),
    pytest.param("a\u2028b\x85c\x0bd\x0ce", id="other line breaks"),
    pytest.param("\ud800", id="lone surrogate"),
    pytest.param("\0\t", id="NUL and tab"),
]


@pytest.mark.parametrize("words", ENEMIES)
@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("wrap", [str, lambda w: Path(f"x{w}x".replace("\0", "")), lambda w: [w]],
                         ids=["text", "path", "list"])  # fmt: skip
def test_what_an_agent_wrote_cannot_split_a_line_or_reach_the_terminal(
    logging: Settings, capsys: pytest.CaptureFixture[str], words: str, log_format: str, wrap: Any
) -> None:
    configure_logging(logging.model_copy(update={"log_format": log_format}))
    log.info("intake", agent=wrap(words))
    told = line(capsys)
    assert len(told.splitlines()) == 1
    assert told.isprintable()
    if log_format == "json":
        assert json.loads(told)["level"] == "info"
    else:
        assert _fields(told).keys() == {"time", "level", "event", "agent"}


def _fields(told: str) -> dict[str, str]:
    """The fields of a line of logfmt, read as a program would."""
    found, rest = {}, told
    while rest:
        key, _, rest = rest.partition("=")
        if not rest.startswith('"'):
            found[key], _, rest = rest.partition(" ")
            continue
        end = 1
        while rest[end] != '"':
            end += 2 if rest[end] == "\\" else 1
        found[key], rest = rest[1:end], rest[end + 1 :].removeprefix(" ")
    return found


@given(words=st.text(st.characters(codec=None)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_json_parses_and_keeps_the_words(
    logging: Settings, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    configure_logging(as_json(logging))
    log.warning("intake", words=words, count=3, none=None, late=True)
    told = json.loads(line(capsys))
    assert (told["event"], told["level"]) == ("intake", "warning")
    assert (told["count"], told["none"], told["late"]) == (3, None, True)
    if words.isprintable():
        assert told["words"] == words


def test_line_breaks_survive_in_json(logging: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(as_json(logging))
    log.info("intake", words="one\ntwo")
    assert json.loads(line(capsys))["words"] == "one\ntwo"


def test_a_line_break_is_written_as_one_in_text(
    logging: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(logging)
    log.info("intake", words="one\ntwo three")
    assert line(capsys).endswith('words="one\\ntwo three"')


def _fail(words: str, kind: type[Exception] = ValueError) -> None:
    raise kind(words)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_traceback_is_one_line_and_keeps_its_end(
    logging: Settings, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    configure_logging(logging.model_copy(update={"log_format": log_format}))
    try:
        _fail(f"{'x' * 10_000} cause {6 * 7}")
    except ValueError:
        log.exception("scan.failed")
    told = line(capsys)
    assert "Traceback" in told
    assert "cause 42" in told


def test_a_strangers_endless_words_are_cut(
    logging: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(logging)
    log.info("intake", words="x" * 100_000)
    assert len(line(capsys)) < 5000


@pytest.mark.parametrize(
    ("setting", "level", "told"),
    [
        pytest.param("DEBUG", None, ["debug", "info", "warning", "error"], id="debug"),
        pytest.param("INFO", None, ["info", "warning", "error"], id="info"),
        pytest.param("WARNING", None, ["warning", "error"], id="warning"),
        pytest.param("ERROR", None, ["error"], id="error"),
        pytest.param("DEBUG", "WARNING", ["warning", "error"], id="a command wants less"),
        pytest.param("ERROR", "INFO", ["info", "warning", "error"], id="a command wants more"),
        pytest.param("DEBUG", "CRITICAL", [], id="a command wants nothing"),
    ],
)
def test_the_level_is_honoured(
    logging: Settings,
    capsys: pytest.CaptureFixture[str],
    setting: str,
    level: str | None,
    told: list[str],
) -> None:
    configure_logging(logging.model_copy(update={"log_level": setting}), level=level)
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)(name)
    found = lines(capsys)
    assert [_fields(one)["event"] for one in found] == told
    assert [_fields(one)["level"] for one in found] == told


library = standard.getLogger("library.part")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_a_library_logs_is_one_of_our_lines_once(
    logging: Settings, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    for _ in range(2):
        configure_logging(logging.model_copy(update={"log_format": log_format}))
    with structlog.contextvars.bound_contextvars(scan="ab12"):
        library.warning("took %d\ns\x1b[31m", 7)
    told = line(capsys)
    found = json.loads(told) if log_format == "json" else _fields(told)
    assert (found["event"], found["level"], found["scan"]) == ("library.part", "warning", "ab12")
    assert found["message"].startswith("took 7")
    assert "\x1b" not in told


def test_a_librarys_traceback_is_kept_and_its_chatter_is_not(
    logging: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(as_json(logging))
    library.info("chatter")
    try:
        _fail("its cause")
    except ValueError:
        library.exception("failed")
    library.log(37, "a level of its own")
    failed, odd = map(json.loads, lines(capsys))
    assert failed["exception"].endswith("its cause")
    assert odd["level"] == "warning"


def test_what_a_library_says_wrongly_does_not_stop_us(
    logging: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(logging)
    wrong = standard.LogRecord("library", standard.ERROR, "", 0, "%d", ("no number",), None)
    LibraryHandler().handle(wrong)
    assert "no number" in line(capsys)


@pytest.mark.parametrize(
    "address",
    [
        "redis://:hidden@host:6379/0",
        "postgresql://ann:hidden@host/name",
        "Error 111 connecting to rediss://u:hid@den@host.",
    ],
)
def test_no_password_of_an_address_is_logged(
    logging: Settings, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    configure_logging(logging)
    log.error("queue.down", reason=address)
    library.error(f"{'x' * 3990} {address}")
    try:
        _fail(address, OSError)
    except OSError:
        log.exception("failed")
    told = "\n".join(lines(capsys))
    assert "hid" not in told
    assert "den" not in told
    assert "***@host" in told
