"""How the rows of the list are divided: what needs a look first, then site by site."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby

from backupmon.services.dashboard import JobRow, Sort


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that stand together.

    Parameters
    ----------
    site:
        Company, city, neighborhood and agent of all its rows: it folds under them. None for
        rows of anywhere.
    key:
        Names the section in the page, through every refresh.
    """

    rows: Sequence[JobRow]
    site: tuple[str, str, str | None, str] | None = None
    key: str = "rows"

    @property
    def standings(self) -> list[str]:
        """How its jobs stand."""
        return [row.standing.value for row in self.rows]


def sections_of(
    rows: Sequence[JobRow], sort: Sort, urgent_ids: frozenset[int] | None = None
) -> list[Section]:
    """Divide a page of rows.

    Worst first: those that need a look, wherever they are, then the others by site. By site:
    all by site. In any other order they are not divided.

    Parameters
    ----------
    urgent_ids:
        The rows that stood among those that need a look when the reader began to look on, and
        stay there; None goes by how they stand now.
    """
    if sort is Sort.SITE:
        return _by_site(rows)
    if sort is not Sort.WORST:
        return [Section(rows)] if rows else []
    is_urgent = [row.needs_you if urgent_ids is None else row.job_id in urgent_ids for row in rows]
    urgent = [row for row, is_one in zip(rows, is_urgent, strict=True) if is_one]
    others = [row for row, is_one in zip(rows, is_urgent, strict=True) if not is_one]
    return ([Section(urgent, key="urgent")] if urgent else []) + _by_site(others)


def _by_site(rows: Sequence[JobRow]) -> list[Section]:
    """A site comes once more where its jobs stand apart in the order."""
    found: list[Section] = []
    times: Counter[str] = Counter()
    for site, together in groupby(rows, key=lambda row: row.site):
        name = sha256("\n".join(part or "" for part in site).encode()).hexdigest()[:8]
        found.append(Section(list(together), site, f"site-{name}-{times[name]}"))
        times[name] += 1
    return found
