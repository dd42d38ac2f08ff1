"""Which jobs are shown, as the URL says it: nothing else remembers it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from backupmon.core.standing import Standing
from backupmon.services.dashboard import NEEDS_YOU_FILTER, Selection, Sort

#: Fields of the form, by those of the selection.
_NAMES = {"search": "q"}
_USUAL = asdict(Selection())
_STATUSES = frozenset({NEEDS_YOU_FILTER, *Standing})
_MOST_PAGES = 100_000
#: Of the rows that are held: a page of ids.
MOST_CHARACTERS = 2_000
MOST_TICKED = 6_000


def selection_from(args: Mapping[str, str]) -> Selection:
    """What the URL asks for; what it asks for in vain is passed over."""
    status = args.get("status", "").upper()
    sort = args.get("sort", "")
    return Selection(
        search=args.get("q", "").strip(),
        status=status if status in _STATUSES else "",
        company=args.get("company", ""),
        city=args.get("city", ""),
        agent=args.get("agent", ""),
        sort=Sort(sort) if sort in set(Sort) else Sort.WORST,
        page=page_from(args.get("page", "")),
    )


def args_of(selection: Selection, **changes: object) -> dict[str, str]:
    """The URL's parameters for a selection with `changes`; what is as usual is left out.

    Any change but that of the page begins at the first page again.
    """
    if changes and "page" not in changes:
        changes["page"] = 1
    wanted = ((field, changes.get(field, getattr(selection, field))) for field in _USUAL)
    return {
        _NAMES.get(field, field): str(value) for field, value in wanted if value != _USUAL[field]
    }


@dataclass(frozen=True, slots=True)
class Held:
    """Rows that somebody is reading: they stay where they are until that is over."""

    job_ids: tuple[int, ...]
    urgent: frozenset[int]


def held_from(args: Mapping[str, str]) -> Held | None:
    """The rows that the page asks to be left in place, as ``hold=3,5!8,9``.

    Those before the exclamation mark stood among the jobs that need a look.
    """
    if "hold" not in args:
        return None
    urgent, others = (_ids(part) for part in (args["hold"] + "!").split("!")[:2])
    return Held((*urgent, *others), frozenset(urgent))


def _ids(text: str) -> list[int]:
    return ids_of(text[:MOST_CHARACTERS].split(","))


def ids_of(words: Iterable[str]) -> list[int]:
    """The numbers among `words`; none is longer than a row's can be."""
    return [int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 11]


#: For `ticked_from`: all rows of the page.
ALL = "all"


def ticked_from(args: Mapping[str, str]) -> frozenset[int] | str:
    """The rows whose boxes a page shows ticked, as ``ticked=3-8``, or `ALL` of them.

    Links say it, for browsers without scripts, and for those who come back from a question.
    """
    said = args.get("ticked", "")
    return ALL if said == ALL else frozenset(ids_of(said[:MOST_TICKED].split("-")))


def page_from(text: str) -> int:
    """The number of a page; 1 for what is none."""
    return min(max(1, int(text)), _MOST_PAGES) if text.isascii() and text.isdecimal() else 1
