"""What the form of the list offers to choose from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flask_babel import lazy_gettext as _l

from backupmon.services.dashboard import Place, Selection, Sort

_ORDERS = {
    Sort.WORST: _l("Worst first"),
    Sort.SITE: _l("By site"),
    Sort.DATABASE: _l("By database"),
    Sort.COPY: _l("Oldest copy first"),
    Sort.SIZE: _l("Largest first"),
    Sort.DUE: _l("Next due first"),
}
_COMPANY, _ALL_COMPANIES = _l("Company"), _l("All companies")
_CITY, _ALL_CITIES = _l("City"), _l("All cities")
_AGENT, _ALL_AGENTS = _l("Agent"), _l("All agents")

#: Name of the field, label, what stands for all, what is chosen, what there is.
Choice = tuple[str, str, str, str, list[str]]


def choices_for(selection: Selection, sites: Sequence[Place]) -> list[Choice]:
    """The lists to choose from; a chosen company leaves its own cities and agents only."""
    within = [site for site in sites if not selection.company or site.company == selection.company]
    return [
        (
            "company",
            str(_COMPANY),
            str(_ALL_COMPANIES),
            selection.company,
            _listed((site.company for site in sites), selection.company),
        ),
        (
            "city",
            str(_CITY),
            str(_ALL_CITIES),
            selection.city,
            _listed((site.city for site in within), selection.city),
        ),
        (
            "agent",
            str(_AGENT),
            str(_ALL_AGENTS),
            selection.agent,
            _listed((site.agent for site in within), selection.agent),
        ),
    ]


def orders() -> list[tuple[str, str]]:
    """The orders of the list, by value and name."""
    return [(sort.value, str(name)) for sort, name in _ORDERS.items()]


def _listed(values: Iterable[str], chosen: str) -> list[str]:
    """Each once, in order; what the URL asks for is there even where no job has it."""
    return sorted({*values, *([chosen] if chosen else [])}, key=str.casefold)
