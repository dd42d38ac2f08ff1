"""Reports in both dialects, as agents in the field write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from backupmon.services.demo.dumps import Dump
from backupmon.services.demo.site import Site, Times

#: Shares of a database's time at which BACKUP, COMPRESS and TRANSFER are done.
_DONE = (0.45, 0.7, 1.0)
_STEPS = ("BACKUP", "COMPRESS", "TRANSFER")


@dataclass(frozen=True, slots=True)
class Part:
    """What one report says of one database.

    Parameters
    ----------
    failed:
        The step that failed, and so those after it; None where all went well.
    error:
        The agent's words on it.
    """

    database: str
    dump: Dump
    staged_file_name: str
    failed: str | None = None
    error: str | None = None

    def went_well(self, step: str) -> bool:
        """Whether a step did."""
        return self.failed is None or _STEPS.index(step) < _STEPS.index(self.failed)


def report_bytes(site: Site, start: datetime, end: datetime, parts: Sequence[Part]) -> bytes:
    """The report of one run, from `start` to `end`, in the site's dialect."""
    share = (end - start) / max(1, len(parts))
    section = _section_b if site.dialect == "B" else _section_a
    failed = any(part.failed for part in parts)
    if site.dialect == "B":
        ended, overall = "operation_timestamp", "failed_globally" if failed else "success_globally"
    else:
        ended, overall = "operation_end_time", "completed_with_errors" if failed else "completed"
    report = {
        "operation_start_time": _written(site, start),
        ended: _written(site, end),
        "agent_id": site.spelling,
        "overall_status": overall,
        "databases": {
            part.database: section(site, part, _Clock(start + share * i, share))
            for i, part in enumerate(parts)
        },
    }
    return json.dumps(report, ensure_ascii=False, indent=2).encode()


@dataclass(frozen=True, slots=True)
class _Clock:
    """The time that one database took."""

    start: datetime
    length: timedelta

    def of(self, step: str) -> tuple[datetime, datetime]:
        """When a step began and ended."""
        i = _STEPS.index(step)
        begun = _DONE[i - 1] if i else 0.0
        return self.start + self.length * begun, self.start + self.length * _DONE[i]


def _section_a(site: Site, part: Part, clock: _Clock) -> dict[str, Any]:
    steps = {step: _step_a(site, part, step, clock) for step in _STEPS}
    steps["TRANSFER"]["error_message"] = part.error
    for step, (sha256, size) in _sums(part).items():
        steps[step] |= {"sha256_checksum": sha256, "size": size}
    return {**steps, "staged_file_name": site.path_prefix + part.staged_file_name}


def _step_a(site: Site, part: Part, step: str, clock: _Clock) -> dict[str, Any]:
    begun, ended = clock.of(step)
    return {
        "status": part.went_well(step),
        "start_time": _written(site, begun),
        "end_time": _written(site, ended),
    }


def _section_b(site: Site, part: Part, clock: _Clock) -> dict[str, Any]:
    section: dict[str, Any] = {}
    for step in _STEPS:
        name, (begun, ended) = f"{step.lower()}_process", clock.of(step)
        section[name] = {
            "status": part.went_well(step),
            f"{name}_start_time": _written(site, begun),
            "timestamp": _written(site, ended),
        }
    for step, (sha256, size) in _sums(part).items():
        section[f"{step.lower()}_process"] |= {"sha256_checksum": sha256, "size_bytes": size}
    section["transfer_process"]["error_message"] = part.error
    section["staged_file_name"] = site.path_prefix + part.staged_file_name
    section["logs_summary"] = part.error or "dump ok; gzip ok; rsync ok"
    return section


def _sums(part: Part) -> dict[str, tuple[str | None, int | None]]:
    """Digest and size after BACKUP and after COMPRESS, as far as it came."""
    dump = part.dump
    return {
        "BACKUP": (dump.raw_sha256, dump.raw_size) if part.went_well("BACKUP") else (None, None),
        "COMPRESS": (dump.sha256, dump.size) if part.went_well("COMPRESS") else (None, None),
    }


def _written(site: Site, moment: datetime) -> str:
    """A time as the site's agent writes it."""
    moment = moment.replace(microsecond=0)
    if site.times is Times.UTC:
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    local = moment.astimezone(ZoneInfo(site.company.timezone))
    return (local.replace(tzinfo=None) if site.times is Times.NAIVE else local).isoformat()
