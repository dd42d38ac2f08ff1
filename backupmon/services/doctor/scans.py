"""Whether scans go on, and what they met."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from backupmon.core.phrases import Kept, Phrase, in_english, phrase
from backupmon.core.words import to_translate
from backupmon.extensions import db
from backupmon.models import ScanRun
from backupmon.services.background_status import DOWN
from backupmon.services.conditions import open_conditions
from backupmon.services.doctor.checks import Check, bad, good, warning
from backupmon.services.doctor.patient import Patient
from backupmon.services.readiness import last_scan_at, scans_stopped

_LAST = to_translate("last scan")
_CONDITIONS = to_translate("server conditions")
_HINT = phrase("start the server with flask up, or run flask scan")
_LOG_TELLS = in_english(phrase("the log tells why"))
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
        yield warning(_LAST, phrase("there was none yet"), _HINT)
        return
    if newest.state == "failed":
        yield bad(
            _LAST,
            phrase(
                "failed at %(time)s: %(error)s",
                time=newest.started_at,
                error=Kept(newest.error or _LOG_TELLS),
            ),
            phrase("mend what it says; the next scan goes on from there"),
        )
    yield _how_old(patient, last, newest)


def _newest() -> ScanRun | None:
    query = select(ScanRun).where(ScanRun.agent.is_(None)).order_by(ScanRun.id.desc())
    return db.session.scalars(query.limit(1)).first()


def _how_old(patient: Patient, last: datetime | None, newest: ScanRun) -> Check:
    told = _ago(last, patient.now) if last else phrase("none has come to its end yet")
    if last is not None and last > patient.now + _SLACK:
        return warning(
            _LAST,
            phrase("is dated %(time)s, which lies ahead", time=last),
            phrase("check the clock of the server"),
        )
    if not scans_stopped(patient.settings, last, patient.now):
        return good(_LAST, told)
    if newest.state == "running" and _may_run(newest):
        since = patient.now - newest.started_at
        return good(
            _LAST,
            phrase("%(last)s; one has been going on for %(span)s", last=told, span=since),
        )
    return bad(_LAST, phrase("%(last)s: two intervals went by without one", last=told), _HINT)


def _ago(moment: datetime, now: datetime) -> Phrase:
    return phrase("%(span)s ago, at %(time)s", span=now - moment, time=moment)


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
        told = phrase(
            "%(what)s (since %(since)s)",
            what=Kept(condition.message),
            since=condition.started_at,
        )
        yield bad(condition.code, told, condition.hint)
    if len(found) > _MOST:
        yield bad(
            _CONDITIONS,
            phrase("and %(number)s besides these", number=len(found) - _MOST),
            phrase("flask scan tells all of them"),
        )
    if not found:
        yield good(_CONDITIONS, phrase("none is open"))
