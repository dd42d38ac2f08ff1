"""A site in the tests: an agent that delivers as agents do, well or badly."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any


def sha256(data: bytes) -> str:
    """Hex digest of `data`."""
    return hashlib.sha256(data).hexdigest()


def dump_of(text: str) -> bytes:
    """A small compressed dump; the same text always gives the same bytes."""
    return gzip.compress(f"-- dump\n{text}\n".encode(), mtime=0)


def iso(moment: datetime) -> str:
    """As agents write times."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def section(data: bytes, name: str, **changes: Any) -> dict[str, Any]:
    """A section of dialect A for a file with the bytes `data`."""
    steps: dict[str, Any] = {
        "BACKUP": {"status": True, "sha256_checksum": sha256(b"raw" + data), "size": 10},
        "COMPRESS": {"status": True, "sha256_checksum": sha256(data), "size": len(data)},
        "TRANSFER": {"status": True, "error_message": None},
        "staged_file_name": name,
    }
    for path, value in changes.items():
        step, _, key = path.partition("__")
        if not key:
            steps[step] = value
        elif value is None:
            steps[step].pop(key, None)
        else:
            steps[step][key] = value
    return steps


@dataclass
class Site:
    """One agent's folder in the deposit area.

    `deliver` puts files first and the report last, as a good agent does.
    """

    root: Path
    agent: str
    log: str = "log"
    databases: str = "databases"
    runs: int = field(default=0)

    @property
    def log_folder(self) -> Path:
        folder = self.root / self.agent / self.log
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def staging(self) -> Path:
        folder = self.root / self.agent / self.databases
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def put(self, name: str, data: bytes) -> Path:
        """Stage a file, as agents do: under another name, then renamed."""
        part = self.staging / f"{name}.part"
        part.write_bytes(data)
        return part.replace(self.staging / name)

    def report(
        self,
        end: datetime,
        databases: dict[str, dict[str, Any]],
        name: str | None = None,
        **extra: Any,
    ) -> Path:
        """Drop a report."""
        self.runs += 1
        report = {
            "operation_start_time": iso(end - timedelta(minutes=5)),
            "operation_end_time": iso(end),
            "agent_id": self.agent.lower(),
            "overall_status": "completed",
            "databases": databases,
            **extra,
        }
        return self.drop(name or f"STATUS_{self.runs:04}.json", json.dumps(report).encode())

    def drop(self, name: str, data: bytes) -> Path:
        """Drop any bytes as a report."""
        part = self.log_folder / f"{name}.part"
        part.write_bytes(data)
        return part.replace(self.log_folder / name)

    def deliver(self, end: datetime, **contents: str) -> dict[str, bytes]:
        """One good run: for each database its dump, then the report; gives the files' bytes."""
        files = {name: dump_of(text) for name, text in contents.items()}
        for name, data in files.items():
            self.put(f"{name}.sql.gz", data)
        self.report(end, {n: section(d, f"{n}.sql.gz") for n, d in files.items()})
        return files
