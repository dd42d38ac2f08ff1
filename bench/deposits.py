"""What agents deliver: many small backups, one report for each agent."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.server import agent_name, database_name


@dataclass(frozen=True, slots=True)
class Delivery:
    """So many agents, each with so many databases of so many bytes."""

    agents: int
    databases: int
    size: int

    @property
    def backups(self) -> int:
        """How many files there are."""
        return self.agents * self.databases


def deliver(root: Path, delivery: Delivery, end: datetime) -> None:
    """Stage every file below `root`, and a report of each agent that ends at `end`.

    Everything is on disk before this returns: the agents came hours before the scan.
    """
    for number in range(delivery.agents):
        agent = agent_name(number)
        staging, log = root / agent / "databases", root / agent / "log"
        staging.mkdir(parents=True, exist_ok=True)
        log.mkdir(exist_ok=True)
        sections = dict(
            _stage(staging, database_name(i), delivery.size) for i in range(delivery.databases)
        )
        report = {
            "operation_start_time": (end - timedelta(minutes=5)).isoformat(),
            "operation_end_time": end.isoformat(),
            "agent_id": agent,
            "overall_status": "completed",
            "databases": sections,
        }
        (log / f"STATUS_{end:%Y%m%d}.json").write_text(json.dumps(report), encoding="utf-8")
    os.sync()


def _stage(folder: Path, database: str, size: int) -> tuple[str, dict[str, Any]]:
    """Write a file that is like no other; gives its database and its section."""
    data = os.urandom(size)
    name = f"{database}.sql.gz"
    (folder / name).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    return database, {
        "BACKUP": {
            "status": True,
            "sha256_checksum": hashlib.sha256(digest.encode()).hexdigest(),
            "size": 4 * size,
        },
        "COMPRESS": {"status": True, "sha256_checksum": digest, "size": size},
        "TRANSFER": {"status": True, "error_message": None},
        "staged_file_name": name,
    }
