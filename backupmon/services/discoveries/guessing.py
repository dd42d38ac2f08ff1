"""What the jobs of discoveries should be like, and why: from agent, site and reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select

from backupmon.core.errors import BackupmonError
from backupmon.core.guessing import daily_at, guess_place, guess_schedule
from backupmon.core.job_fields import is_blank, timezone
from backupmon.core.job_spec import JobDefaults
from backupmon.core.phrases import Phrase, phrase
from backupmon.extensions import db
from backupmon.models import AgentReport, Discovery, ExpectedBackupJob

#: What the jobs of one agent have in common, more often than not.
OF_THE_SITE = (
    "company_name",
    "city",
    "neighborhood",
    "timezone",
    "agent_deposit_path_template",
    "agent_log_deposit_path_template",
    "final_storage_path_template",
    "promotion_mode",
    "notification_recipients",
    "alert_when",
    "alert_reminders",
)
#: Reports older than this before the last one say nothing of a schedule.
_LOOK_BACK = timedelta(days=35)
#: Agents that one statement asks about: databases limit what they take.
_MOST_AGENTS = 100

_FROM_NAME = phrase("from the agent's id")
_FROM_LAST = phrase("from the end of the last report")
_FROM_SETTINGS = phrase("the server's own, since nothing says otherwise")


@dataclass(frozen=True, slots=True)
class Guess:
    """A field that nobody gave, what it was guessed to be, and why.

    Parameters
    ----------
    job_id:
        The job it was taken from; None where it was not.
    """

    field: str
    value: str
    why: Phrase
    job_id: int | None = None


@dataclass(frozen=True, slots=True)
class Guessed:
    """The job that a discovery should become.

    Parameters
    ----------
    values:
        By column, as `put_jobs` takes them.
    guesses:
        What in it was guessed; nothing that was given.
    """

    discovery: Discovery
    values: Mapping[str, object]
    guesses: tuple[Guess, ...]

    @property
    def title(self) -> str:
        """Agent and database."""
        return f"{self.discovery.agent_id}/{self.discovery.database_name}"

    def reasons(self) -> list[tuple[Phrase, int | None, list[Guess]]]:
        """The guesses by why they were made."""
        found: dict[Phrase, list[Guess]] = {}
        for guess in self.guesses:
            found.setdefault(guess.why, []).append(guess)
        return [(why, alike[0].job_id, alike) for why, alike in found.items()]


@dataclass(slots=True)
class _Known:
    """What is known of an agent."""

    jobs: list[ExpectedBackupJob] = field(default_factory=list)
    #: End and databases of its latest reports.
    reports: list[tuple[datetime, frozenset[str]]] = field(default_factory=list)

    @property
    def sibling(self) -> ExpectedBackupJob | None:
        """Its newest job."""
        return self.jobs[-1] if self.jobs else None

    def ends_of(self, database: str) -> list[datetime]:
        return [end for end, names in self.reports if database in names]


def guess_jobs(
    discoveries: Sequence[Discovery], given: Mapping[str, object], defaults: JobDefaults
) -> list[Guessed]:
    """What each discovery should become; a fixed number of queries for an agent or for many.

    Where nothing is given, the schedule is told from when several reports ended, else it is
    that of the agent's other jobs, else daily at the end of the only report; the rest is taken
    from the agent's newest job, else from its id.

    Parameters
    ----------
    given:
        What is not to be guessed, by column; blank values are not given.
    """
    said = {name: value for name, value in given.items() if not is_blank(value)}
    known = _knowledge(discoveries)
    return [_guessed(one, known[one.agent_key], said, defaults) for one in discoveries]


def _guessed(
    discovery: Discovery, known: _Known, said: Mapping[str, object], defaults: JobDefaults
) -> Guessed:
    guesses = [g for g in _of_the_site(discovery, known, defaults) if g.field not in said]
    values = {**{guess.field: guess.value for guess in guesses}, **said}
    if "schedule" not in said:
        schedule = _schedule(discovery, known, str(values["timezone"]))
        guesses.insert(0, schedule)
        values["schedule"] = schedule.value
    sibling = known.sibling
    values["agent_id_responsible"] = sibling.agent_id_responsible if sibling else discovery.agent_id
    values["database_name"] = discovery.database_name
    return Guessed(discovery, values, tuple(guesses))


def _of_the_site(discovery: Discovery, known: _Known, defaults: JobDefaults) -> Iterator[Guess]:
    sibling = known.sibling
    if sibling is not None:
        why = phrase("as in job %(job)s", job=str(sibling.id))
        for name in OF_THE_SITE:
            value = getattr(sibling, name)
            if value is not None:
                yield Guess(name, str(value), why, sibling.id)
        return
    company, city = guess_place(discovery.agent_id)
    yield Guess("company_name", company, _FROM_NAME)
    yield Guess("city", city, _FROM_NAME)
    yield Guess("timezone", defaults.timezone, _FROM_SETTINGS)


def _schedule(discovery: Discovery, known: _Known, zone_name: str) -> Guess:
    zone = _zone(zone_name)
    ends = known.ends_of(discovery.database_name)
    found = guess_schedule(ends, zone)
    if found is not None:
        return Guess("schedule", found.cron, found.why)
    # The same words mean another time in another zone.
    alike = [job for job in known.jobs if job.timezone == zone_name]
    if alike:
        usual = Counter(job.schedule for job in alike).most_common(1)[0][0]
        job = next(job for job in reversed(alike) if job.schedule == usual)
        return Guess("schedule", usual, phrase("as in job %(job)s", job=str(job.id)), job.id)
    ended = max(ends, default=discovery.last_seen_at)
    return Guess("schedule", daily_at(ended, zone), _FROM_LAST)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(timezone(name))
    except BackupmonError:
        # The zone is refused by itself, with a reason.
        return ZoneInfo("UTC")


def _knowledge(discoveries: Sequence[Discovery]) -> dict[str, _Known]:
    last_seen: dict[str, datetime] = {}
    for one in discoveries:
        seen = last_seen.get(one.agent_key)
        last_seen[one.agent_key] = max(one.last_seen_at, seen or one.last_seen_at)
    known = {key: _Known() for key in last_seen}
    keys = sorted(last_seen)
    for start in range(0, len(keys), _MOST_AGENTS):
        chunk = keys[start : start + _MOST_AGENTS]
        _add_jobs(known, chunk)
        _add_reports(known, {key: last_seen[key] - _LOOK_BACK for key in chunk})
    return known


def _add_jobs(known: Mapping[str, _Known], keys: Collection[str]) -> None:
    query = select(ExpectedBackupJob).where(
        ExpectedBackupJob.agent_key.in_(keys), ExpectedBackupJob.deleted_at.is_(None)
    )
    for job in db.session.scalars(query.order_by(ExpectedBackupJob.id)):
        known[job.agent_key].jobs.append(job)


def _add_reports(known: Mapping[str, _Known], since: Mapping[str, datetime]) -> None:
    columns = (AgentReport.agent_key, AgentReport.ended_at, AgentReport.database_names)
    recent = (
        (AgentReport.agent_key == key) & (AgentReport.landed_at >= moment)
        for key, moment in since.items()
    )
    query = select(*columns).where(or_(*recent), AgentReport.valid.is_(True))
    for key, ended_at, names in db.session.execute(query):
        if ended_at is not None:
            known[key].reports.append((ended_at, frozenset(names)))
