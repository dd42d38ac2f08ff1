"""Whether all clocks tell the same time, and whether anything sets this host's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from backupmon.core.findings import Level
from backupmon.core.phrases import phrase
from backupmon.core.words import to_translate
from backupmon.extensions import db
from backupmon.queue import QueueDownError, answering
from backupmon.services.background import queue_of
from backupmon.services.doctor.asking import sqlite_file
from backupmon.services.doctor.checks import Check, good, warning
from backupmon.services.doctor.kernel_clock import clock_is_set
from backupmon.services.doctor.patient import Patient

_NAME = to_translate("clock")
_NOTICEABLE, _HARMFUL = timedelta(seconds=5), timedelta(seconds=60)

#: Whose clock, what it told, and this host's before and after.
_Reading = tuple[str, datetime, datetime, datetime]


def clock_is_kept(patient: Patient) -> Iterator[Check]:
    """Whether anything keeps this host's clock right."""
    kept = clock_is_set()
    if kept is None:
        yield good(
            _NAME, phrase("the kernel does not tell whether anything sets this host's clock")
        )
    elif kept:
        yield good(_NAME, phrase("this host's clock is synchronised"))
    else:
        yield warning(
            _NAME,
            phrase("the kernel says that nothing sets this host's clock"),
            phrase("run systemd-timesyncd, chrony or ntpd: deadlines are held against it"),
        )


def clocks_agree(patient: Patient) -> Iterator[Check]:
    """Hold the clocks of database, Redis and filesystems against this host's."""
    agreeing = []
    for whose, told, before, after in _readings(patient):
        check = judge_clock(whose, told, before, after)
        if check.level is Level.GOOD:
            agreeing.append(whose)
        else:
            yield check
    if agreeing:
        yield good(_NAME, phrase("this host's is that of %(others)s", others=", ".join(agreeing)))


def judge_clock(whose: str, told: datetime, before: datetime, after: datetime) -> Check:
    """Hold what a clock told against this host's before and after it was asked."""
    off = max(before - told, told - after, timedelta(0))
    if off <= _NOTICEABLE:
        return good(_NAME, phrase("%(whose)s: as this host's", whose=whose))
    return Check(
        _NAME,
        Level.BAD if off > _HARMFUL else Level.WARNING,
        phrase("%(whose)s: %(off)s behind this host's", whose=whose, off=off)
        if told < before
        else phrase("%(whose)s: %(off)s ahead of this host's", whose=whose, off=off),
        phrase("let both machines set their clocks from the same time servers"),
    )


def _readings(patient: Patient) -> Iterator[_Reading]:
    if sqlite_file(patient.settings) is None and patient.database_trouble is None:
        yield _asked("the database", _of_database)
    if not isinstance(patient.background, QueueDownError):
        yield _asked("Redis", lambda: _of_redis(patient))
    for name, tried in patient.roots.items():
        if tried.trial is not None:
            yield name, tried.trial.stamped_at, tried.trial.before, tried.trial.after


def _asked(whose: str, ask: Callable[[], datetime]) -> _Reading:
    before = datetime.now(UTC)
    told = ask()
    return whose, told, before, datetime.now(UTC)


def _of_database() -> datetime:
    moment = db.session.scalar(text("SELECT clock_timestamp()"))
    db.session.rollback()
    assert isinstance(moment, datetime)
    return moment


def _of_redis(patient: Patient) -> datetime:
    with answering():
        told: Any = queue_of(patient.settings).time()
    seconds, microseconds = told
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)
