"""A scan with nothing new: what it costs to look at thousands of jobs and find them on time."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from backupmon.extensions import db
from bench.figures import Figure, Tell, held_against, spread
from bench.server import Server, add_jobs, agent_name, set_up

_NOW = datetime(2031, 3, 3, 1, 0, tzinfo=UTC)
_DATABASES = 20
_MIB = 1 << 20


def bench_idle(folder: Path, jobs: int, nights: int, rounds: int, tell: Tell) -> list[Figure]:
    """Scan `jobs` jobs with `nights` of history, and an empty database, in turn.

    Start-up is the time of the scan of the empty database.
    """
    tell(f"nothing new: setting up {jobs:,} jobs")
    empty = set_up(folder / "empty")
    full = set_up(folder / "full")
    _fill(full, jobs, nights)
    start_up: list[float] = []
    beyond: list[float] = []
    memory: list[float] = []
    for server in (empty, full):
        server.scan(_NOW)
    for turn in range(rounds):
        tell(f"nothing new: round {turn + 1} of {rounds}")
        costs = {s: s.scan(_NOW) for s in ((empty, full) if turn % 2 else (full, empty))}
        start_up.append(costs[empty].seconds)
        beyond.append(costs[full].seconds - costs[empty].seconds)
        memory.append(costs[full].peak_bytes / _MIB)
    for name in ("empty", "full"):
        shutil.rmtree(folder / name)
    what = f"scan of {jobs:,} jobs, {nights} nights of history, nothing new"
    return [
        Figure("scan of an empty database (start-up)", spread(start_up, "{:.2f}") + " s"),
        Figure(
            f"{what}: beyond start-up",
            spread(beyond, "{:.2f}") + " s",
            "below 1 s",
            held_against(beyond, lambda seconds: seconds < 1),
        ),
        Figure(
            f"{what}: peak memory",
            spread(memory, "{:.0f}") + " MiB",
            "below 150 MiB",
            held_against(memory, lambda peak: peak < 150),
        ),
    ]


def _fill(server: Server, jobs: int, nights: int) -> None:
    """Jobs with a history of successes, and the folders of their agents."""
    agents = jobs // _DATABASES
    with server.session():
        add_jobs(agents, _DATABASES, _NOW)
        for night in range(nights):
            _add_successes(_NOW.replace(hour=2) - timedelta(days=night + 1))
        db.session.commit()
    for number in range(agents):
        home = server.settings.deposit_root / agent_name(number)
        (home / "log").mkdir(parents=True)
        (home / "databases").mkdir()


def _add_successes(due: datetime) -> None:
    """An entry for every job, as a scan would have left it."""
    db.session.execute(
        text(
            "INSERT INTO backup_entries (expected_job_id, cycle_due_at, cycle_deadline_at, status,"
            " late, message, findings, section_faults, by_deadline, before_job, report_end_at,"
            " timestamp, created_at) SELECT id, :due, :deadline, 'SUCCESS', 0, 'intact', '[]',"
            " '[]', 0, 0, :due, :due, :due FROM expected_backup_jobs"
        ),
        {"due": _column(due), "deadline": _column(due + timedelta(minutes=30))},
    )


def _column(moment: datetime) -> str:
    """As SQLite keeps a time."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
