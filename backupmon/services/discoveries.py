"""Discoveries: databases that agents report and no job expects, and making jobs of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from backupmon.core.errors import BackupmonError, NotFoundError
from backupmon.core.job_fields import is_blank, timezone
from backupmon.core.job_spec import JobDefaults, agent_key
from backupmon.extensions import db
from backupmon.models import AgentReport, Discovery, ExpectedBackupJob
from backupmon.models.columns import iso
from backupmon.services.job_changes import put_jobs
from backupmon.services.job_drafts import JobRow

#: What the jobs of one agent have in common, more often than not.
_OF_THE_SITE = (
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


@dataclass(frozen=True, slots=True)
class Adopted:
    """A job made of a discovery, and what in it was guessed, in words."""

    job: ExpectedBackupJob
    guesses: tuple[str, ...]


def list_discoveries(agent: str | None = None) -> list[Discovery]:
    """What was discovered, of one agent or of all, by agent and database."""
    query = select(Discovery).order_by(Discovery.agent_key, Discovery.database_name)
    if agent is not None:
        query = query.where(Discovery.agent_key == agent_key(agent.strip()))
    return list(db.session.scalars(query))


def find_discovery(agent: str, database: str) -> Discovery:
    """The discovery of that database; raises NotFoundError where there is none."""
    for discovery in list_discoveries(agent):
        if discovery.database_name == database:
            return discovery
    raise NotFoundError(
        f"{agent}/{database} is no discovery", "flask jobs adopt without arguments lists them"
    )


def discovery_dict(discovery: Discovery) -> dict[str, object]:
    """A discovery as commands and API bear it."""
    return {
        "id": discovery.id,
        "agent_id": discovery.agent_id,
        "database_name": discovery.database_name,
        "staged_file_name": discovery.staged_file_name,
        "folder": discovery.folder,
        "first_seen_at": iso(discovery.first_seen_at),
        "last_seen_at": iso(discovery.last_seen_at),
        "seen_count": discovery.seen_count,
    }


def adopt(
    discoveries: Sequence[Discovery],
    values: Mapping[str, object],
    defaults: JobDefaults,
    now: datetime,
    actor: str,
) -> list[Adopted]:
    """Make jobs of discoveries, all or none, and forget the discoveries.

    What `values` does not say is taken from another job of the agent, else from the agent's id
    and the end of the last report, and told as a guess.

    Raises
    ------
    RowsRefusedError
        Naming every discovery of which no job can be made.
    """
    siblings = _siblings({discovery.agent_key for discovery in discoveries})
    ends = _report_ends({discovery.report_id for discovery in discoveries})
    rows, guesses = [], []
    for discovery in discoveries:
        sibling = siblings.get(discovery.agent_key)
        ended = ends.get(discovery.report_id) or discovery.last_seen_at
        row, said = _row(discovery, sibling, ended, values, defaults)
        rows.append(row)
        guesses.append(said)
    added = put_jobs(rows, defaults, now, actor, update=False).added
    return [Adopted(job, said) for job, said in zip(added, guesses, strict=True)]


def _row(
    discovery: Discovery,
    sibling: ExpectedBackupJob | None,
    ended: datetime,
    given: Mapping[str, object],
    defaults: JobDefaults,
) -> tuple[JobRow, tuple[str, ...]]:
    said = {name: value for name, value in given.items() if not is_blank(value)}
    guessed = _of_sibling(sibling) if sibling else _of_name(discovery.agent_id)
    zone = said.get("timezone") or guessed.get("timezone") or defaults.timezone
    guessed["schedule"] = _daily(ended, zone)
    values = {
        **guessed,
        **said,
        "agent_id_responsible": sibling.agent_id_responsible if sibling else discovery.agent_id,
        "database_name": discovery.database_name,
    }
    place = f"{discovery.agent_id}/{discovery.database_name}"
    return JobRow(place, values), tuple(_words(guessed, said, sibling, zone))


def _words(
    guessed: Mapping[str, object],
    said: Mapping[str, object],
    sibling: ExpectedBackupJob | None,
    zone: object,
) -> Iterable[str]:
    if "schedule" not in said:
        yield f'schedule "{guessed["schedule"]}" in {zone}, from the end of the last report'
    names = [name for name in guessed if name != "schedule" and name not in said]
    if sibling is not None and names:
        yield f"{', '.join(names)} as in job {sibling.id}"
    elif names:
        pairs = (f'{name} "{guessed[name]}"' for name in names)
        yield f"{', '.join(pairs)} from the agent's id"


def _of_sibling(sibling: ExpectedBackupJob) -> dict[str, object]:
    found = {name: getattr(sibling, name) for name in _OF_THE_SITE}
    return {name: value for name, value in found.items() if value is not None}


def _of_name(agent_id: str) -> dict[str, object]:
    """Agents are often named after their company and place: ``acme_douala``."""
    parts = [part for part in re.split(r"[_-]+", agent_id) if part.strip()]
    company = parts[0] if parts else agent_id
    return {
        "company_name": company,
        "city": parts[1].title() if len(parts) > 1 else agent_id,
    }


def _daily(ended: datetime, zone: object) -> str:
    """Every day when the last report ended, to the nearest five minutes."""
    try:
        place = ZoneInfo(timezone(zone))
    except BackupmonError:
        # The zone is refused by itself, with a reason.
        place = ZoneInfo("UTC")
    local = ended.astimezone(place)
    minutes = (local.hour * 60 + local.minute + 2) // 5 * 5 % 1440
    return f"{minutes % 60} {minutes // 60} * * *"


def _siblings(keys: set[str]) -> dict[str, ExpectedBackupJob]:
    """The newest job of each agent."""
    query = select(ExpectedBackupJob).where(ExpectedBackupJob.deleted_at.is_(None))
    jobs = db.session.scalars(query.order_by(ExpectedBackupJob.id))
    return {job.agent_key: job for job in jobs if job.agent_key in keys}


def _report_ends(ids: set[int]) -> dict[int, datetime | None]:
    query = (
        select(AgentReport.id, AgentReport.ended_at)
        .join(Discovery, Discovery.report_id == AgentReport.id)
        .distinct()
    )
    return {found: ended for found, ended in db.session.execute(query) if found in ids}
