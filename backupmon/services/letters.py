"""What a mail says, before it is written out: like things told together, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flask_babel import format_datetime, gettext, lazy_gettext, ngettext, pgettext, to_user_timezone
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import joinedload

from backupmon.core.alert_policy import TROUBLES, AlertKind, urgency
from backupmon.core.culprit import Culprit, diagnose
from backupmon.core.findings import Finding
from backupmon.core.phrases import Phrase
from backupmon.core.statuses import Status
from backupmon.core.text import clean, one_line
from backupmon.core.words import short_hash
from backupmon.extensions import db
from backupmon.language.conditions import condition_title
from backupmon.language.phrases import say, say_server
from backupmon.language.wording import say_age, say_size
from backupmon.models import Alert, BackupEntry, ExpectedBackupJob, StoredBackup, StoredState

#: What an agent says may be long; the page has the rest.
_MOST_SAID = 600
_BATCH = 500
#: Of a job, that one message tells of beside the newest.
_MOST_CYCLES = 5
_TROUBLES = {kind.value for kind in TROUBLES}

STATUS_WORDS = {
    Status.MISSING: lazy_gettext("MISSING"),
    Status.FAILED: lazy_gettext("FAILED"),
    Status.TRANSFER_INTEGRITY_FAILED: lazy_gettext("BROKEN IN TRANSFER"),
    Status.HASH_MISMATCH: lazy_gettext("ODD CONTENT"),
}
_SUSPECTS = {
    Culprit.AGENT: lazy_gettext("the agent"),
    Culprit.LINE: lazy_gettext("the line"),
    Culprit.SERVER: lazy_gettext("this server"),
    Culprit.SCHEDULE: lazy_gettext("what the job expects"),
}
#: How a paragraph is coloured.
_TONES = {
    AlertKind.WARNING: "odd",
    AlertKind.CORRECTION: "good",
    AlertKind.RECOVERY: "good",
    AlertKind.SERVER_OVER: "good",
}


@dataclass(frozen=True, slots=True)
class Database:
    """One of those that a paragraph is about."""

    name: str
    facts: tuple[tuple[str, str], ...]
    link: str | None


@dataclass(slots=True)
class Paragraph:
    """What is to be said of one agent's databases, or of the server, at once."""

    kind: AlertKind
    tone: str
    agent: str
    place: str
    #: The status in words, and since when.
    status: str
    since: str
    since_short: str
    facts: tuple[tuple[str, str], ...]
    order: tuple[int, int]
    databases: list[Database] = field(default_factory=list)

    @property
    def headline(self) -> str:
        """What happened, to how many."""
        if not self.databases:
            return self.status
        if len(self.databases) == 1:
            name = self.databases[0].name
        else:
            name = ngettext("%(num)d database", "%(num)d databases", len(self.databases))
        return name + colon() + self.status + self.since


@dataclass(frozen=True, slots=True)
class Reading:
    """What paragraphs are made of, read at once."""

    alerts: Sequence[Alert]
    #: The last good copy of each job.
    copies: dict[int, StoredBackup]


def read_alerts(which: ColumnElement[bool]) -> Reading:
    """Alerts, such as those of a message, with all that they are about, in three queries."""
    query = (
        select(Alert)
        .where(which)
        .options(joinedload(Alert.entry), joinedload(Alert.job), joinedload(Alert.condition))
        .order_by(Alert.id)
        .execution_options(populate_existing=True)
    )
    alerts = db.session.scalars(query).all()
    return Reading(alerts, _copies(sorted({a.job_id for a in alerts if a.job_id is not None})))


def _copies(job_ids: list[int]) -> dict[int, StoredBackup]:
    found: dict[int, StoredBackup] = {}
    for start in range(0, len(job_ids), _BATCH):
        query = (
            select(StoredBackup)
            .where(
                StoredBackup.expected_job_id.in_(job_ids[start : start + _BATCH]),
                StoredBackup.state == StoredState.STORED.value,
            )
            .order_by(StoredBackup.report_end_at)
        )
        found.update((copy.expected_job_id, copy) for copy in db.session.scalars(query))
    return found


