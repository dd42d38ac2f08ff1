"""Path templates: what a person may write, and how values fill them without leaving a root.

A template is split into its components first and filled afterwards, so that no value, whoever
wrote it, can add a component or turn one into ``..``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache

from backupmon.core.errors import TemplateError
from backupmon.core.phrases import sentence
from backupmon.core.text import one_line
from backupmon.core.words import to_translate

PLACEHOLDERS: tuple[str, ...] = (
    "agent_id",
    "city",
    "company_name",
    "database_name",
    "neighborhood",
    "staged_file_name",
    "year",
)

DEFAULT_DEPOSIT = "{agent_id}/databases/{staged_file_name}"
DEFAULT_LOG = "{agent_id}/log"
DEFAULT_FINAL = "{year}/{company_name}/{city}/{neighborhood}/{database_name}/{staged_file_name}"

#: What a file system takes for one name.
MAX_COMPONENT_BYTES = 255
#: So many full components, and a root, still make a path that the kernel takes (4096 bytes).
MAX_DEPTH = 12
MAX_TEMPLATE = 1000

#: What fills the placeholders: by name; None or blank lets the placeholder fall away.
Values = Mapping[str, str | int | None]

_FIELD = re.compile(r"\{([^{}]*)\}")
_DRIVE = re.compile(r"\s*[A-Za-z]:")
_LEADING = re.compile(r"\A[\s.]+")
_EXTENSION = re.compile(r"(?:\.[A-Za-z0-9]{1,10}){1,3}\Z")
_KNOWN = sentence(
    "known placeholders: %(words)s", words=", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
)
#: They change the order in which a path is shown, so that it looks like another.
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


_SIGNS = (
    ("!", sentence("a conversion")),
    (":", sentence("a format")),
    (".", sentence("an attribute")),
)


class TemplateKind(StrEnum):
    """What a template is for."""

    DEPOSIT = "deposit"
    LOG = "log"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Component:
    """One name of a path below the deposit area.

    Parameters
    ----------
    text:
        The name.
    any_case:
        Whether it holds the agent's id, and so stands for the folder in whatever case it has.
    """

    text: str
    any_case: bool


def check_template(template: str, kind: TemplateKind) -> None:
    """Raise TemplateError where `template` cannot serve as a `kind` of path."""
    names = {name for component in _components(template) for name in component[1::2]}
    if kind is TemplateKind.FINAL:
        return
    if "agent_id" not in names:
        raise TemplateError(
            sentence(
                'the %(kind)s template "%(text)s" does not contain {agent_id}',
                kind=kind,
                text=one_line(template, 80),
            ),
            to_translate(
                "the folder decides whose report or file it is: a shared one has no owner"
            ),
        )
    if kind is TemplateKind.LOG:
        _check_log(names)
    else:
        _check_deposit(template, names)


def render(template: str, values: Values) -> tuple[str, ...]:
    """The components of a path below its root, every value made safe.

    Empty components fall away. None is ``.`` or ``..``, begins with a dot, is longer than
    `MAX_COMPONENT_BYTES`, or contains a separator or a control character.

    Raises
    ------
    TemplateError
        The template is refused, a value for one of its placeholders is not given, or
        nothing is left of the path.
    """
    path = tuple(filter(None, (_filled(pieces, values) for pieces in _components(template))))
    if not path:
        raise TemplateError(
            sentence('nothing is left of the path "%(text)s"', text=one_line(template, 80)),
            to_translate("use a placeholder that is never empty, such as {database_name}"),
        )
    return path


def deposit_components(template: str, values: Values) -> tuple[Component, ...]:
    """Where to look below the deposit area; raises as `render` does.

    A staged file keeps the very name that the agent gave it (its own form of accents, blanks
    at its ends) as long as that is one harmless name: another one would not be found.
    """
    path = []
    for pieces in _components(template):
        text = _filled(pieces, values)
        if "staged_file_name" in pieces[1::2]:
            exact = "".join(_pieces(pieces, values))
            text = exact if _is_harmless(exact) else text
        if text:
            path.append(Component(text, "agent_id" in pieces[1::2]))
    if not path:
        render(template, values)
    return tuple(path)


def final_path_key(template: str, values: Values) -> str:
    """What no two jobs may share: the final path in lower case, without the staged name.

    A year that is not given is the cycle's, and stands as ``*``. Raises TemplateError where
    the template is refused or a value is missing.
    """
    year = values.get("year")
    filling = {**values, "staged_file_name": None, "year": "*" if year is None else year}
    parts = (_filled(pieces, filling) for pieces in _components(template))
    return "/".join(part for part in parts if part).lower()


@lru_cache(maxsize=4096)
def safe_component(value: str) -> str:
    """`value` as one harmless name of a path; empty where nothing is left.

    In NFC; separators and control characters become ``_``; blanks at the ends and leading
    dots fall away; cut to `MAX_COMPONENT_BYTES` without breaking a character, its extension
    (``.sql.gz``) kept.
    """
    text = unicodedata.normalize("NFC", value).strip()
    text = "".join("_" if char in "/\\" or is_control(char) else char for char in text)
    return _cut(_LEADING.sub("", text, count=1))


def is_control(char: str) -> bool:
    """Whether `char` has no place in a name: controls, line breaks, lone surrogates, overrides."""
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in _OVERRIDES


# --- filling -------------------------------------------------------------------------------


def _filled(pieces: tuple[str, ...], values: Values) -> str:
    """One component; `pieces` are literal text and placeholder names by turns."""
    return safe_component("".join(_pieces(pieces, values, safe=True)))


def _pieces(pieces: tuple[str, ...], values: Values, *, safe: bool = False) -> list[str]:
    given = list(pieces)
    for index, name in enumerate(pieces):
        if index % 2:
            text = _text(name, values)
            given[index] = _safe_value(name, text) if safe else text
    return given


def _text(name: str, values: Values) -> str:
    if name not in values:
        raise TemplateError(sentence("no value is given for {%(name)s}", name=name))
    value = values[name]
    try:
        return "" if value is None else str(value)
    except ValueError:
        raise TemplateError(sentence("the number for {%(name)s} is too long", name=name)) from None


def _safe_value(name: str, text: str) -> str:
    """As `safe_component`, but a name never vanishes: the path would mean its folder."""
    vanishes = not text if name == "staged_file_name" else not text.strip()
    return "" if vanishes else safe_component(text) or "_"


def _is_harmless(name: str) -> bool:
    """Whether a name may be used as it is."""
    return (
        bool(name)
        and not name.lstrip().startswith(".")
        and not any(char in "/\\" or is_control(char) for char in name)
        and len(name.encode()) <= MAX_COMPONENT_BYTES
    )


def _cut(text: str) -> str:
    if len(text.encode()) <= MAX_COMPONENT_BYTES:
        return text
    found = _EXTENSION.search(text)
    extension = found.group() if found else ""
    stem = text.removesuffix(extension).encode()[: MAX_COMPONENT_BYTES - len(extension)]
    return (stem.decode(errors="ignore") + extension).rstrip()


# --- reading a template --------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _components(template: str) -> tuple[tuple[str, ...], ...]:
    """The components, each as literal text and placeholder names by turns."""
    shown = one_line(template, 80)
    _check_whole(template, shown)
    components = [tuple(_FIELD.split(part)) for part in template.split("/") if part.strip()]
    if len(components) > MAX_DEPTH:
        raise TemplateError(
            sentence(
                'the template "%(text)s" is more than %(most)s folders deep',
                text=shown,
                most=MAX_DEPTH,
            ),
            to_translate("leave some out"),
        )
    for pieces in components:
        _check_literals(pieces[0::2], shown)
        for name in pieces[1::2]:
            _check_placeholder(name, shown)
    return tuple(components)


def _check_whole(template: str, shown: str) -> None:
    if not template.strip():
        raise TemplateError(to_translate("the template is empty"), _KNOWN)
    if len(template) > MAX_TEMPLATE:
        raise TemplateError(
            sentence("the template is longer than %(most)s characters", most=MAX_TEMPLATE)
        )
    if any(map(is_control, template)):
        raise TemplateError(
            sentence('the template "%(text)s" has a control character', text=shown),
            to_translate("remove it"),
        )
    if template.lstrip()[0] in "/\\" or _DRIVE.match(template):
        raise TemplateError(
            sentence('the template "%(text)s" is absolute', text=shown),
            to_translate("begin with a name: paths lie below their root"),
        )
    if "\\" in template:
        raise TemplateError(
            sentence('the template "%(text)s" has a backslash', text=shown),
            to_translate("separate folders with /"),
        )


def _check_literals(literals: tuple[str, ...], shown: str) -> None:
    first = literals[0].strip()
    if len(literals) == 1 and first in (".", ".."):
        raise TemplateError(
            sentence(
                'the template "%(text)s" has the component "%(first)s"', text=shown, first=first
            ),
            to_translate("name the folders themselves"),
        )
    if first.startswith("."):
        raise TemplateError(
            sentence('the template "%(text)s" has a component that begins with a dot', text=shown),
            to_translate("such names are the server's own; begin with a letter or a placeholder"),
        )
    if any("{" in literal or "}" in literal for literal in literals):
        raise TemplateError(
            sentence(
                'the template "%(text)s" has a brace that belongs to no placeholder', text=shown
            ),
            sentence("braces cannot be part of a name; %(known)s", known=_KNOWN),
        )


def _check_placeholder(name: str, shown: str) -> None:
    if name in PLACEHOLDERS:
        return
    found = {"text": shown, "name": one_line(name, 40)}
    odd = sentence('the template "%(text)s" has "{%(name)s}"', **found)
    for sign, what in _SIGNS:
        if sign in name:
            raise TemplateError(
                sentence("%(odd)s, with %(what)s", odd=odd, what=what),
                sentence("write the bare name; %(known)s", known=_KNOWN),
            )
    if "[" in name:
        raise TemplateError(
            sentence("%(odd)s, with an index", odd=odd),
            sentence("write the bare name; %(known)s", known=_KNOWN),
        )
    if not name.strip() or name.strip().isdigit():
        raise TemplateError(sentence("%(odd)s, which names nothing", odd=odd), _KNOWN)
    close = get_close_matches(name.strip().lower(), PLACEHOLDERS, n=1)
    hint = _KNOWN
    if close:
        hint = sentence("did you mean {%(word)s}? %(known)s", word=close[0], known=_KNOWN)
    raise TemplateError(sentence("%(odd)s, which is no known placeholder", odd=odd), hint)


def _check_log(names: set[str]) -> None:
    for name in ("staged_file_name", "year"):
        if name in names:
            raise TemplateError(
                sentence("the log template cannot contain {%(name)s}", name=name),
                to_translate(
                    "a report is for a whole run: its folder is looked up before the report is read"
                ),
            )


def _check_deposit(template: str, names: set[str]) -> None:
    if "staged_file_name" not in names:
        raise TemplateError(
            to_translate("the deposit template does not contain {staged_file_name}"),
            sentence(
                'it must name the file itself, as "%(template)s" does',
                template=DEFAULT_DEPOSIT,
            ),
        )
    if any({"agent_id", "staged_file_name"} <= set(c[1::2]) for c in _components(template)):
        raise TemplateError(
            to_translate(
                "the deposit template has {agent_id} and {staged_file_name} in one component"
            ),
            to_translate(
                "give every agent its own folder: a file name could imitate another agent's"
            ),
        )
