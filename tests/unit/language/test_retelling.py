"""Sentences that were kept in English, known again and said in the reader's language."""

from __future__ import annotations

import ast
import errno
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale

from backupmon.config import PROJECT_ROOT
from backupmon.core.phrases import ByteCount, Kept, Phrase, in_english, phrase
from backupmon.language.conditions import condition_title
from backupmon.language.phrases import say, say_server
from backupmon.language.retelling import retell
from backupmon.storage.faults import server_fault

FULL = "VALIDATED_ROOT: the disk is full (No space left on device)"


@pytest.fixture
def french(app: Flask) -> Iterator[None]:
    with app.test_request_context(), force_locale("fr"):
        yield


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.usefixtures("french")
def test_a_kept_sentence_is_said_anew_with_its_values() -> None:
    fault = server_fault(OSError(errno.ENOSPC, "No space left on device"), "VALIDATED_ROOT")
    assert fault.message == FULL
    assert plain(retell(FULL)) == "VALIDATED_ROOT : le disque est plein (No space left on device)"
    assert plain(retell(fault.hint)).startswith("libérez de la place ; rien n’est perdu")


@pytest.mark.usefixtures("french")
@pytest.mark.parametrize(
    "sentence", ["", "a: b", "a later version said this", "VALIDATED_ROOT: the disk is full ()"]
)
def test_what_is_not_known_stays_as_it_is(sentence: str) -> None:
    assert retell(sentence) == sentence


def test_in_english_everything_stays_as_it_was_kept(app: Flask) -> None:
    with app.test_request_context(), force_locale("en"):
        assert retell(FULL) == FULL


@pytest.mark.usefixtures("french")
def test_values_of_an_enemy_are_only_values() -> None:
    name = "100%s %(subject)s <b> (x): the disk is full (y)"
    told = plain(retell(f"{name}: the disk is full (z)"))
    assert "100%s %(subject)s <b>" in told
    assert "le disque est plein" in told
    began = time.monotonic()
    retell("the file of entry " + " (, ) was judged and is nowhere " * 150 + "nor on its way")
    assert time.monotonic() - began < 1


@pytest.mark.usefixtures("french")
def test_amounts_of_a_phrase_are_said_as_the_reader_writes_them() -> None:
    words = phrase("%(size)s read, undamaged", size=ByteCount(17_872_513))
    assert in_english(words) == "17.9 MB read, undamaged"
    assert plain(say(words)) == "17,9 Mo lus, intacts"
    since = datetime(2031, 3, 3, 12, 0, tzinfo=UTC)
    told = phrase("%(what)s (since %(since)s)", what=Kept(FULL), since=since)
    assert in_english(told) == f"{FULL} (since 2031-03-03 12:00 UTC)"
    assert plain(say_server(told)).endswith("(depuis le 3 mars 2031, 12:00)")
    assert "le disque est plein" in say_server(told)
    last = phrase("%(span)s ago, at %(time)s", span=timedelta(hours=2), time=since)
    whole = phrase("%(last)s: two intervals went by without one", last=last)
    assert in_english(whole).startswith("2 h ago, at 2031-03-03 12:00 UTC: two intervals")
    assert plain(say(whole)).startswith("il y a 2 h, le 3 mars 2031, 12:00 : deux intervalles")


def patterns() -> list[str]:
    """Every pattern of a phrase that an error or a server condition is made from."""
    folders = [PROJECT_ROOT / "backupmon" / name for name in ("storage", "services")]
    # What is wrong with a report's archived file is said at once, and kept nowhere.
    files = [p for folder in folders for p in folder.rglob("*.py") if p.parent.name != "reports"]
    return [text for path in files for text in phrases_in(path)]


def phrases_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "phrase":
            yield ast.literal_eval(node.args[0])


@pytest.mark.usefixtures("french")
def test_every_sentence_that_is_kept_is_known_again() -> None:
    telling = [text for text in patterns() if letters_of(text) >= 8 and "%(" in text]
    assert len(telling) > 50
    for text in telling:
        kept = PLACEHOLDER.sub(r"<\1>", text)
        told = retell(kept)
        assert told != kept
        assert sorted(re.findall("<[a-z_]+>", told)) == sorted(re.findall("<[a-z_]+>", kept))


PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def letters_of(text: str) -> int:
    return sum(character.isalpha() for character in PLACEHOLDER.sub("", text))


@pytest.mark.usefixtures("french")
def test_every_code_of_a_condition_has_a_title() -> None:
    """The codes as they stand in the code, in calls of `ServerFault` and the kinds of errors."""
    codes = {
        "claimed.orphan", "clock.behind", "copy.differs", "copy.lost", "disk.full",
        "folder.replaced", "folder.unreadable", "io.error", "path.occupied", "path.unusable",
        "root.absent", "root.read_only", "root.unmarked", "server.exhausted",
    }  # fmt: skip
    assert {condition_title(code) for code in codes}.isdisjoint({condition_title("no.such")})


def test_a_phrase_without_values_is_its_text() -> None:
    assert in_english(Phrase("as it is")) == "as it is"
    assert in_english("100% plain") == "100% plain"