def paragraphs(
    reading: Reading, now: datetime, base_url: str | None, *, plain: bool = False
) -> list[Paragraph]:
    """What is to be said, the worst first; alike things of one agent are one paragraph.

    Parameters
    ----------
    plain:
        Without what others wrote, but for names.
    """
    found: dict[object, Paragraph] = {}
    for alert in _newest_of_each(reading.alerts):
        if alert.condition is not None:
            made = _of_server(alert, plain=plain)
            found[alert.id] = made
        elif alert.job is not None:
            made = _of_job(alert, alert.job, now, plain=plain)
            key = made.kind, made.agent, made.status, made.since, made.facts
            place = found.setdefault(key, made)
            database = _database(alert, alert.job, reading, now, base_url, plain=plain)
            place.databases.append(database)
    return sorted(found.values(), key=lambda one: (one.order, one.agent))


def _newest_of_each(alerts: Sequence[Alert]) -> list[Alert]:
    """Of each job only the newest trouble, and only its end where both are here."""
    newest: dict[object, Alert] = {}
    for alert in alerts:
        about = ("job", alert.job_id) if alert.job_id else ("server", alert.condition_id)
        newest[about] = alert
    return sorted(newest.values(), key=lambda alert: alert.id)


def _of_server(alert: Alert, *, plain: bool) -> Paragraph:
    assert alert.condition is not None
    kind, condition = AlertKind(alert.kind), alert.condition
    title = condition_title(condition.code).rstrip(".")
    exactly = (gettext("What exactly"), one_line(say_server(condition.message), _MOST_SAID))
    facts = [
        _left_out() if plain else exactly,
        (gettext("Since"), _moment(condition.started_at)),
    ]
    if condition.ended_at is not None:
        facts.append((gettext("Until"), _moment(condition.ended_at)))
    elif condition.hint and not plain:
        facts.append((gettext("Next step"), one_line(say_server(condition.hint), _MOST_SAID)))
    return Paragraph(
        kind,
        _TONES.get(kind, "bad"),
        "",
        gettext("This server"),
        gettext("over: %(what)s", what=title) if kind is AlertKind.SERVER_OVER else title,
        "",
        "",
        tuple(facts),
        urgency(kind, None),
    )


def _of_job(alert: Alert, job: ExpectedBackupJob, now: datetime, *, plain: bool) -> Paragraph:
    kind = AlertKind(alert.kind)
    status = Status(alert.status or Status.FAILED)
    over = kind is AlertKind.RECOVERY
    word = gettext("all is well again") if over else str(STATUS_WORDS.get(status, status.value))
    if kind is AlertKind.REMINDER:
        word = gettext("still %(status)s", status=word)
    elif kind is AlertKind.CORRECTION:
        word = gettext("not %(status)s after all", status=word)
    return Paragraph(
        kind,
        _TONES.get(kind, "bad"),
        one_line(job.agent_id_responsible),
        ", ".join(one_line(p) for p in (job.company_name, job.city, job.neighborhood) if p),
        word,
        "" if over else _since(alert, "d MMM y, HH:mm"),
        "" if over else _since(alert, _short_pattern(alert, now)),
        _why_taken_back(alert) if kind is AlertKind.CORRECTION else _advice_on(alert, plain),
        urgency(kind, status),
    )


def _since(alert: Alert, pattern: str) -> str:
    moment = _began(alert)
    if moment is None:
        return ""
    words = [gettext("since %(moment)s", moment=format_datetime(moment, pattern))]
    if alert.answered_at is not None:
        words.append(gettext("(over by now)"))
    return " " + " ".join(words)


def _began(alert: Alert) -> datetime | None:
    entry = alert.entry
    if entry is None:
        return None
    if alert.status == Status.MISSING.value:
        return entry.cycle_deadline_at
    return entry.report_end_at or entry.cycle_due_at


def _short_pattern(alert: Alert, now: datetime) -> str:
    """A time of today needs no date."""
    moment = _began(alert)
    if moment is None:
        return ""
    return "HH:mm" if to_user_timezone(moment).date() == to_user_timezone(now).date() else "d MMM"


def _why_taken_back(alert: Alert) -> tuple[tuple[str, str], ...]:
    """The entry is gone; what is left is which backup it was about."""
    words = gettext("Its time was not up yet: the clock by which it was judged ran ahead.")
    facts = [(str(gettext("What was told is taken back")), str(words))]
    if alert.cycle_due_at is not None:
        facts.append((str(gettext("The backup due")), _moment(alert.cycle_due_at)))
    return tuple(facts)


