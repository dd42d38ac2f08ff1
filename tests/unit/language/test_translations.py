"""Whatever a person reads, in code and templates, exists in French."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir

from backupmon.config import PROJECT_ROOT
from backupmon.language import LANGUAGES
from backupmon.language.catalogs import load, po_files, read

#: The names that mark a message, with the arguments that are its words (``1c``: its context).
KEYWORDS = {
    "_": None,
    "_l": None,
    "to_translate": None,
    "gettext": None,
    "lazy_gettext": None,
    "ngettext": (1, 2),
    "lazy_ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "lazy_pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "phrase": None,
    "sentence": None,
}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")
TRANSLATED = sorted(set(LANGUAGES) - {"en"})

#: A message: its context and its words, in English the singular and the plural.
Key = tuple[str | None, tuple[str, ...]]


def words(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def messages_of(folder: Path, methods: list[tuple[str, str]]) -> Iterator[tuple[Key, str]]:
    options = {"**.html": {"trimmed": "true"}, "**.txt": {"trimmed": "true"}}
    for file, line, text, _, context in extract_from_dir(
        str(folder), methods, options, keywords=KEYWORDS
    ):
        yield (context, words(text)), f"{folder.name}/{file}:{line}"


def spoken() -> dict[Key, str]:
    """Every message of code and templates, and a place where it stands."""
    found = dict(messages_of(PROJECT_ROOT / "backupmon", [("**.py", "python")]))
    templates = [("**.html", "jinja2"), ("**.txt", "jinja2")]
    return {**found, **dict(messages_of(PROJECT_ROOT / "templates", templates))}


def translated(language: str) -> list[tuple[Key, Message, str]]:
    """Every message that a language's files translate, and the file."""
    return [
        ((message.context, words(message.id)), message, path.name)
        for path in po_files(language)
        for message in read(path)
        if message.id and not message.fuzzy and all(words(message.string))
    ]


def po_entry(key: Key, place: str) -> str:
    """What is to be filled in, as it would stand in a ``.po`` file."""
    context, (singular, *plural) = key
    lines = [f"#: {place}"] + ([f'msgctxt "{context}"'] if context else [])
    lines.append('msgid "' + singular.replace('"', r"\"") + '"')
    if not plural:
        return "\n".join([*lines, 'msgstr ""\n'])
    return "\n".join([*lines, f'msgid_plural "{plural[0]}"', 'msgstr[0] ""', 'msgstr[1] ""\n'])


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_message_is_translated(language: str) -> None:
    known = {key for key, _, _ in translated(language)}
    missing = [po_entry(key, place) for key, place in spoken().items() if key not in known]
    assert not missing, "\n".join(["untranslated:", *missing])


@pytest.mark.parametrize("language", TRANSLATED)
def test_nothing_is_translated_that_nobody_says(language: str) -> None:
    said = spoken()
    assert [(file, key) for key, _, file in translated(language) if key not in said] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_message_in_two_files_is_translated_alike(language: str) -> None:
    # Catalogs find a message by its singular: one with a plural and one without are the same there.
    seen: dict[tuple[str | None, str], str] = {}
    for (context, (singular, *_)), message, file in translated(language):
        said = words(message.string)[0]
        assert seen.setdefault((context, singular), said) == said, (file, singular)


def test_no_line_of_french_begins_with_a_colon() -> None:
    loose = re.compile(r"\w [:;?!»](\W|$)|« ")
    said = [(file, form) for _, one, file in translated("fr") for form in words(one.string)]
    assert [one for one in said if loose.search(one[1])] == []


def test_a_job_is_one_thing_in_french() -> None:
    for title in ("Add a job", "Import jobs", "Delete this job", "job %(number)s"):
        assert "tâche" in load("fr").gettext(title)


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_fills_in_the_same_values(language: str) -> None:
    for key, message, file in translated(language):
        wanted = set(PLACEHOLDER.findall(words(message.id)[-1]))
        for said in words(message.string):
            found = set(PLACEHOLDER.findall(said))
            # "One backup" says its number by itself.
            assert found in (wanted, wanted - {"num"}, wanted - {"number"}), (file, key)


def test_messages_of_code_and_of_templates_are_found() -> None:
    said = spoken()
    assert (None, ("just now",)) in said
    assert (None, ("Skip to the content",)) in said
    assert ("unit", ("B",)) in said
