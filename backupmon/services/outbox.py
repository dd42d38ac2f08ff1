"""The outbox: what a verdict or a condition gives to tell is entered in its own transaction.

Each thing is entered once per recipient, whatever is tried again: unique keys see to that.
`delivery` sends what waits there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from backupmon.config import Settings
from backupmon.core.alert_policy import (
    NOTHING_TOLD,
    TROUBLES,
    AlertKind,
    AlertWhen,
    News,
    Silence,
    Told,
    decide,
    kind_of,
)
from backupmon.core.alert_timing import EXPIRES_AFTER
from backupmon.core.job_fields import split_recipients
from backupmon.core.statuses import Status
from backupmon.core.words import to_translate
from backupmon.extensions import db
from backupmon.models import (
    Alert,
    AlertMessage,
    AlertSilence,
    AlertState,
    BackupEntry,
    ExpectedBackupJob,
    MessageState,
    ServerCondition,
)
from backupmon.services.channels import with_channels

log = structlog.get_logger()

_TROUBLES = [kind.value for kind in TROUBLES]
_BATCH = 500
_SAYING_NOTHING = (Status.PENDING.value, Status.UNKNOWN.value)
_OVER = to_translate("over before it was told")


@dataclass(slots=True)
class _Known:
    """What is known of the jobs that verdicts were given on."""

    #: The newest cycle with a verdict, by job.
    newest: dict[int, datetime]
    #: Trouble that was entered and not answered yet, by job and recipient, the newest last.
    open: dict[int, dict[str, list[Alert]]] = field(default_factory=dict)
    silences: dict[int, list[AlertSilence]] = field(default_factory=dict)


def tell_verdicts(settings: Settings, entries: Iterable[BackupEntry], now: datetime) -> None:
    """Enter what is to be told of `entries`, which the transaction under way has concluded.

    To be called once the states of their jobs are refreshed. Takes a handful of queries,
    however many entries there are.

    Parameters
    ----------
    now:
        The moment that they were judged as of.
    """
    by_job = _newest_of_each(entries)
    if not by_job:
        return
    known = _look_up(list(by_job))
    rows: list[dict[str, Any]] = []
    for entry in by_job.values():
        rows += _rows_of(settings, entry, known, now)
    enter_rows(rows)


def tell_conditions(settings: Settings, lasting: Collection[int], now: datetime) -> None:
    """Enter what is to be told of the server conditions that last, and that others are over.

    Parameters
    ----------
    lasting:
        The ids of those that last and are to be told.
    """
    _tell_over(lasting, now)
    recipients = split_recipients(settings.alert_recipients or "")[0]
    query = select(ServerCondition).where(ServerCondition.id.in_(lasting))
    conditions = db.session.scalars(query.order_by(ServerCondition.id)).all() if lasting else ()
    enter_rows(
        [
            alert_row(AlertKind.SERVER, recipient, now, condition=condition)
            for condition in conditions
            for recipient in recipients
        ]
    )


def forget_entries(entry_ids: Sequence[int], now: datetime) -> None:
    """Take back what was to be told of entries that are being deleted, since they were wrong.

    What somebody was told already, or may have been, stays, without its entry; and they are told
    that it was wrong.
    """
    for start in range(0, len(entry_ids), _BATCH):
        mine = Alert.entry_id.in_(entry_ids[start : start + _BATCH])
        # Locked in the order of their ids, as elsewhere, before any is changed.
        query = select(Alert).where(mine).order_by(Alert.id).with_for_update()
        found = db.session.scalars(query.execution_options(populate_existing=True)).all()
        unsent = Alert.sent_at.is_(None) & Alert.message_id.is_(None)
        _run(delete(Alert).where(mine, unsent))
        _correct([a for a in found if a.sent_at is not None or a.message_id is not None], now)
        note = to_translate("the deadline turned out to lie ahead")
        withdrawn = {"state": AlertState.WITHDRAWN.value, "note": note, "entry_id": None}
        _run(update(Alert).where(mine).values(withdrawn | {"answered_at": now}))


def revive_alerts(now: datetime) -> None:
    """Let wait again what only a later moment took for too old.

    A clock that jumped, or a trial with ``--as-of``. What is over since is no news. What was
    handed over, and may have arrived, is sent as the very same message.

    Parameters
    ----------
    now:
        The later of the scan's moment and the clock.
    """
    untimely = (
        (Alert.state == AlertState.EXPIRED.value)
        & (Alert.raised_at >= now - EXPIRES_AFTER)
        & Alert.sent_at.is_(None)
        & Alert.answered_at.is_(None)
    )
    handed_over = select(Alert.message_id).where(untimely, Alert.message_id.is_not(None))
    dropped = AlertMessage.state == MessageState.DROPPED.value
    _run(
        update(AlertMessage)
        .where(dropped, AlertMessage.id.in_(handed_over))
        .values(state=MessageState.HANDED_OVER.value)
    )
    _run(update(Alert).where(untimely).values(state=AlertState.WAITING.value))


def _correct(told: Sequence[Alert], now: datetime) -> None:
    """Let those who were told of trouble that never was be told so, once each."""
    rows = {
        (alert.job_id, alert.recipient_key, alert.cycle_due_at): {
            **alert_row(AlertKind.CORRECTION, alert.recipient, now),
            "job_id": alert.job_id,
            "agent_key": alert.agent_key,
            "cycle_due_at": alert.cycle_due_at,
            "status": alert.status,
        }
        for alert in told
        if alert.kind in _TROUBLES
    }
    enter_rows(list(rows.values()))


def recipients_of(settings: Settings, job: ExpectedBackupJob) -> tuple[str, ...]:
    """Who is told of a job: its own recipients, then those of every job; each once."""
    words = f"{job.notification_recipients or ''},{settings.alert_recipients or ''}"
    found: dict[str, str] = {}
    for address in split_recipients(words)[0]:
        found.setdefault(address.lower(), address)
    return tuple(found.values())


def silence_of(row: AlertSilence) -> Silence:
    """A silence as the policy knows it."""
    return Silence(row.until, Status(row.status) if row.status else None)


def _newest_of_each(entries: Iterable[BackupEntry]) -> dict[int, BackupEntry]:
    """Of each job the entry of the newest cycle; of several, the one that decides it.

    What was overtaken says nothing, though it is concluded together with what overtook it.
    """
    found: dict[int, BackupEntry] = {}
    for entry in entries:
        if entry.status in _SAYING_NOTHING:
            continue
        known = found.get(entry.expected_job_id)
        if known is None or _comes_before(entry, known):
            found[entry.expected_job_id] = entry
    return found


def _comes_before(entry: BackupEntry, known: BackupEntry) -> bool:
    if entry.cycle_due_at != known.cycle_due_at:
        return entry.cycle_due_at > known.cycle_due_at
    decided = entry.job.current_status
    return entry.status == decided or known.status != decided


def _look_up(job_ids: list[int]) -> _Known:
    db.session.flush()
    known = _Known(dict(_in_batches(_newest_cycles, job_ids)))
    for (alert,) in _in_batches(_unanswered, job_ids):
        assert alert.job_id is not None
        known.open.setdefault(alert.job_id, {}).setdefault(alert.recipient_key, []).append(alert)
    known.silences = open_silences(job_ids)
    return known


def open_silences(job_ids: list[int]) -> dict[int, list[AlertSilence]]:
    """The silences of jobs that have not ended, though their time may be up."""
    found: dict[int, list[AlertSilence]] = {}
    for (silence,) in _in_batches(_open_silences, job_ids):
        found.setdefault(silence.job_id, []).append(silence)
    return found


def _newest_cycles(job_ids: list[int]) -> Select[int, datetime]:
    return (
        select(BackupEntry.expected_job_id, func.max(BackupEntry.cycle_due_at))
        .where(BackupEntry.expected_job_id.in_(job_ids), BackupEntry.status != Status.PENDING.value)
        .group_by(BackupEntry.expected_job_id)
    )


def _unanswered(job_ids: list[int]) -> Select[Any]:
    told = Alert.state.in_((AlertState.WAITING.value, AlertState.SENT.value))
    return (
        select(Alert)
        .where(
            Alert.job_id.in_(job_ids),
            Alert.answered_at.is_(None),
            Alert.kind.in_(_TROUBLES),
            told | Alert.sent_at.is_not(None),
        )
        .order_by(Alert.id)
        # Whether it has been handed over is decided by who locks it first.
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _open_silences(job_ids: list[int]) -> Select[Any]:
    return select(AlertSilence).where(
        AlertSilence.job_id.in_(job_ids), AlertSilence.ended_at.is_(None)
    )


def _in_batches(query: Any, ids: list[int]) -> list[Any]:
    found: list[Any] = []
    for start in range(0, len(ids), _BATCH):
        found += db.session.execute(query(ids[start : start + _BATCH])).all()
    return found


def _rows_of(
    settings: Settings, entry: BackupEntry, known: _Known, now: datetime
) -> list[dict[str, Any]]:
    """What each recipient is to be told of the deciding entry of a job."""
    job = entry.job
    news = _news(entry, known)
    told = known.open.get(job.id, {})
    silenced, another = _silenced(known.silences.get(job.id, ()), news, now)
    rows: list[dict[str, Any]] = []
    for recipient in recipients_of(settings, job):
        # What was known has become another trouble: nobody has been told of that.
        said = NOTHING_TOLD if another else _told(told.get(recipient.lower(), ()), entry)
        kind = decide(news, said, AlertWhen(job.alert_when), silenced=silenced)
        if kind is not None:
            rows.append(alert_row(kind, recipient, now, entry=entry, status=news.status))
    if news.decides and news.status is Status.SUCCESS:
        heard = _answer(told, entry, now)
        # Who has heard of nothing is not told that it is over, nor by a way that told nothing.
        rows = [{**r, "ways": heard[k]} for r in rows if (k := r["recipient_key"]) in heard]
    return rows


def _news(entry: BackupEntry, known: _Known) -> News:
    job, status = entry.job, Status(entry.status)
    newest = known.newest.get(job.id) == entry.cycle_due_at
    decides = newest and job.current_status == entry.status and job.deleted_at is None
    if entry.accepted_at is not None:
        # An operator has said that the change is as it should be.
        status = Status.SUCCESS
    return News(
        status,
        decides=decides,
        before_job=entry.before_job,
        silent=not job.is_active,
    )


def _told(alerts: Sequence[Alert], entry: BackupEntry) -> Told:
    if not alerts:
        return NOTHING_TOLD
    last = alerts[-1]
    status = Status(last.status or Status.FAILED)
    true = last.state != AlertState.WITHDRAWN.value
    return Told(kind_of(status), this_cycle=true and last.cycle_due_at == entry.cycle_due_at)


def _silenced(silences: Iterable[AlertSilence], news: News, now: datetime) -> tuple[bool, bool]:
    """Whether a silence covers the news, and whether the news is trouble that ends one.

    A snooze ends by itself, and `reminders` tells what lasts by then.
    """
    covered = ended = False
    for row in silences:
        silence = silence_of(row)
        if silence.covers(news.status, now):
            covered = True
        elif news.decides and row.until is None:
            row.ended_at, ended = now, True
    return covered, ended and not covered and news.status is not Status.SUCCESS


def _answer(
    told: Mapping[str, list[Alert]], entry: BackupEntry, now: datetime
) -> dict[str, set[str]]:
    """The trouble of a job is over; gives by which ways each has heard of it, or is about to.

    What nobody has been told, and was made good in the same cycle, is no news any more.
    """
    heard: dict[str, set[str]] = {}
    for recipient, alerts in told.items():
        for alert in alerts:
            alert.answered_at = now
            if _is_moot(alert, entry):
                alert.state, alert.note = AlertState.WITHDRAWN.value, _OVER
            if alert.state != AlertState.WITHDRAWN.value or alert.sent_at:
                heard.setdefault(recipient, set()).add(alert.destination)
    return heard


def _is_moot(alert: Alert, entry: BackupEntry) -> bool:
    unsent = alert.state == AlertState.WAITING.value and alert.message_id is None
    return unsent and alert.cycle_due_at == entry.cycle_due_at


def _tell_over(lasting: Collection[int], now: datetime) -> None:
    """Answer what was told of conditions that have ended."""
    query = (
        select(Alert)
        .where(Alert.kind == AlertKind.SERVER.value, Alert.answered_at.is_(None))
        .order_by(Alert.id)
        .with_for_update()
    )
    rows: list[dict[str, Any]] = []
    for alert in db.session.scalars(query):
        assert alert.condition_id is not None
        if alert.condition_id in lasting:
            continue
        alert.answered_at = now
        if alert.state == AlertState.WAITING.value and alert.message_id is None:
            alert.state, alert.note = AlertState.WITHDRAWN.value, _OVER
        elif alert.state in (AlertState.WAITING.value, AlertState.SENT.value):
            kind = AlertKind.SERVER_OVER
            rows.append(alert_row(kind, alert.recipient, now, condition=alert.condition))
    enter_rows(rows)


def alert_row(
    kind: AlertKind,
    recipient: str,
    now: datetime,
    *,
    entry: BackupEntry | None = None,
    status: Status | None = None,
    condition: ServerCondition | None = None,
    occurrence: str = "",
) -> dict[str, Any]:
    """One alert, for `enter_rows`.

    Parameters
    ----------
    occurrence:
        Tells apart what may be said more than once of one thing.
    """
    return {
        "kind": kind.value,
        "entry_id": entry.id if entry else None,
        "job_id": entry.expected_job_id if entry else None,
        "agent_key": entry.job.agent_key if entry else gathered_as(condition),
        "cycle_due_at": entry.cycle_due_at if entry else None,
        "status": status.value if status else None,
        "condition_id": condition.id if condition else None,
        "occurrence": occurrence,
        "recipient": recipient,
        "recipient_key": recipient.lower(),
        "raised_at": now,
    }


def gathered_as(condition: ServerCondition | None) -> str:
    """What news of a condition is gathered with: none waits for another one's sake.

    What is stuck one by one is gathered all the same. The slash is in no agent's name.
    """
    if condition is None:
        return ""
    subject = "" if condition.code.endswith(".stuck") else f" {condition.subject}"
    return f"/{condition.code}{subject}"[:255]


def enter_rows(rows: list[dict[str, Any]]) -> None:
    """Enter alerts in the transaction under way, but for those that are there already."""
    alerts = with_channels(rows) if rows else []
    if not alerts:
        return
    dialect: Any = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    db.session.execute(dialect.insert(Alert).on_conflict_do_nothing(), alerts)
    log.info("alerts.raised", count=len(rows), kinds=sorted({row["kind"] for row in rows}))


def _run(statement: Any) -> None:
    db.session.execute(statement.execution_options(synchronize_session=False))
