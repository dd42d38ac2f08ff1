"""Which folders hold reports, and of which agents."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from sqlalchemy import select

from backupmon.core.errors import TemplateError
from backupmon.core.job_spec import agent_key
from backupmon.core.paths import deposit_components
from backupmon.extensions import db
from backupmon.models import ExpectedBackupJob
from backupmon.services.context import Scan
from backupmon.storage.faults import ServerFault

#: Where an agent that no job names is looked for.
DEFAULT_LOG_FOLDER = "log"


@dataclass(slots=True)
class AgentJobs:
    """The jobs of one agent, as far as taking in its reports needs them."""

    agent_id: str
    key: str
    jobs: dict[str, ExpectedBackupJob] = field(default_factory=dict)

    @property
    def zones(self) -> list[ZoneInfo]:
        """The zones that its jobs are scheduled in."""
        return [ZoneInfo(name) for name in sorted({job.timezone for job in self.jobs.values()})]

    @property
    def zone_of(self) -> Callable[[str], ZoneInfo | None]:
        """The zone of the job for a database, or None."""

        def zone(name: str) -> ZoneInfo | None:
            job = self.jobs.get(name)
            return ZoneInfo(job.timezone) if job else None

        return zone


@dataclass(frozen=True, slots=True)
class LogFolder:
    """A folder where reports land, and the agents (by key) whose it is."""

    path: tuple[str, ...]
    agents: frozenset[str]

    @property
    def owner(self) -> str:
        """The agent that an unreadable report is laid to: the folder's first, by name."""
        return min(self.agents)


def load_jobs(keys: Collection[str]) -> dict[str, AgentJobs]:
    """The jobs of the agents `keys`, as they are at this moment; deleted ones do not count."""
    query = (
        select(ExpectedBackupJob)
        .where(ExpectedBackupJob.agent_key.in_(keys), ExpectedBackupJob.deleted_at.is_(None))
        .order_by(ExpectedBackupJob.id)
        .execution_options(populate_existing=True)
    )
    found = {key: AgentJobs(key, key) for key in keys}
    for job in db.session.scalars(query):
        agent = found[job.agent_key]
        if not agent.jobs:
            agent.agent_id = job.agent_id_responsible
        agent.jobs[job.database_name] = job
    return found


def find_log_folders(scan: Scan) -> list[LogFolder]:
    """Every folder to look for reports in: those that jobs name, and ``log`` of other agents.

    What cannot be listed becomes a server condition, and its agents are not judged.
    """
    owners: dict[tuple[str, ...], set[str]] = {}
    known: set[str] = set()
    for key, template, values in _log_templates(scan):
        known.add(key)
        try:
            for path in scan.listing.spelt(deposit_components(template, values)):
                owners.setdefault(path, set()).add(key)
        except TemplateError as error:
            scan.note(
                ServerFault(
                    "path.unusable",
                    key,
                    f"{key}: {error.message}",
                    error.hint or "change agent_log_deposit_path_template of its jobs",
                )
            )
            scan.unseen.add(key)
        except ServerFault as fault:
            scan.note(fault)
            scan.unseen.add(key)
    for name in scan.listing.agent_folders():
        key = agent_key(name)
        if key not in known and scan.agent in (None, key):
            owners.setdefault((name, DEFAULT_LOG_FOLDER), set()).add(key)
    return [LogFolder(path, frozenset(keys)) for path, keys in sorted(owners.items())]


def _log_templates(scan: Scan) -> list[tuple[str, str, dict[str, str | int | None]]]:
    columns = (
        ExpectedBackupJob.agent_key,
        ExpectedBackupJob.agent_id_responsible,
        ExpectedBackupJob.agent_log_deposit_path_template,
        ExpectedBackupJob.company_name,
        ExpectedBackupJob.city,
        ExpectedBackupJob.neighborhood,
        ExpectedBackupJob.database_name,
    )
    plain = select(*columns).where(ExpectedBackupJob.deleted_at.is_(None)).distinct()
    if scan.agent is not None:
        plain = plain.where(ExpectedBackupJob.agent_key == scan.agent)
    found: dict[tuple[object, ...], tuple[str, str, dict[str, str | int | None]]] = {}
    for row in db.session.execute(plain):
        values: dict[str, str | int | None] = {
            "agent_id": row.agent_id_responsible,
            "company_name": row.company_name,
            "city": row.city,
            "neighborhood": row.neighborhood,
            "database_name": row.database_name,
        }
        template = row.agent_log_deposit_path_template
        # Most jobs of an agent share their log folder: it is resolved once.
        used = tuple(v for k, v in values.items() if k in template)
        found.setdefault((row.agent_key, template, used), (row.agent_key, template, values))
    return list(found.values())
