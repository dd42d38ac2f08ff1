"""Whether scans go on, and what they met."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from backupmon.core.words import human_span, human_time
from backupmon.extensions import db
from backupmon.models import ScanRun
from backupmon.services.background_status import DOWN
from backupmon.services.conditions import open_conditions
from backupmon.services.doctor.checks import Check, bad, good, warning
from backupmon.services.doctor.patient import Patient
from backupmon.services.readiness import last_scan_at, scans_stopped

_LAST = "last scan"
_CONDITIONS = "server conditions"
_HINT = "start the server with flask up, or run flask scan"
#: More are only counted.
_MOST = 20
#: A scan cannot lie ahead; clocks of two hosts may differ by so much.
_SLACK = timedelta(minutes=1)


def scans_go_on(patient: Patient) -> Iterator[Check]:
    """When the last scan of all agents was, and how it ended."""
    if not patient.has_tables:
        return
    newest, last = _newest(), last_scan_at()
    db.session.rollback()
    if newest is None:
        yield warning(_LAST, "there was none yet", _HINT)
        return
    if newest.state == "failed":
        yield bad(
            _LAST,
            f"failed at {human_time(newest.started_at)}: {newest.error or 'the log tells why'}",
            "mend what it says; the next scan goes on from there",
        )
    yield _how_old(patient, last, newest)


def _newest() -> ScanRun | None:
    query = select(ScanRun).where(ScanRun.agent.is_(None)).order_by(ScanRun.id.desc())
    return db.session.scalars(query.limit(1)).first()


def _how_old(patient: Patient, last: datetime | None, newest: ScanRun) -> Check:
    told = f"{_ago(last, patient.now)}" if last else "none has come to its end yet"
    if last is not None and last > patient.now + _SLACK:
        return warning(
            _LAST, f"is dated {human_time(last)}, which lies ahead", "check the clock of the server"
        )
    if not scans_stopped(patient.settings, last, patient.now):
        return good(_LAST, told)
    if newest.state == "running" and _may_run(newest):
        since = human_span(patient.now - newest.started_at)
        return good(_LAST, f"{told}; one has been going on for {since}")
    return bad(_LAST, f"{told}: two intervals went by without one", _HINT)


def _ago(moment: datetime, now: datetime) -> str:
    return f"{human_span(now - moment) or '0 s'} ago, at {human_time(moment)}"


def _may_run(run: ScanRun) -> bool:
    """Whether its process lives, as far as can be told from here."""
    return run.host != socket.gethostname() or Path(f"/proc/{run.pid}").exists()


def no_condition_is_open(patient: Patient) -> Iterator[Check]:
    """What scans and workers met that is wrong with the server itself."""
    if not patient.has_tables:
        return
    # Whether the queue answers has just been tried.
    found = [c for c in open_conditions(patient.now) if c.code != DOWN]
    db.session.rollback()
    for condition in found[:_MOST]:
        since = human_time(condition.started_at)
        yield bad(condition.code, f"{condition.message} (since {since})", condition.hint)
    if len(found) > _MOST:
        yield bad(_CONDITIONS, f"and {len(found) - _MOST} more", "flask scan tells all of them")
    if not found:
        yield good(_CONDITIONS, "none is open")
