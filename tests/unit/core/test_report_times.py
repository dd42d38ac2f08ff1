from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from backupmon.core.faults import told
from backupmon.core.report_times import Clock, NotATimeError, clock_problem, parse_time

PARIS = ZoneInfo("Europe/Paris")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2025-06-12T12:56:06Z", "2025-06-12T12:56:06+00:00"),
        ("2025-06-12t12:56:06z", "2025-06-12T12:56:06+00:00"),
        ("  2025-06-12 12:56:06.5+02:00\n", "2025-06-12T10:56:06.500000+00:00"),
        ("20250612T125606Z", "2025-06-12T12:56:06+00:00"),
        ("2025-06-12T12:56:06,123456789+0530", "2025-06-12T07:26:06.123456+00:00"),
        ("2025-06-12T12:56-03", "2025-06-12T15:56:00+00:00"),
        ("2025-W24-4T12:56:06Z", "2025-06-12T12:56:06+00:00"),
    ],
)
def test_every_form_of_iso_8601_is_read(text: str, meant: str) -> None:
    settled = Clock(at("2025-06-12T13:00:00Z")).settle(parse_time(text))
    assert settled.moment.isoformat() == meant
    assert settled.zone is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "is not a string"),
        (True, "is not a string"),
        (1749733566, "is not a string"),
        (["2025-06-12T12:56:06Z"], "is not a string"),
        ("2025-06-12", "has no time of day"),
        ("20250612", "has no time of day"),
        ("", "is not a time"),
        ("2025-06-12x12:56:06", "is not a time"),
        ("2025-06-12\ud80012:56:06", "is not a time"),
        ("2025-02-30T12:00:00Z", "is not a time"),
        ("12/06/2025 12:56", "is not a time"),
        ("٢٠٢٥-06-12T12:56:06Z", "is not a time"),
        ("2025-06-12T12:56:06+99:00", "is not a time"),
        ("2025-06-12T12:56:06." + "1" * 1_000_000, "is not a time"),
    ],
    ids=lambda value: str(value)[:20].encode("ascii", "replace").decode(),
)
def test_what_is_no_time_is_refused_with_the_reason(value: object, words: str) -> None:
    with pytest.raises(NotATimeError, match=words):
        parse_time(value)


@pytest.mark.parametrize(
    ("landed", "meant", "zone"),
    [
        ("2025-06-12T10:01:00Z", "2025-06-12T10:00:00Z", PARIS),
        ("2025-06-12T12:01:00Z", "2025-06-12T12:00:00Z", UTC),
        ("2025-06-12T11:00:00Z", "2025-06-12T12:00:00Z", UTC),
    ],
    ids=["nearer to Paris", "nearer to UTC", "as near to both"],
)
def test_a_naive_time_is_read_as_the_nearest_to_the_landing(
    landed: str, meant: str, zone: object
) -> None:
    settled = Clock(at(landed), (UTC, PARIS)).settle(at("2025-06-12T12:00:00"))
    assert (settled.moment, settled.zone) == (at(meant), zone)


@pytest.mark.parametrize(
    ("naive", "landed", "meant"),
    [
        ("2025-10-26T02:30:00", "2025-10-26T00:31:00Z", "2025-10-26T00:30:00Z"),
        ("2025-10-26T02:30:00", "2025-10-26T01:31:00Z", "2025-10-26T01:30:00Z"),
        ("2025-03-30T02:30:00", "2025-03-30T00:31:00Z", "2025-03-30T00:30:00Z"),
    ],
    ids=["autumn, the first time", "autumn, the second time", "spring, never shown"],
)
def test_a_naive_time_in_a_dst_night_is_read(naive: str, landed: str, meant: str) -> None:
    assert Clock(at(landed), (PARIS,)).settle(at(naive)).moment == at(meant)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59"])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_a_naive_time_at_the_edge_of_the_calendar_is_read(text: str, zone: str) -> None:
    clock = Clock(at("2025-06-12T10:00:00Z"), (ZoneInfo(zone),))
    assert clock.settle(at(text)).moment.year in (1, 9998, 9999)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_an_offset_that_leaves_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(NotATimeError, match="outside the calendar"):
        Clock(at("2025-06-12T10:00:00Z")).settle(at(text))


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2025-06-12T12:10:00Z", None),
        ("2025-06-12T12:11:00Z", "is 11 min in the future: clock ahead"),
        ("2025-06-12T15:05:00Z", "is 3 h 5 min in the future: clock ahead"),
        ("2025-06-14T13:00:00Z", "is 2 d 1 h in the future: clock ahead"),
        ("2000-01-01T00:00:00Z", None),
        ("1999-12-31T23:59:59Z", "says the year 1999: clock not set"),
    ],
)
def test_an_end_is_believed_from_2000_to_ten_minutes_ahead(moment: str, words: str | None) -> None:
    problem = clock_problem(at(moment), at("2025-06-12T12:00:00Z"))
    assert not problem if words is None else told(problem).startswith(words)
