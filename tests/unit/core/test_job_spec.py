"""Reading a job from strings and JSON values, every fault told at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backupmon.core.alert_policy import AlertWhen, Reminders
from backupmon.core.job_fields import split_recipients
from backupmon.core.job_spec import (
    EDITABLE,
    REQUIRED,
    ContentPolicy,
    JobDefaults,
    JobSpec,
    PromotionMode,
    agent_key,
    check_job,
)

LEAST = {
    "company_name": "Acme",
    "city": "Lyon",
    "database_name": "shop",
    "agent_id_responsible": "lyon-01",
    "schedule": "30 2 * * *",
}


def accepted(**changed: object) -> JobSpec:
    spec, faults = check_job({**LEAST, **changed})
    assert faults == ()
    assert spec is not None
    return spec


def only_fault(**changed: object) -> tuple[str, str, str]:
    spec, faults = check_job({**LEAST, **changed})
    assert spec is None
    assert len(faults) == 1
    return faults[0].field, faults[0].problem, faults[0].hint


class TestAccepted:
    def test_the_required_fields_are_enough(self) -> None:
        assert accepted() == JobSpec(
            year=None,
            company_name="Acme",
            city="Lyon",
            neighborhood=None,
            database_name="shop",
            agent_id_responsible="lyon-01",
            schedule="30 2 * * *",
            timezone="UTC",
            grace_minutes=30,
            early_minutes=30,
            content_policy=ContentPolicy.MUST_CHANGE,
            agent_deposit_path_template="{agent_id}/databases/{staged_file_name}",
            agent_log_deposit_path_template="{agent_id}/log",
            final_storage_path_template=(
                "{year}/{company_name}/{city}/{neighborhood}/{database_name}/{staged_file_name}"
            ),
            promotion_mode=PromotionMode.MOVE,
            notification_recipients=None,
            alert_when=AlertWhen.EVERY_CYCLE,
            alert_reminders=Reminders.NONE,
            is_active=True,
            paused_until=None,
        )

    def test_the_settings_give_the_defaults(self) -> None:
        spec, _ = check_job(LEAST, JobDefaults("Europe/Paris", 10, 20))
        assert spec is not None
        assert (spec.timezone, spec.grace_minutes, spec.early_minutes) == ("Europe/Paris", 10, 20)

    @pytest.mark.parametrize("nothing", [None, "", "  \t"], ids=repr)
    def test_blank_means_default(self, nothing: object) -> None:
        optional = dict.fromkeys([name for name in EDITABLE if name not in REQUIRED], nothing)
        assert accepted(**optional) == accepted()

    @pytest.mark.parametrize(
        ("field", "given", "read"),
        [
            ("company_name", "  Acme & Söhne ", "Acme & Söhne"),
            ("database_name", "x" * 255, "x" * 255),
            ("agent_id_responsible", " Lyon 01.b ", "Lyon 01.b"),
            ("agent_id_responsible", "E\u0301vry", "\u00c9vry"),
            ("schedule", " 0  2 *\t* * ", "0 2 * * *"),
            ("timezone", " Europe/Paris ", "Europe/Paris"),
            ("year", "2026", 2026),
            ("year", 2026, 2026),
            ("grace_minutes", 0, 0),
            ("grace_minutes", " 45 ", 45),
            ("grace_minutes", "+45", 45),
            ("grace_minutes", 45.0, 45),
            ("grace_minutes", "45.0", 45),
            ("early_minutes", 525_600, 525_600),
            ("content_policy", " MAY_change ", ContentPolicy.MAY_CHANGE),
            ("promotion_mode", "COPY", PromotionMode.COPY),
            ("is_active", False, False),
            ("is_active", "No", False),
            ("is_active", "off", False),
            ("is_active", "0", False),
            ("is_active", 0, False),
            ("is_active", "FALSE", False),
            ("is_active", "Yes", True),
            ("is_active", "on", True),
            ("is_active", 1, True),
            ("notification_recipients", " a@x.org ,b@x.org,, A@X.org", "a@x.org, b@x.org"),
            ("notification_recipients", ["a@x.org", "b@x.org"], "a@x.org, b@x.org"),
            ("notification_recipients", "root@localhost", "root@localhost"),
            ("notification_recipients", "o'neil+db@mail-1.x.org", "o'neil+db@mail-1.x.org"),
            ("alert_when", "First_Of_Run", AlertWhen.FIRST_OF_RUN),
            ("alert_reminders", "weekly", Reminders.WEEKLY),
            ("notification_recipients", " , ", None),
            ("notification_recipients", [], None),
            ("paused_until", "2026-01-31T08:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
            ("paused_until", "2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
            ("paused_until", "2026-01-31T08:00:00Z", datetime(2026, 1, 31, 8, tzinfo=UTC)),
            ("paused_until", "2026-01-31T08:00+02:00", datetime(2026, 1, 31, 6, tzinfo=UTC)),
            ("paused_until", datetime(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)),
        ],
    )
    def test_how_a_field_is_read(self, field: str, given: object, read: object) -> None:
        found = getattr(accepted(**{field: given}), field)
        assert found == read
        assert type(found) is type(read)

    def test_a_pause_is_kept_in_utc(self) -> None:
        spec = accepted(paused_until="2026-01-31T08:00+02:00")
        assert spec.paused_until is not None
        assert spec.paused_until.tzinfo is UTC

    def test_what_was_read_reads_the_same_again(self) -> None:
        spec = accepted(notification_recipients="a@x.org,b@x.org", paused_until="2026-01-31")
        assert accepted(**{name: getattr(spec, name) for name in EDITABLE}) == spec


class TestFaults:
    @pytest.mark.parametrize("field", REQUIRED)
    @pytest.mark.parametrize("nothing", [None, "", "  "], ids=repr)
    def test_a_required_field_left_out(self, field: str, nothing: object) -> None:
        assert only_fault(**{field: nothing})[:2] == (field, "is required")
        spec, faults = check_job({k: v for k, v in LEAST.items() if k != field})
        assert spec is None
        assert [fault.field for fault in faults] == [field]

    @pytest.mark.parametrize(
        ("field", "given", "problem"),
        [
            ("company_name", "x" * 256, "longer than 255"),
            ("company_name", 5, "must be text, not a number"),
            ("company_name", ["Acme"], "must be text, not a list"),
            ("city", "Ly\x00on", "U+0000"),
            ("city", "Ly\non", "U+000A"),
            ("neighborhood", "x\ud800", "U+D800"),
            ("database_name", "shop\u202egz", "U+202E"),
            ("agent_id_responsible", "a/b", "path separator"),
            ("agent_id_responsible", "a\\b", "path separator"),
            ("agent_id_responsible", ".", "begins with a dot"),
            ("agent_id_responsible", "..", "begins with a dot"),
            ("agent_id_responsible", " .claimed", "begins with a dot"),
            ("agent_id_responsible", "a\tb", "U+0009"),
            ("agent_id_responsible", "a\ud800", "U+D800"),
            ("agent_id_responsible", "x" * 101, "longer than 100 characters"),
            ("agent_id_responsible", "\U0001f600" * 60, "longer than 200 bytes"),
            ("agent_id_responsible", {}, "must be text"),
            ("schedule", "@daily", "nickname"),
            ("schedule", "0 0 30 2 *", "never occurs"),
            ("schedule", 5, "must be text"),
            ("timezone", "Mars/Phobos", "no time zone"),
            ("timezone", "../UTC", "no time zone"),
            ("grace_minutes", -1, "must not be negative"),
            ("grace_minutes", "-1", "must not be negative"),
            ("grace_minutes", 525_601, "more than 525600"),
            pytest.param("grace_minutes", 10**5000, "more than 525600", id="huge number"),
            pytest.param("grace_minutes", "9" * 5000, "too many digits", id="huge string"),
            pytest.param("year", -(10**5000), "not a year", id="huge year"),
            ("grace_minutes", "1e3", "not a whole number"),
            ("grace_minutes", "1.5", "not a whole number"),
            ("grace_minutes", "٣", "not a whole number"),
            ("grace_minutes", 1.5, "not a whole number"),
            ("grace_minutes", float("inf"), "not a whole number"),
            ("grace_minutes", float("nan"), "not a whole number"),
            ("grace_minutes", True, "not true or false"),
            ("early_minutes", [], "not a list"),
            ("year", 1969, "not a year from 1970 to 9999"),
            ("year", "10000", "not a year from 1970 to 9999"),
            ("year", "this", "not a whole number"),
            ("is_active", "maybe", "neither true nor false"),
            ("is_active", 2, "neither true nor false"),
            ("is_active", [], "neither true nor false"),
            ("content_policy", "sometimes", 'cannot be "sometimes"'),
            ("content_policy", 1, "must be text"),
            ("promotion_mode", "link", 'cannot be "link"'),
            ("agent_deposit_path_template", "/{agent_id}/{staged_file_name}", "absolute"),
            ("agent_deposit_path_template", "{agent_id}", "does not contain {staged_file_name}"),
            ("agent_log_deposit_path_template", "log", "does not contain {agent_id}"),
            ("final_storage_path_template", "{city}/../x", 'component ".."'),
            ("final_storage_path_template", "{neighborhood}", "nothing is left"),
            ("final_storage_path_template", 1, "must be text"),
            ("paused_until", "tomorrow", "is no time"),
            ("paused_until", "0001-01-01T00:00+14:00", "not in the years"),
            ("paused_until", "9999-12-31T23:00-14:00", "not in the years"),
            ("paused_until", 1_700_000_000, "must be text"),
            ("paused_until", "\ud800", "is no time"),
        ],
    )
    def test_a_fault_names_its_field_and_says_what_to_do(
        self, field: str, given: object, problem: str
    ) -> None:
        found, said, hint = only_fault(**{field: given})
        assert found == field
        assert problem in said
        assert hint
        assert len(said) < 300

    @pytest.mark.parametrize(
        "address",
        [
            "ann",
            "@x.org",
            "ann@",
            "ann@@x.org",
            "a@b@x.org",
            "ann lee@x.org",
            ".ann@x.org",
            "ann..lee@x.org",
            "ann@x..org",
            "ann@-x.org",
            "ann@x_y.org",
            "ann@x.org\nBcc: eve@y.org",
            "ann@x.org; bob@x.org",
            "Ann <ann@x.org>",
            '"ann"@x.org',
            "ann@[127.0.0.1]",
            "ann@x.org\x00",
            "änn@x.org",
            "a" * 65 + "@x.org",
            "a@" + ".".join(["b" * 60] * 5),
        ],
    )
    def test_what_is_no_mail_address_is_named(self, address: str) -> None:
        field, problem, hint = only_fault(notification_recipients=f"good@x.org, {address}")
        assert field == "notification_recipients"
        assert address[:5].replace("\n", " ") in problem
        assert "good@x.org" not in problem
        assert "commas" in hint

    def test_one_item_of_a_list_cannot_hold_two_addresses(self) -> None:
        assert "no mail address" in only_fault(notification_recipients=["a@x.org,b@x.org"])[1]

    def test_too_many_recipients(self) -> None:
        many = ",".join(f"a{n}@x.org" for n in range(51))
        assert "more than 50" in only_fault(notification_recipients=many)[1]

    @pytest.mark.parametrize(
        ("field", "allowed"),
        [
            ("content_policy", "must_change, must_not_change, may_change"),
            ("promotion_mode", "move, copy"),
        ],
    )
    def test_the_allowed_words_are_listed(self, field: str, allowed: str) -> None:
        assert allowed in only_fault(**{field: "x"})[2]

    @pytest.mark.parametrize(
        ("unknown", "hint"),
        [("compagny_name", "did you mean company_name?"), ("zzz", "known fields: year")],
    )
    def test_an_unknown_field_is_told_the_closest(self, unknown: str, hint: str) -> None:
        field, problem, said = only_fault(**{unknown: "x"})
        assert (field, problem) == (unknown, "is no field of a job")
        assert said.startswith(hint)

    def test_a_column_without_a_name_is_a_fault(self) -> None:
        values: Any = {**LEAST, None: ["left over"]}
        assert check_job(values)[1][0].field == "(no name)"

    def test_every_fault_is_told_at_once_in_the_order_of_the_fields(self) -> None:
        spec, faults = check_job(
            {"schedul": "x", "is_active": "?", "grace_minutes": "?", "year": "?", "city": "Lyon"}
        )
        assert spec is None
        assert [fault.field for fault in faults] == [
            "year",
            "company_name",
            "database_name",
            "agent_id_responsible",
            "schedule",
            "grace_minutes",
            "is_active",
            "schedul",
        ]

    @given(
        st.dictionaries(
            st.one_of(st.sampled_from(EDITABLE), st.text(max_size=5)),
            st.one_of(
                st.none(),
                st.booleans(),
                st.integers(),
                st.floats(),
                st.text(),
                st.lists(st.text(), max_size=3),
                st.datetimes(),
            ),
        )
    )
    def test_any_values_are_a_job_or_faults(self, values: Mapping[str, object]) -> None:
        spec, faults = check_job(values)
        assert (spec is None) == bool(faults)


class TestPathValues:
    def test_the_jobs_own_year_goes_first(self) -> None:
        assert accepted(year=2020).path_values(year=2026)["year"] == 2020
        assert accepted().path_values("x.gz", 2026) == {
            "agent_id": "lyon-01",
            "city": "Lyon",
            "company_name": "Acme",
            "database_name": "shop",
            "neighborhood": None,
            "staged_file_name": "x.gz",
            "year": 2026,
        }


class TestAgentKey:
    @pytest.mark.parametrize(
        ("one", "other"),
        [("Lyon-01", "LYON-01"), ("E\u0301vry", "\u00e9vry"), ("Straße", "STRASSE")],
    )
    def test_case_and_form_of_accents_do_not_count(self, one: str, other: str) -> None:
        assert agent_key(one) == agent_key(other)

    def test_other_ids_stay_apart(self) -> None:
        assert agent_key("lyon-1") != agent_key("lyon-01")

    @given(st.text(max_size=20))
    def test_a_key_is_its_own_key(self, agent_id: str) -> None:
        assert agent_key(agent_key(agent_id)) == agent_key(agent_id)


def test_recipients_are_split_into_good_and_bad_in_their_order() -> None:
    assert split_recipients("b@x.org, ?, a@x.org, B@x.org") == (("b@x.org", "a@x.org"), ("?",))
