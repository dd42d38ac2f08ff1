"""When what is to be told is told: back-off, gathering, reminders, and when it is too late.

All by the scan's clock. A time further ahead than any wait can be comes from a clock that
jumped, or from a trial with ``--as-of``; it holds nothing back.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from backupmon.core.alert_policy import Reminders

#: What has waited longer is no news any more, unless it still is so: it is listed, never sent.
EXPIRES_AFTER = timedelta(days=3)
#: A digest waits until the next weekly one takes its place.
DIGEST_EXPIRES_AFTER = timedelta(days=7)
#: Further news of the same agent waits for the next message, at most so long.
GATHER_FOR = timedelta(hours=1)
#: Between two tries of one message: at first, and at the longest.
FIRST_RETRY = timedelta(minutes=5)
LAST_RETRY = timedelta(hours=1)
_MOST_DOUBLINGS = 10
#: So often one message is handed over without an answer. A server that takes it each time and
#: hangs up has sent as many copies; one that took none of them will take no sixth either.
MOST_IN_DOUBT = 5

_REMIND_AFTER = {Reminders.DAILY: timedelta(days=1), Reminders.WEEKLY: timedelta(days=7)}


def retry_after(attempts: int) -> timedelta:
    """How long to wait after that many tries in vain: twice as long each time, up to an hour."""
    doublings = min(max(0, attempts - 1), _MOST_DOUBLINGS)
    return min(LAST_RETRY, FIRST_RETRY * (1 << doublings))


def retry_in_outage(attempts: int, scan_interval: timedelta) -> timedelta:
    """How long to wait while the server takes no mail at all: the next scan tries it again.

    Half the interval, since scans are not on the second.
    """
    return min(retry_after(attempts), scan_interval / 2)


def may_hand_over_again(doubts: int) -> bool:
    """Whether a message of which that many tries are in doubt is sent once more."""
    return doubts < MOST_IN_DOUBT


def may_try(next_try_at: datetime | None, now: datetime) -> bool:
    """Whether a message may be tried at `now`."""
    return next_try_at is None or not timedelta(0) < next_try_at - now <= LAST_RETRY


def is_held(last_sent_at: datetime | None, now: datetime) -> bool:
    """Whether news of an agent is gathered, since a message of the same kind has just gone out."""
    return last_sent_at is not None and timedelta(0) <= now - last_sent_at < GATHER_FOR


def reminder_due(reminders: Reminders, last_told_at: datetime, now: datetime) -> bool:
    """Whether it is time to say that the trouble lasts."""
    wait = _REMIND_AFTER.get(reminders)
    return wait is not None and not timedelta(0) <= now - last_told_at < wait
