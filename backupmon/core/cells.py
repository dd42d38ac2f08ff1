"""Cells of CSV that a spreadsheet would take for a formula, and how they are kept from it."""

from __future__ import annotations

import re

#: What spreadsheets begin a formula by (OWASP, "CSV Injection"), behind marks that stand there
#: already: those are the cell's own, and must be told from the one that is put before it.
_RISKY = re.compile(r"'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")


def guarded(cell: str) -> str:
    """`cell` with a ``'`` before it where it would be run: spreadsheets then show it as text."""
    return f"'{cell}" if _RISKY.match(cell) else cell


def unguarded(cell: str) -> str:
    """What `guarded` was given; also what somebody wrote into a spreadsheet as ``'=x``."""
    return cell[1:] if cell.startswith("'") and _RISKY.match(cell) else cell
