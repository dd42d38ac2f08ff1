"""When a digest is due: a table, with the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from backupmon.core.digest_policy import (
    LONGEST,
    DigestWish,
    Rhythm,
    digest_due,
    gaps_between,
    looks_back_to,
    usual_interval,
)

PARIS = "Europe/Paris"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"2031-{text}").replace(tzinfo=UTC)


def wish(rhythm: Rhythm, time: str = "07:00", zone: str = "UTC") -> DigestWish:
    hour, minute = time.split(":")
    return DigestWish(rhythm, int(hour) * 60 + int(minute), zone)


DAILY, WEEKLY = Rhythm.DAILY, Rhythm.WEEKLY

#: What is wished, when the last one was entered, now, and which digest is due.
TABLE = {
    "not yet": (wish(DAILY), "03-03T07:00", "03-04T06:59", None),
    "on the minute": (wish(DAILY), "03-03T07:00", "03-04T07:00", "2031-03-04"),
    "seconds later": (wish(DAILY), "03-03T07:00", "03-04T07:00:30", "2031-03-04"),
    "some scans later": (wish(DAILY), "03-03T07:00", "03-04T09:10", "2031-03-04"),
    "done already": (wish(DAILY), "03-04T07:00", "03-04T23:59", None),
    "after ten days without scans: the newest only": (
        wish(DAILY), "03-03T07:00", "03-13T06:00", "2031-03-12"),
    "wanted since this morning: tomorrow": (wish(DAILY), "03-04T09:00", "03-04T18:00", None),
    "a day is that of the zone, west": (
        wish(DAILY, "22:00", "America/New_York"), "03-03T03:00", "03-05T03:00", "2031-03-04"),
    "a day is that of the zone, east": (
        wish(DAILY, "07:00", "Pacific/Auckland"), "03-02T18:00", "03-03T18:00", "2031-03-04"),
    "weekly, on Sunday": (wish(WEEKLY), "03-03T07:00", "03-09T23:00", None),
    "weekly, on Monday": (wish(WEEKLY), "03-03T07:00", "03-10T07:00", "2031-03-10"),
    "weekly, caught up on Wednesday": (wish(WEEKLY), "03-03T07:00", "03-12T12:00", "2031-03-10"),
    "weekly, after a month": (wish(WEEKLY), "03-03T07:00", "04-02T12:00", "2031-03-31"),
    "none": (wish(Rhythm.NONE), "03-03T07:00", "03-30T07:00", None),
    "usual alone says nothing": (wish(Rhythm.USUAL), "03-03T07:00", "03-30T07:00", None),
    # 30 March: 02:00 becomes 03:00 in Paris. 02:30 falls due when the gap ends, at 01:00 UTC.
    "skipped in spring, before the gap": (
        wish(DAILY, "02:30", PARIS), "03-29T02:00", "03-30T00:59", None),
    "skipped in spring, as the gap ends": (
        wish(DAILY, "02:30", PARIS), "03-29T02:00", "03-30T01:00", "2031-03-30"),
    "skipped in spring, once": (
        wish(DAILY, "02:30", PARIS), "03-30T01:00", "03-30T23:00", None),
    "summer has begun": (wish(DAILY, "07:00", PARIS), "03-29T06:00", "03-30T05:00", "2031-03-30"),
    # 26 October: 03:00 becomes 02:00. 02:30 is due the first time, at 00:30 UTC.
    "twice in autumn, the first": (
        wish(DAILY, "02:30", PARIS), "10-25T00:30", "10-26T00:30", "2031-10-26"),
    "twice in autumn, not the second": (
        wish(DAILY, "02:30", PARIS), "10-26T00:30", "10-26T01:30", None),
    "summer is over": (wish(DAILY, "07:00", PARIS), "10-25T05:00", "10-26T05:59", None),
    "summer is over, an hour later": (
        wish(DAILY, "07:00", PARIS), "10-25T05:00", "10-26T06:00", "2031-10-26"),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_a_digest_is_due_at_its_moment_and_once(case: str) -> None:
    wanted, last, now, due = TABLE[case]
    assert digest_due(wanted, utc(last), utc(now)) == due


def test_a_wish_that_changes_gets_no_second_digest_of_the_day() -> None:
    last = utc("03-03T07:00")
    assert digest_due(wish(DAILY, "18:00"), last, utc("03-03T18:00")) == "2031-03-03"
    assert digest_due(wish(WEEKLY, "06:00"), utc("03-02T00:00"), last) == "2031-03-03"


def test_in_a_year_of_scans_each_day_has_one_digest_in_every_zone() -> None:
    for zone in (PARIS, "Australia/Lord_Howe"):
        for time in ("02:30", "07:00"):
            last, names = utc("01-01T12:00"), []
            for hour in range(365 * 24):
                now = utc("01-01T12:00") + timedelta(hours=hour)
                if name := digest_due(wish(DAILY, time, zone), last, now):
                    names.append(name)
                    last = now
            days = [date.fromisoformat(name) for name in names]
            assert days == [days[0] + timedelta(days=n) for n in range(len(days))]
            assert len(days) in (364, 365)


@pytest.mark.parametrize(
    ("last", "rhythm", "since"),
    [
        ("03-09T07:00", DAILY, "03-09T07:00"),
        ("03-01T07:00", DAILY, "03-01T07:00"),
        (None, DAILY, "03-09T08:00"),
        (None, WEEKLY, "03-03T08:00"),
        # A clock that was set back.
        ("04-01T00:00", DAILY, "03-09T08:00"),
    ],
)
def test_a_digest_tells_of_all_since_the_last(last: str, rhythm: Rhythm, since: str) -> None:
    found = looks_back_to(utc(last) if last else None, rhythm, utc("03-10T08:00"))
    assert found == utc(since)


def test_a_digest_tells_of_five_weeks_at_the_most() -> None:
    now = utc("10-10T08:00")
    assert looks_back_to(utc("01-01T00:00"), WEEKLY, now) == now - LONGEST


QUARTER = timedelta(minutes=15)


def looks(*times: str) -> list[datetime]:
    return [utc(f"03-{time}") for time in times]


#: When somebody looked, and the gaps of the time from 3 March, 07:00, to 4 March, 07:00.
GAPS = {
    "all the time": ([utc("03-03T06:50") + n * QUARTER for n in range(98)], []),
    "one scan was missed": (
        [utc("03-03T07:00") + n * QUARTER for n in range(97) if n != 50], []),
    "from the beginning on": (
        [utc("03-03T12:00") + n * QUARTER for n in range(77)], [("03T07:00", "03T12:00")]),
    "since long before": (
        looks("01T20:00") + [utc("03-03T12:00") + n * QUARTER for n in range(77)],
        [("01T20:00", "03T12:00")]),
    "until now": (
        [utc("03-03T07:00") + n * QUARTER for n in range(41)], [("03T17:00", "04T07:00")]),
    "never": ([], [("03T07:00", "04T07:00")]),
    "an outage before that time is no news": (
        looks("01T20:00", "03T06:59") + [utc("03-03T07:10") + n * QUARTER for n in range(96)],
        []),
}  # fmt: skip


@pytest.mark.parametrize("case", GAPS)
def test_gaps_are_told_as_they_were(case: str) -> None:
    looked, expected = GAPS[case]
    found = gaps_between(looked, utc("03-03T07:00"), utc("03-04T07:00"), QUARTER)
    assert [(gap.since, gap.until) for gap in found] == [
        (utc(f"03-{since}"), utc(f"03-{until}")) for since, until in expected
    ]


def test_who_scans_by_a_cron_of_their_own_has_no_gaps_each_night() -> None:
    nightly = [utc("03-01T03:00") + timedelta(days=n) for n in range(8)]
    assert usual_interval(nightly, QUARTER) == timedelta(days=1)
    # An outage among scans that came often is none the less.
    often = [utc("03-01T00:00") + n * QUARTER for n in range(50)] + looks("05T00:00")
    assert usual_interval(often, QUARTER) == QUARTER
    # Two scans tell nothing, and what is set is the least.
    assert usual_interval(looks("01T00:00", "03T00:00"), QUARTER) == QUARTER
    assert usual_interval([utc("03-01T00:00")] * 9, QUARTER) == QUARTER
