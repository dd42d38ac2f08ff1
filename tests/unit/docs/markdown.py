"""The pages of the documentation, taken apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from backupmon.config import PROJECT_ROOT

_FENCE = re.compile(r"^```.*?$(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)|<(?:img|source)[^>]* src(?:set)?=\"([^\"]+)\"")


def pages() -> list[Path]:
    """Every page, of the project and of its parts."""
    places = ("*.md", "docs/**/*.md", "agent/**/*.md", "deploy/**/*.md", "bench/**/*.md")
    return sorted({page for place in places for page in PROJECT_ROOT.glob(place)})


def name_of(page: Path) -> str:
    return str(page.relative_to(PROJECT_ROOT))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path) -> list[str]:
    """Code that stands in lines of its own."""
    indented = re.findall(r"(?:^ {4}\S.*\n)+", text_of(page), re.MULTILINE)
    return [found.group(1) for found in _FENCE.finditer(text_of(page))] + indented


def spans(page: Path) -> list[str]:
    """Code within sentences."""
    return [code.replace("\\|", "|") for code in _SPAN.findall(_FENCE.sub("", text_of(page)))]


def tables(page: Path) -> list[list[str]]:
    """Each table, as its rows."""
    prose = _FENCE.sub("", text_of(page))
    return [found.splitlines() for found in re.findall(r"(?:^\|.*\n)+", prose, re.MULTILINE)]


def links(page: Path) -> Iterator[str]:
    """Where it leads to."""
    prose = _SPAN.sub("", _FENCE.sub("", text_of(page)))
    for found in _LINK.finditer(prose):
        yield found.group(1) or found.group(2)


def anchors(page: Path) -> set[str]:
    """The names that forges give to its headings."""
    heads = re.findall(r"^#+ (.+)$", _FENCE.sub("", text_of(page)), re.MULTILINE)
    return {_slug(head) for head in heads}


def _slug(head: str) -> str:
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", head).replace("`", "").strip().lower()
    kept = (c for c in words if c in " -_" or unicodedata.category(c)[0] in "LNM")
    return "".join(kept).replace(" ", "-")
