"""Text that strangers wrote, made fit to be stored and shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backupmon.core.text import MAX_NAME, MAX_TEXT, clean, one_line

FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}
OVERRIDES = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: With surrogates, which JSON can carry and no database takes.
anything = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        pytest.param("Données de l'été ✓", "Données de l'été ✓", id="plain"),
        pytest.param("a\nb\tc", "a\nb\tc", id="line breaks and tabs"),
        pytest.param("a\r\nb\r\n", "a\nb\n", id="line breaks of Windows"),
        pytest.param("10%\r20%", "10%\ufffd20%", id="carriage return"),
        pytest.param("a\0b", "a\ufffdb", id="NUL"),
        pytest.param("\x1b[2J\x07", "\ufffd[2J\ufffd", id="terminal"),
        pytest.param("\x7f\x85\x9b", "\ufffd\ufffd\ufffd", id="C1 controls"),
        pytest.param("\ud800x\udfff", "\ufffdx\ufffd", id="lone surrogates"),
        pytest.param("cod.\u202egz.exe", "cod.\ufffdgz.exe", id="bidirectional override"),
        pytest.param("a\u2028b\u2029c", "a\ufffdb\ufffdc", id="line and paragraph separators"),
        pytest.param("", "", id="empty"),
    ],
)
def test_what_would_harm_is_replaced_and_nothing_else(written: str, kept: str) -> None:
    assert clean(written) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("x" * 9, "x" * 9),
        ("x" * 10, "x" * 10),
        ("x" * 11, "x" * 9 + "…"),
        ("x\r\n" * 5, "x\n" * 5),
        ("\0" * 11, "\ufffd" * 9 + "…"),
    ],
    ids=["shorter", "as long", "longer", "as long without returns", "longer, and harmful"],
)
def test_what_is_too_long_is_cut_and_shows_it(written: str, kept: str) -> None:
    assert clean(written, 10) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  a \n\t b  ", "a b"),
        ("Subject\r\nBcc: eve@example.org", "Subject Bcc: eve@example.org"),
        ("a\0\nb", "a\ufffd b"),
        (" \n ", ""),
    ],
)
def test_one_line_is_one_line(written: str, kept: str) -> None:
    assert one_line(written) == kept


@given(anything)
def test_whatever_was_written_can_be_stored_and_shown(written: str) -> None:
    kept = clean(written)
    kept.encode()
    for char in set(kept) - {"\n", "\t"}:
        assert unicodedata.category(char) not in FORBIDDEN
        assert char not in OVERRIDES
    assert len(kept) <= MAX_TEXT
    assert clean(kept) == kept


@given(anything, st.integers(2, 40))
def test_one_line_has_no_break_and_keeps_its_limit(written: str, limit: int) -> None:
    kept = one_line(written, limit)
    assert len(kept) <= limit <= MAX_NAME
    assert len(kept.splitlines()) <= 1
    assert kept == kept.strip()
