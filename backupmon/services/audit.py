"""The audit trail: who changed what, when, from what to what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, false, insert, select

from backupmon.core.text import one_line
from backupmon.extensions import db
from backupmon.models import AuditEvent

#: On one page.
_MOST = 50


@dataclass(frozen=True, slots=True)
class Act:
    """One change by a person, before it is written down.

    Parameters
    ----------
    action:
        Dotted, the kind of thing first: ``job.add``.
    before, after:
        The columns that changed, as JSON values; None where there was, or is, nothing.
    """

    action: str
    subject_type: str
    subject_id: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


def record_acts(acts: Sequence[Act], actor: str, at: datetime) -> None:
    """Write down what `actor` did, in the transaction that does it."""
    if not acts:
        return
    rows = [
        {
            "at": at,
            "actor": actor[:255],
            "action": act.action,
            "subject_type": act.subject_type,
            "subject_id": act.subject_id,
            "before": None if act.before is None else dict(act.before),
            "after": None if act.after is None else dict(act.after),
        }
        for act in acts
    ]
    db.session.execute(insert(AuditEvent), rows)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which acts are looked for; each part that is given must fit.

    Parameters
    ----------
    actor:
        A part of the name of who did it, in any case.
    kind:
        The kind of thing that was changed: ``job``.
    number:
        The thing's number.
    """

    actor: str = ""
    kind: str = ""
    number: int | None = None


def list_acts(
    before: int | None = None, most: int = _MOST, wanted: Wanted | None = None
) -> tuple[list[AuditEvent], int | None]:
    """What was changed, the newest first, and the number before which older ones are.

    Parameters
    ----------
    before:
        Only what has a smaller number.
    """
    query = select(AuditEvent).where(*_fits(wanted or Wanted()))
    query = query.order_by(AuditEvent.id.desc()).limit(most + 1)
    # What no row can have as its number, a database may not even let itself be asked for.
    if before is not None and 0 < before < 2**31:
        query = query.where(AuditEvent.id < before)
    found = list(db.session.scalars(query))
    shown = found[:most]
    return shown, shown[-1].id if len(found) > most else None


def list_kinds() -> list[str]:
    """The kinds of things of which something was changed."""
    return list(
        db.session.scalars(select(AuditEvent.subject_type).distinct().order_by("subject_type"))
    )


def _fits(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.actor:
        # Without what no column can hold: some databases choke on it.
        yield AuditEvent.actor.icontains(one_line(wanted.actor), autoescape=True)
    if wanted.kind:
        yield AuditEvent.subject_type == one_line(wanted.kind)
    if wanted.number is not None:
        found = 0 < wanted.number < 2**31
        yield AuditEvent.subject_id == wanted.number if found else false()
