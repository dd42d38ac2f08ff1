"""A server of the benchmark's own: its settings, its database, and ``flask scan`` on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from backupmon import create_app
from backupmon.config import PROJECT_ROOT, Settings
from backupmon.core.job_spec import JobSpec, agent_key, check_job
from backupmon.core.paths import final_path_key
from backupmon.extensions import db
from backupmon.models import ExpectedBackupJob
from backupmon.services.job_state import restart_cycles
from backupmon.services.roots import mark_roots
from backupmon.services.schema import upgrade_schema

_COMMAND = Path(__file__).with_name("command.py")
_COMPANIES = 10


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command cost: wall and processor time in seconds, peak memory in bytes."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Server:
    """A server whose every file lies below one folder."""

    settings: Settings

    @contextmanager
    def session(self) -> Iterator[None]:
        """The application's context, in this process."""
        with create_app(self.settings).app_context():
            try:
                yield
            finally:
                db.session.remove()
                db.engine.dispose()

    def environment(self) -> dict[str, str]:
        """What its processes are to know: nothing of what else is set on this machine."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("BACKUPMON_")}
        return kept | {
            "BACKUPMON_DATA_DIR": str(self.settings.data_dir),
            "BACKUPMON_DATABASE_URL": self.settings.database_url,
            "BACKUPMON_LOG_LEVEL": self.settings.log_level,
            "FLASK_APP": str(PROJECT_ROOT / "wsgi.py"),
            "FLASK_SKIP_DOTENV": "1",
        }

    def scan(self, moment: datetime | None = None) -> Cost:
        """One ``flask scan``, as a person would start it, in a process of its own."""
        arguments = ["scan", *(["--as-of", moment.isoformat()] if moment else [])]
        scan = [sys.executable, "-m", "flask", *arguments]
        with (self.settings.data_dir / "scan.log").open("ab") as log:
            done = subprocess.run(
                [sys.executable, "-S", "-E", str(_COMMAND), *scan],
                env=self.environment(),
                cwd=self.settings.data_dir,
                stdout=subprocess.PIPE,
                stderr=log,
                check=True,
            )
        cost = json.loads(done.stdout)
        assert cost["exit"] == 0, f"the scan failed; see {log.name}"
        return Cost(cost["seconds"], cost["cpu_seconds"], cost["peak_bytes"])


def set_up(folder: Path, **others: str) -> Server:
    """A server with an empty database and marked roots in `folder`; `others` are settings."""
    folder.mkdir()
    # What is set on this machine, or in an .env, is not what is measured.
    settings = Settings(_env_file=None, data_dir=folder, log_level="ERROR", **others)  # type: ignore
    server = Server(settings)
    with server.session():
        upgrade_schema()
        mark_roots(settings, datetime.now().astimezone())
    return server


def add_jobs(agents: int, databases: int, created_at: datetime) -> None:
    """Add jobs that are due daily at 02:00 UTC, straight into the tables."""
    for spec in _specs(agents, databases):
        job = ExpectedBackupJob()
        job.take_spec(spec)
        job.agent_key = agent_key(spec.agent_id_responsible)
        job.final_path_key = final_path_key(spec.final_storage_path_template, spec.path_values())
        job.created_at = job.updated_at = created_at
        restart_cycles(job, created_at)
        db.session.add(job)
    db.session.commit()


def agent_name(number: int) -> str:
    """The id of the agent with that number."""
    return f"site{number:04}"


def database_name(number: int) -> str:
    """The name of the database with that number."""
    return f"db{number:02}"


def _specs(agents: int, databases: int) -> Iterable[JobSpec]:
    pattern, faults = check_job(
        {
            "company_name": "company",
            "city": "city",
            "database_name": "db",
            "agent_id_responsible": "site",
            "schedule": "0 2 * * *",
            "timezone": "UTC",
        }
    )
    assert pattern is not None, faults
    for agent in range(agents):
        for database in range(databases):
            yield replace(
                pattern,
                company_name=f"Company {agent % _COMPANIES}",
                city=f"City {agent}",
                agent_id_responsible=agent_name(agent),
                database_name=database_name(database),
            )
