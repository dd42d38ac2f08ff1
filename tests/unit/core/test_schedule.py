"""Cycles: due times across clock changes, windows that never overlap, what was missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backupmon.core.errors import ScheduleError
from backupmon.core.schedule import Cycle, Schedule, check_schedule

CRONS = (
    "0 2 * * *",
    "30 2 * * *",
    "0 2,3 * * *",
    "0,30 2,3 * * *",
    "0 3,15 * * *",
    "5 0 * * *",
    "59 23 * * *",
    "*/15 * * * *",
    "0 */2 * * *",
    "*/5 3 * * *",
    "*/20 0 * * 1",
    "* * * * *",
    "0-59 0-23 * * *",
    "0 12 * * MON-FRI",
    "15 1 L * *",
    "0 22 * * 5L",
    "30 4 13 * 5",
    "0 0 29 2 *",
)
ZONES = (
    "UTC",
    "Europe/Paris",
    "Africa/Douala",
    "Africa/Casablanca",
    "America/Havana",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Pacific/Apia",
)
#: Nights on which some zone above changed its clocks, or skipped a day.
CHANGES = (
    "2011-12-30T10:00",
    "2017-10-15T03:00",
    "2018-02-18T02:00",
    "2022-03-21T20:30",
    "2022-09-21T19:30",
    "2009-11-01T02:31",
    "2025-10-04T15:30",
    "2026-04-04T15:00",
    "2026-03-29T01:00",
    "2026-10-25T01:00",
    "2026-03-08T05:00",
    "2026-11-01T05:00",
)

any_moment = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)
near_a_change = st.builds(
    lambda change, minutes: at(change) + timedelta(minutes=minutes),
    st.sampled_from(CHANGES),
    st.integers(-3000, 3000),
)
moments = st.one_of(any_moment, near_a_change)
minutes = st.one_of(st.sampled_from((0, 1, 30, 60, 1440, 525_600)), st.integers(0, 5000))
schedules = st.builds(Schedule, st.sampled_from(CRONS), st.sampled_from(ZONES), minutes, minutes)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def dues(cron: str, zone: str, begin: str, end: str) -> list[str]:
    """The due times after `begin` and up to `end`, as ``day hour:minute`` in UTC."""
    schedule, found = Schedule(cron, zone, 0, 0), []
    cycle = schedule.next_cycle(at(begin))
    while cycle.due <= at(end):
        found.append(f"{cycle.due:%d %H:%M}")
        cycle = schedule.next_cycle(cycle.due)
    return found


class TestClockChanges:
    @pytest.mark.parametrize(
        ("cron", "expected"),
        [
            pytest.param("30 1 * * *", ["29 00:30"], id="before the gap"),
            pytest.param("0 2 * * *", ["29 01:00"], id="at the gap's beginning"),
            pytest.param("30 2 * * *", ["29 01:00"], id="in the gap: due when it is over"),
            pytest.param("0 3 * * *", ["29 01:00"], id="at the gap's end"),
            pytest.param("30 3 * * *", ["29 01:30"], id="after the gap"),
            pytest.param("0 2,3 * * *", ["29 01:00"], id="two times become one"),
            pytest.param("0,30 2,3 * * *", ["29 01:00", "29 01:30"], id="four times become two"),
            pytest.param(
                "*/30 * * * *",
                ["29 00:00", "29 00:30", "29 01:00", "29 01:30"],
                id="an interval just goes on",
            ),
            pytest.param("0 * * * *", ["29 00:00", "29 01:00"], id="hourly, no hour doubled"),
            pytest.param("*/30 2 * * *", [], id="an interval within the gap is skipped"),
        ],
    )
    def test_the_spring_night_in_paris(self, cron: str, expected: list[str]) -> None:
        assert dues(cron, "Europe/Paris", "2026-03-28T23:45", "2026-03-29T01:45") == expected

    @pytest.mark.parametrize(
        ("cron", "expected"),
        [
            pytest.param("30 1 * * *", ["24 23:30"], id="before the hour that comes twice"),
            pytest.param("0 2 * * *", ["25 00:00"], id="at its beginning: the first time only"),
            pytest.param("30 2 * * *", ["25 00:30"], id="within it: the first time only"),
            pytest.param("0 3 * * *", ["25 02:00"], id="after it"),
            pytest.param("0,30 2,3 * * *", ["25 00:00", "25 00:30", "25 02:00"], id="four times"),
            pytest.param(
                "0 * * * *", ["25 00:00", "25 01:00", "25 02:00"], id="an interval just goes on"
            ),
            pytest.param(
                "*/30 2 * * *",
                ["25 00:00", "25 00:30", "25 01:00", "25 01:30"],
                id="an interval within it comes twice",
            ),
        ],
    )
    def test_the_autumn_night_in_paris(self, cron: str, expected: list[str]) -> None:
        assert dues(cron, "Europe/Paris", "2026-10-24T23:15", "2026-10-25T02:15") == expected

    @pytest.mark.parametrize(
        ("cron", "zone", "begin", "end", "expected"),
        [
            pytest.param(
                "0 0 * * *",
                "America/Sao_Paulo",
                "2017-10-14T04:00",
                "2017-10-16T04:00",
                ["15 03:00", "16 02:00"],
                id="midnight is skipped",
            ),
            pytest.param(
                "30 23 * * *",
                "America/Sao_Paulo",
                "2018-02-17T04:00",
                "2018-02-19T04:00",
                ["18 01:30", "19 02:30"],
                id="the hour before midnight comes twice",
            ),
            pytest.param(
                "*/30 3 * * *",
                "Australia/Lord_Howe",
                "2025-10-04T14:00",
                "2025-10-04T18:00",
                ["04 16:00", "04 16:30"],
                id="a shift of half an hour",
            ),
            pytest.param(
                "30 2 * * *",
                "Pacific/Apia",
                "2011-12-29T00:00",
                "2012-01-01T00:00",
                ["29 12:30", "30 10:00", "30 12:30", "31 12:30"],
                id="a whole day is skipped",
            ),
            pytest.param(
                "30 0 * * *",
                "Asia/Tehran",
                "2022-03-20T00:00",
                "2022-03-23T00:00",
                ["20 21:00", "21 20:30", "22 20:00"],
                id="offsets with half an hour",
            ),
            pytest.param(
                "0 0,23 * * *",
                "America/St_Johns",
                "2009-10-31T12:00",
                "2009-11-02T03:00",
                ["01 01:30", "01 02:30", "02 02:30"],
                id="clocks set back over midnight",
            ),
        ],
    )
    def test_nights_elsewhere(
        self, cron: str, zone: str, begin: str, end: str, expected: list[str]
    ) -> None:
        assert dues(cron, zone, begin, end) == expected

    def test_a_zone_without_changes_is_regular(self) -> None:
        schedule = Schedule("0 2 * * *", "Africa/Douala", 0, 0)
        cycle = schedule.next_cycle(at("2026-01-01"))
        for _ in range(365):
            following = schedule.next_cycle(cycle.due)
            assert following.due - cycle.due == timedelta(days=1)
            cycle = following

    def test_a_moment_in_the_repeated_hour_never_leads_backwards(self) -> None:
        """02:40 for the second time: 02:50 has been, and is not due again."""
        schedule = Schedule("50 2 * * *", "Europe/Paris", 0, 0)
        assert schedule.next_cycle(at("2026-10-25T01:40")).due == at("2026-10-26T01:50")


class TestWindows:
    def test_a_plain_cycle(self) -> None:
        schedule = Schedule("0 2 * * *", "Europe/Paris", 45, 20)
        assert schedule.next_cycle(at("2026-01-10T12:00")) == Cycle(
            at("2026-01-11T01:00"), at("2026-01-11T00:40"), at("2026-01-11T01:45")
        )

    def test_next_is_strictly_after(self) -> None:
        schedule = Schedule("0 2 * * *", "UTC", 30, 30)
        due = at("2026-01-11T02:00")
        assert schedule.next_cycle(due).due == at("2026-01-12T02:00")
        assert schedule.next_cycle(due - timedelta(microseconds=1)).due == due

    def test_previous_is_strictly_before(self) -> None:
        schedule = Schedule("0 2 * * *", "UTC", 30, 30)
        due = at("2026-01-11T02:00")
        earlier, same = schedule.previous(due), schedule.previous(due + timedelta(microseconds=1))
        assert earlier is not None
        assert earlier.due == at("2026-01-10T02:00")
        assert same is not None
        assert same.due == due

    def test_two_runs_a_day_each_have_their_window(self) -> None:
        schedule = Schedule("0 3,15 * * *", "UTC", 60, 60)
        for moment, due in (
            ("2026-01-11T02:00", "2026-01-11T03:00"),
            ("2026-01-11T13:59", "2026-01-11T03:00"),
            ("2026-01-11T14:00", "2026-01-11T15:00"),
            ("2026-01-12T01:59", "2026-01-11T15:00"),
        ):
            cycle = schedule.cycle_of(at(moment))
            assert cycle is not None
            assert cycle.due == at(due)

    def test_a_grace_longer_than_the_period_ends_when_the_next_is_due(self) -> None:
        cycle = Schedule("0 * * * *", "UTC", 600, 600).next_cycle(at("2026-01-11T02:30"))
        assert cycle == Cycle(
            at("2026-01-11T03:00"), at("2026-01-11T03:00"), at("2026-01-11T04:00")
        )

    def test_an_early_time_longer_than_the_period_opens_at_the_previous_deadline(self) -> None:
        cycle = Schedule("0 * * * *", "UTC", 10, 600).next_cycle(at("2026-01-11T02:30"))
        assert cycle.opens == at("2026-01-11T02:10")

    def test_grace_is_real_time_over_a_clock_change(self) -> None:
        cycle = Schedule("30 1 * * *", "Europe/Paris", 60, 0).next_cycle(at("2026-03-28T12:00"))
        assert cycle.deadline - cycle.due == timedelta(minutes=60)

    def test_a_moment_may_be_in_any_zone(self) -> None:
        schedule = Schedule("0 2 * * *", "Europe/Paris", 30, 30)
        moment = datetime.fromisoformat("2026-01-11T09:00+09:00")
        assert schedule.next_cycle(moment).due == at("2026-01-11T01:00")
        assert schedule.cycle_at(moment).due.tzinfo is UTC

    def test_a_due_time_of_an_older_schedule_still_makes_a_cycle(self) -> None:
        cycle = Schedule("0 2 * * *", "UTC", 30, 600).cycle_at(at("2026-01-11T01:45"))
        assert cycle == Cycle(
            at("2026-01-11T01:45"), at("2026-01-10T15:45"), at("2026-01-11T02:00")
        )

    def test_the_29th_of_february_is_found_over_a_century_without_one(self) -> None:
        cycle = Schedule("0 0 29 2 *", "UTC", 0, 0).next_cycle(at("2096-03-01"))
        assert cycle.due == at("2104-02-29")

    @pytest.mark.parametrize("year", [2000, 9998])
    @pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Etc/GMT+12"])
    def test_the_ends_of_the_calendar(self, year: int, zone: str) -> None:
        schedule = Schedule("30 2 * * *", zone, 525_600, 525_600)
        for moment in (at(f"{year}-01-01"), at(f"{year}-12-30T12:00")):
            assert schedule.next_cycle(moment).due > moment
            assert schedule.cycle_of(moment) is not None
            assert schedule.previous(moment) is not None

    def test_reports_from_impossible_years(self) -> None:
        schedule = Schedule("0 2 * * *", "Europe/Paris", 30, 30)
        assert schedule.cycle_of(datetime.min.replace(tzinfo=UTC)) is None
        last = schedule.cycle_of(datetime.max.replace(tzinfo=UTC))
        assert last is not None
        assert last.due == at("9998-12-31T01:00")
        with pytest.raises(ScheduleError, match="not due again"):
            schedule.next_cycle(last.due)


class TestMissed:
    SCHEDULE = Schedule("0 2 * * *", "UTC", 30, 30)

    def test_three_days_of_outage_oldest_first(self) -> None:
        cycles, left_out = self.SCHEDULE.missed(at("2026-01-10T02:00"), at("2026-01-12T09:00"))
        assert [cycle.due.day for cycle in cycles] == [10, 11, 12]
        assert left_out == 0

    @pytest.mark.parametrize(
        ("now", "days"),
        [
            ("2026-01-10T02:00", []),
            ("2026-01-10T02:30", []),
            ("2026-01-10T02:30:01", [10]),
            ("2026-01-11T02:30", [10]),
        ],
    )
    def test_a_cycle_is_missed_once_its_deadline_is_past(self, now: str, days: list[int]) -> None:
        cycles, _ = self.SCHEDULE.missed(at("2026-01-10T02:00"), at(now))
        assert [cycle.due.day for cycle in cycles] == days

    def test_only_the_newest_are_kept_and_the_rest_counted(self) -> None:
        cycles, left_out = self.SCHEDULE.missed(at("2026-01-01"), at("2026-03-01"), limit=31)
        assert (len(cycles), left_out) == (31, 28)
        assert cycles[-1].due == at("2026-02-28T02:00")

    def test_a_year_of_every_minute_is_counted_exactly(self) -> None:
        schedule = Schedule("* * * * *", "Europe/Paris", 0, 0)
        cycles, left_out = schedule.missed(at("2025-01-01"), at("2026-01-01"))
        assert len(cycles) + left_out == 365 * 24 * 60

    def test_nothing_is_missed_before_it_is_due(self) -> None:
        assert self.SCHEDULE.missed(at("2026-02-01"), at("2026-01-01")) == ([], 0)

    @given(schedules, moments, st.integers(0, 400), st.integers(0, 5))
    @settings(deadline=None)
    def test_kept_and_left_out_make_up_all(
        self, schedule: Schedule, first: datetime, hours: int, limit: int
    ) -> None:
        now = first + timedelta(hours=hours / 10)
        expected = []
        cycle = schedule.next_cycle(first - timedelta(microseconds=1))
        while cycle.deadline < now:
            expected.append(cycle)
            cycle = schedule.next_cycle(cycle.due)
        kept, left_out = schedule.missed(first, now, limit)
        assert kept == expected[left_out:]
        assert len(kept) == min(limit, len(expected))


class TestProperties:
    @given(schedules, moments)
    @settings(deadline=None, max_examples=300)
    def test_due_times_never_run_backwards_and_windows_never_overlap(
        self, schedule: Schedule, moment: datetime
    ) -> None:
        cycles = [schedule.next_cycle(moment)]
        for _ in range(8):
            cycles.append(schedule.next_cycle(cycles[-1].due))
        for cycle in cycles:
            assert cycle.opens <= cycle.due <= cycle.deadline
        for one, following in pairwise(cycles):
            assert one.due < following.due
            assert one.deadline <= following.opens

    @given(schedules, moments)
    @settings(deadline=None, max_examples=300)
    def test_looking_back_agrees_with_looking_forward(
        self, schedule: Schedule, moment: datetime
    ) -> None:
        cycle = schedule.next_cycle(moment)
        before = schedule.previous(cycle.due)
        assert before is not None
        assert before.due <= moment
        assert schedule.next_cycle(before.due) == cycle
        assert schedule.previous(cycle.due + timedelta(seconds=1)) == cycle
        assert schedule.cycle_at(cycle.due) == cycle

    @given(schedules, moments)
    @settings(deadline=None, max_examples=300)
    def test_a_report_belongs_to_the_last_cycle_that_is_open(
        self, schedule: Schedule, moment: datetime
    ) -> None:
        cycle = schedule.cycle_of(moment)
        assert cycle is not None
        assert cycle.opens <= moment < schedule.next_cycle(cycle.due).opens
        for own in (cycle.opens, cycle.due):
            assert schedule.cycle_of(own) in (cycle, schedule.next_cycle(cycle.due))

    @given(schedules, moments)
    @settings(deadline=None)
    def test_where_one_starts_to_look_changes_nothing(
        self, schedule: Schedule, moment: datetime
    ) -> None:
        """Stepping there from two days before meets the same due time."""
        cycle = schedule.next_cycle(moment - timedelta(hours=6))
        while cycle.due <= moment:
            cycle = schedule.next_cycle(cycle.due)
        assert cycle == schedule.next_cycle(moment)

    @given(st.text(max_size=30))
    def test_any_text_is_a_schedule_or_refused(self, text: str) -> None:
        try:
            check_schedule(text, "UTC")
        except ScheduleError:
            return
        Schedule(text, "UTC", 0, 0).next_cycle(at("2026-01-01"))

    @given(
        st.lists(st.text("0123456789*/,-#LW", min_size=1, max_size=6), min_size=5, max_size=5).map(
            " ".join
        )
    )
    @settings(deadline=None, max_examples=300)
    def test_what_looks_like_cron_is_a_schedule_or_refused(self, cron: str) -> None:
        try:
            check_schedule(cron, "Europe/Paris")
        except ScheduleError:
            return
        schedule = Schedule(cron, "Europe/Paris", 0, 0)
        due = schedule.next_cycle(at("2026-01-01")).due
        assert schedule.previous(schedule.next_cycle(due).due) == schedule.cycle_at(due)


class TestRefusals:
    @pytest.mark.parametrize(
        ("cron", "message"),
        [
            ("", "is empty"),
            ("  \t ", "is empty"),
            ("@daily", "nickname"),
            ("@reboot", "nickname"),
            ("0 2 * *", "has 4 fields"),
            ("2", "has 1 field,"),
            ("0 0 2 * * *", "has 6 fields"),
            ("60 2 * * *", "bad minute"),
            ("0 24 * * *", "bad hour"),
            ("0 2 32 * *", "bad day-of-month"),
            ("0 2 * 13 *", "bad month"),
            ("0 2 * * 8", "bad day-of-week"),
            ("0 2 30 13 *", "bad month"),
            ("*/0 2 * * *", "bad minute"),
            ("9" * 190 + " 2 * * *", "bad minute"),
            ("0," * 200 + "0 2 * * *", "longer than"),
            ("٣ 2 * * *", "characters"),
            ("0 2 * * ſun", "characters"),
            ("0 2 * * \x00", "characters"),
            ("0 0 30 2 *", "never occurs"),
            ("0 0 31 4,6,9,11 *", "never occurs"),
            ("0 0 */20 2 MON#5", "never occurs"),
        ],
    )
    def test_an_expression_is_refused_with_the_reason(self, cron: str, message: str) -> None:
        with pytest.raises(ScheduleError, match=message) as caught:
            check_schedule(cron, "UTC")
        assert caught.value.hint

    def test_a_nickname_is_told_its_five_fields(self) -> None:
        with pytest.raises(ScheduleError, match=r'write "0 0 \* \* \*" instead'):
            check_schedule("@Daily", "UTC")

    @pytest.mark.parametrize(
        "zone",
        [
            "",
            "Mars/Phobos",
            "America",
            "europe/paris",
            "/etc/localtime",
            "../UTC",
            "Europe/../UTC",
            "right/UTC",
            "posix/UTC",
            "localtime",
            "Factory",
            "UTC\x00",
            "\ud800",
            "x" * 100_000,
            "+02:00",
        ],
    )
    def test_a_zone_is_refused_with_examples(self, zone: str) -> None:
        with pytest.raises(ScheduleError, match="there is no time zone") as caught:
            check_schedule("0 2 * * *", zone)
        assert caught.value.hint.startswith(("did you mean", "give an IANA name"))
        assert len(str(caught.value)) < 300

    @pytest.mark.parametrize(
        ("zone", "meant"),
        [("europe/paris", "Europe/Paris"), ("Africa/Duala", "Africa/Douala")],
    )
    def test_a_zone_almost_right_is_told_the_right_one(self, zone: str, meant: str) -> None:
        with pytest.raises(ScheduleError, match=f"did you mean {meant}"):
            check_schedule("0 2 * * *", zone)

    @pytest.mark.parametrize("minutes", [-1, 525_601, 10**400])
    def test_minutes_out_of_range_are_refused(self, minutes: int) -> None:
        with pytest.raises(ScheduleError, match="grace minutes are out of range"):
            Schedule("0 2 * * *", "UTC", minutes, 0)
        with pytest.raises(ScheduleError, match="early minutes are out of range"):
            Schedule("0 2 * * *", "UTC", 0, minutes)
