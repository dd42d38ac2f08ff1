"""Translations straight from ``.po`` files: one file per area, merged, with no build step."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from babel.support import NullTranslations, Translations
from flask_babel import Domain, get_locale

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

TRANSLATIONS = Path(__file__).resolve().parent.parent / "translations"


class PoFiles(Domain):  # type: ignore[misc]
    """Where Flask-Babel finds words; each language is read once, when first it is spoken."""

    def get_translations(self) -> NullTranslations:
        """The words of the language of this moment."""
        locale = get_locale()
        return load(locale.language if locale else "en")


@cache
def load(language: str) -> NullTranslations:
    """The words of `language`; English is what stands in the code."""
    files = po_files(language)
    if not files:
        return NullTranslations()
    # Imported late: English does without.
    from babel.messages.mofile import write_mo

    compiled = BytesIO()
    write_mo(compiled, merged(files))
    compiled.seek(0)
    return Translations(compiled)


def po_files(language: str) -> list[Path]:
    """The files of a language, one per area."""
    return sorted((TRANSLATIONS / language).glob("*.po"))


def merged(files: list[Path]) -> Catalog:
    """All messages of `files` in one catalog; the first file says how plurals are made."""
    first, *others = [read(path) for path in files]
    for catalog in others:
        for message in catalog:
            # The header, whose id is empty, is the first file's.
            if message.id and not message.fuzzy:
                first[message.id] = message
    return first


def read(path: Path) -> Catalog:
    """One file.

    Raises
    ------
    babel.messages.pofile.PoFileError
        When it is not well formed.
    """
    from babel.messages.pofile import read_po

    with path.open("rb") as file:
        return read_po(file, locale=path.parent.name, abort_invalid=True)