def _advice_on(alert: Alert, plain: bool) -> tuple[tuple[str, str], ...]:
    if alert.kind == AlertKind.RECOVERY.value or alert.entry is None:
        return ()
    advice = _advice(alert.entry, plain)
    return (_left_out(), *advice) if plain else advice


def _left_out() -> tuple[str, str]:
    words = gettext("words for which the mail server refused a mail; the pages here show them")
    return str(gettext("Left out")), str(words)


def _is_ours(said: Phrase) -> bool:
    """Whether others wrote nothing in it."""
    return not any(isinstance(value, str) for _, value in said.values)


def _advice(entry: BackupEntry, plain: bool) -> tuple[tuple[str, str], ...]:
    found = diagnose([Finding.from_dict(f) for f in entry.findings])
    if found is None:
        return ()
    facts = []
    if found.suspects:
        suspects = ", ".join(str(_SUSPECTS[one]) for one in found.suspects)
        facts.append((gettext("Look first at"), suspects))
    if _is_ours(found.cause) or not plain:
        facts.append((gettext("Likely cause"), one_line(say(found.cause), _MOST_SAID)))
    facts.append((gettext("Next step"), one_line(say(found.next_step), _MOST_SAID)))
    return tuple(facts)


def _database(
    alert: Alert,
    job: ExpectedBackupJob,
    reading: Reading,
    now: datetime,
    base_url: str | None,
    *,
    plain: bool,
) -> Database:
    facts: list[tuple[str, str]] = []
    entry = alert.entry
    if entry is not None and alert.kind != AlertKind.RECOVERY.value:
        facts += [] if plain else _said(entry)
        facts += _measured(entry)
    facts += _before(alert, reading)
    facts.append((gettext("Last good copy"), _copy_words(reading.copies.get(job.id), now)))
    link = f"{base_url}/jobs/{job.id}" if base_url else None
    return Database(one_line(job.database_name), tuple(facts), link)


def _before(alert: Alert, reading: Reading) -> list[tuple[str, str]]:
    """Earlier cycles that this message is the first to tell of: what was missed stays missed."""
    cycles = {
        one.cycle_due_at: one
        for one in reading.alerts
        if one.job_id == alert.job_id
        and one.id < alert.id
        and one.kind in _TROUBLES
        and one.cycle_due_at not in (None, alert.cycle_due_at)
    }
    told = [
        gettext(
            "%(status)s, due %(moment)s",
            status=str(STATUS_WORDS.get(Status(one.status or Status.FAILED), one.status)),
            moment=_moment(one.cycle_due_at),
        )
        for one in cycles.values()
        if one.cycle_due_at is not None
    ]
    if len(told) > _MOST_CYCLES:
        more = len(told) - _MOST_CYCLES
        told = [ngettext("%(num)d more", "%(num)d more", more), *told[more:]]
    return [(str(gettext("Before that")), "; ".join(str(one) for one in told))] if told else []


def _said(entry: BackupEntry) -> list[tuple[str, str]]:
    """The agent's own words."""
    words = [entry.agent_transfer_error_message, entry.agent_logs_summary]
    # Many an agent says the same in both places.
    told = dict.fromkeys(clean(word, _MOST_SAID).strip() for word in words if word)
    said = "\n".join(word for word in told if word)
    return [(str(gettext("The agent said")), said)] if said else []


def _measured(entry: BackupEntry) -> list[tuple[str, str]]:
    size, sha256 = entry.server_calculated_staged_size, entry.server_calculated_staged_hash
    if size is None:
        return []
    measured = say_size(size) + (f", SHA-256 {short_hash(sha256)}…" if sha256 else "")
    return [(gettext("The server measured"), measured)]


def _copy_words(copy: StoredBackup | None, now: datetime) -> str:
    if copy is None:
        return str(gettext("none yet"))
    age = say_age(now - copy.report_end_at)
    return f"{_moment(copy.report_end_at)} ({age}), {say_size(copy.size)}"


def colon() -> str:
    """As the language sets it after a name."""
    return str(pgettext("punctuation", ": "))


def _moment(moment: datetime) -> str:
    return str(format_datetime(moment, "d MMM y, HH:mm"))
