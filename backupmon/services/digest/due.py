"""Digests that are due are entered in the outbox, once per person and period."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from backupmon.config import Settings
from backupmon.core.alert_policy import AlertKind
from backupmon.core.digest_policy import digest_due
from backupmon.core.errors import ScheduleError
from backupmon.core.words import to_translate
from backupmon.extensions import begin_write, db
from backupmon.models import Alert, AlertMessage, AlertRecipient, AlertState, MessageState
from backupmon.services.alert_recipients import everyone, wish_of
from backupmon.services.mail_server import new_header_id
from backupmon.services.outbox import alert_row
from backupmon.services.trials import IS_TRIAL, SKEW, take_back

log = structlog.get_logger()

#: Any number but those of other locks will do ("dige" in ASCII).
_ALONE = 0x64696765
_NEWER = to_translate("a newer one tells it all")


@dataclass(frozen=True, slots=True)
class _Due:
    """A digest that is to be entered."""

    recipient: AlertRecipient
    occurrence: str


def enter_digests(settings: Settings, now: datetime) -> int:
    """Enter the digests that are due; gives how many there are.

    Whoever does so at once with another enters nothing twice: the rows are unique by person
    and period. As a rule it is one look at a small table.

    Parameters
    ----------
    now:
        The scan's moment.
    """
    rows = {row.address_key: row for row in db.session.scalars(select(AlertRecipient))}
    # A time ahead of both comes from a clock that was set back, or from a trial with --as-of.
    ahead = max(now, datetime.now(UTC)) + SKEW
    due = _to_do(settings, rows.values(), now) or any(_is_ahead(r, ahead) for r in rows.values())
    if not due and not _unknown(settings, rows):
        return 0
    begin_write(alone=_ALONE)
    # What was read before may have been done by another meanwhile.
    query = select(AlertRecipient).order_by(AlertRecipient.id)
    known = db.session.scalars(query.execution_options(populate_existing=True)).all()
    for row in _unknown(settings, {row.address_key: row for row in known}):
        row.created_at = row.digest_raised_at = row.digest_wanted_at = now
        db.session.add(row)
    _take_back(settings, known, ahead, now)
    due = _to_do(settings, known, now)
    for one in due:
        _enter(settings, one, now)
    db.session.commit()
    return len(due)


def _is_ahead(row: AlertRecipient, ahead: datetime) -> bool:
    return row.digest_raised_at is not None and row.digest_raised_at > ahead


def _take_back(
    settings: Settings, known: Iterable[AlertRecipient], ahead: datetime, now: datetime
) -> None:
    """Take back the digests of times later than `ahead`: those days get theirs all the same."""
    take_back((Alert.kind == AlertKind.DIGEST.value) & (Alert.raised_at > ahead))
    for row in known:
        if _is_ahead(row, ahead):
            row.digest_raised_at = _raised_before(settings, row, ahead, now)


def _raised_before(
    settings: Settings, row: AlertRecipient, ahead: datetime, now: datetime
) -> datetime:
    """When the last digest before `ahead` was entered, or when digests began to be wanted.

    What the later one took the place of waits again.
    """
    wanted = row.digest_wanted_at or row.created_at
    if wanted > ahead:
        wanted = row.digest_wanted_at = now
    query = select(Alert).where(
        Alert.kind == AlertKind.DIGEST.value,
        Alert.recipient_key == row.address_key,
        Alert.raised_at <= ahead,
        ~IS_TRIAL,
    )
    last = db.session.scalar(query.order_by(Alert.raised_at.desc(), Alert.id.desc()).limit(1))
    if last is None:
        return wanted
    if last.state == AlertState.WITHDRAWN.value and last.note == _NEWER:
        last.state, last.note = AlertState.WAITING.value, ""
        _open_message(settings, row)
    return max(wanted, last.raised_at)


def _unknown(settings: Settings, rows: dict[str, AlertRecipient]) -> list[AlertRecipient]:
    """Those of ALERT_RECIPIENTS who have no row yet: their first period begins now."""
    if settings.alert_digest == "off":
        return []
    return [
        AlertRecipient(address=address, address_key=address.lower())
        for address in everyone(settings)
        if address.lower() not in rows
    ]


def _to_do(settings: Settings, rows: Iterable[AlertRecipient], now: datetime) -> list[_Due]:
    """What is due by now."""
    found = []
    for row in rows:
        last = row.digest_raised_at or row.created_at
        try:
            occurrence = digest_due(wish_of(settings, row), last, now)
        except ScheduleError as error:
            # A zone that is no more; the others shall not suffer for it.
            log.warning("digest.unusable", recipient=row.address, reason=error.message)
            continue
        if occurrence is not None:
            found.append(_Due(row, occurrence))
    return found


def _enter(settings: Settings, due: _Due, now: datetime) -> None:
    """Enter one digest in place of those before it that nobody has seen yet."""
    row = due.recipient
    earlier = (
        (Alert.kind == AlertKind.DIGEST.value)
        & (Alert.recipient_key == row.address_key)
        & (Alert.state == AlertState.WAITING.value)
        & Alert.message_id.is_(None)
        & (Alert.occurrence != due.occurrence)
    )
    withdrawn = {"state": AlertState.WITHDRAWN.value, "note": _NEWER}
    db.session.execute(
        update(Alert).where(earlier).values(withdrawn).execution_options(synchronize_session=False)
    )
    dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    values = alert_row(AlertKind.DIGEST, row.address, now, occurrence=due.occurrence)
    db.session.execute(dialect.insert(Alert).on_conflict_do_nothing(), [values])
    _open_message(settings, row)
    row.digest_raised_at = now
    log.info("digest.raised", recipient=row.address, occurrence=due.occurrence)


def _open_message(settings: Settings, row: AlertRecipient) -> None:
    """Have a message that it can go out with: that of one before it, where that is not gone."""
    query = select(AlertMessage.id).where(
        AlertMessage.recipient_key == row.address_key,
        AlertMessage.state == MessageState.OPEN.value,
        AlertMessage.is_digest.is_(True),
    )
    if db.session.scalar(query) is None:
        db.session.add(
            AlertMessage(
                header_id=new_header_id(settings, "digest"),
                recipient=row.address,
                recipient_key=row.address_key,
                is_digest=True,
                created_at=datetime.now(UTC),
            )
        )
