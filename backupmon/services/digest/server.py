"""The server itself in a digest: whether it looked all the time, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select

from backupmon.config import Settings
from backupmon.core.alert_policy import AlertKind
from backupmon.core.alert_timing import GATHER_FOR
from backupmon.core.digest_policy import Gap, gaps_between, usual_interval
from backupmon.core.findings import Level
from backupmon.extensions import db
from backupmon.models import Alert, AlertMessage, AlertState, MessageState, ScanRun, ServerCondition
from backupmon.services.conditions import open_conditions
from backupmon.services.doctor.space import level_of
from backupmon.storage.filesystems import Room, room_at

#: How often scans come is told by those of so long before, too.
_USUALLY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Watch:
    """Whether somebody looked all the time of a period.

    Parameters
    ----------
    done, failed:
        Scans of all agents that ended well, and that did not.
    last:
        When the newest good one was; None where there was none at all.
    gaps:
        The times in which nobody looked.
    """

    done: int
    failed: int
    last: datetime | None
    gaps: Sequence[Gap]

    @property
    def unwatched(self) -> timedelta:
        """How long nobody looked, all in all."""
        return sum((gap.span for gap in self.gaps), timedelta(0))


@dataclass(frozen=True, slots=True)
class Space:
    """A filesystem: the roots that lie on it, and its room; `little` where that ends soon."""

    roots: tuple[str, ...]
    room: Room
    little: bool


@dataclass(frozen=True, slots=True)
class ServerState:
    """What is wrong with the server, and what it has left.

    Parameters
    ----------
    waiting:
        Alerts that have waited for longer than they are gathered.
    failing:
        Messages that were tried in vain and are tried again.
    """

    conditions: Sequence[ServerCondition]
    waiting: int
    failing: int
    spaces: Sequence[Space]


def watched(settings: Settings, since: datetime, until: datetime) -> Watch:
    """How scans went in the period; by the moment that each judged as of."""
    run = ScanRun
    before = (
        select(func.max(run.moment))
        .where(run.agent.is_(None), run.state == "done", run.moment <= since)
        .scalar_subquery()
    )
    query = (
        select(run.moment, run.state)
        .where(
            run.agent.is_(None),
            run.state != "running",
            run.moment <= until,
            or_(run.moment > since - _USUALLY, run.moment == before),
        )
        .order_by(run.moment, run.id)
    )
    runs = db.session.execute(query).all()
    looks = [moment for moment, state in runs if state == "done"]
    usual = usual_interval(looks, timedelta(minutes=settings.scanner_interval_minutes))
    # Before the very first scan nobody was to look.
    began = max(since, looks[0]) if looks else since
    return Watch(
        done=sum(look > since for look in looks),
        failed=sum(state != "done" and moment > since for moment, state in runs),
        last=looks[-1] if looks else None,
        gaps=gaps_between(looks, began, until, usual),
    )


def server_state(settings: Settings, now: datetime) -> ServerState:
    """What is wrong with it and what it has left, at `now`."""
    waiting = select(func.count()).where(
        Alert.state == AlertState.WAITING.value,
        Alert.message_id.is_(None),
        Alert.kind != AlertKind.DIGEST.value,
        # Those of the last hour are being gathered, or go out with this one.
        Alert.raised_at < now - GATHER_FOR,
    )
    unsent = (MessageState.OPEN.value, MessageState.HANDED_OVER.value)
    failing = select(func.count()).where(AlertMessage.state.in_(unsent), AlertMessage.attempts > 0)
    return ServerState(
        open_conditions(now),
        db.session.scalar(waiting) or 0,
        db.session.scalar(failing) or 0,
        _spaces(settings),
    )


def _spaces(settings: Settings) -> list[Space]:
    """The filesystems of the roots, each once; one that does not answer is a condition already."""
    rooms: dict[int, Room] = {}
    names: dict[int, list[str]] = {}
    for name, path in settings.roots().items():
        try:
            room = room_at(path)
        except OSError:
            continue
        rooms.setdefault(room.device, room)
        names.setdefault(room.device, []).append(name)
    return [
        Space(tuple(names[device]), room, level_of(room) is not Level.GOOD)
        for device, room in rooms.items()
    ]
