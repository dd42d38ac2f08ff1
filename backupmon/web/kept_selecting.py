"""Which quarantined files are shown, as the URL says it."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import lazy_gettext as _l

from backupmon.core.statuses import Status
from backupmon.services.quarantine import KeptSelection
from backupmon.web.selecting import page_from

#: Why a file is kept back, by the status of its entry.
REASONS = {
    Status.TRANSFER_INTEGRITY_FAILED.value: _l("did not arrive whole"),
    Status.HASH_MISMATCH.value: _l("changed, though it must not"),
    Status.SUCCESS.value: _l("good, but its place is taken"),
}
_LARGEST_ID = 2**31 - 1


def kept_selection_from(args: Mapping[str, str]) -> KeptSelection:
    """What the URL asks for; what it asks for in vain is passed over."""
    reason = args.get("reason", "").upper()
    return KeptSelection(
        agent=args.get("agent", "").replace("\0", ""),
        reason=reason if reason in REASONS else "",
        job_id=row_id(args.get("job", "")),
        page=page_from(args.get("page", "")),
    )


def kept_args(selection: KeptSelection, page: int = 1) -> dict[str, str]:
    """The URL's parameters for a selection; what is as usual is left out."""
    values = {
        "agent": selection.agent,
        "reason": selection.reason,
        "job": "" if selection.job_id is None else str(selection.job_id),
        "page": str(page) if page > 1 else "",
    }
    return {name: value for name, value in values.items() if value}


def row_id(text: str) -> int | None:
    """The number of a row; None for what is none."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 10:
        return None
    return min(int(text), _LARGEST_ID)
