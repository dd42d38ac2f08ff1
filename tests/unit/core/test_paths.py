"""Path templates: what is refused, and that no value leaves a root."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backupmon.core.errors import TemplateError
from backupmon.core.paths import (
    DEFAULT_DEPOSIT,
    DEFAULT_FINAL,
    DEFAULT_LOG,
    PLACEHOLDERS,
    Component,
    TemplateKind,
    check_template,
    deposit_components,
    final_path_key,
    render,
    safe_component,
)

VALUES: dict[str, str | int | None] = {
    "agent_id": "Lyon-01",
    "city": "Lyon",
    "company_name": "Acme",
    "database_name": "shop",
    "neighborhood": None,
    "staged_file_name": "shop.sql.gz",
    "year": 2026,
}
FINAL, DEPOSIT, LOG = TemplateKind.FINAL, TemplateKind.DEPOSIT, TemplateKind.LOG

NASTY = ("", ".", "..", "...", "../..", "/etc/passwd", "..\\..", "a/../b", " .. ", "\x00", "\ud800")
anything = st.one_of(
    st.sampled_from(NASTY),
    st.text(),
    st.text("./\\ \t\n\x00a~\u2028\u0301é", max_size=12),
    st.text("aé\U0001f600.", min_size=200, max_size=400),
)
value_sets = st.fixed_dictionaries(
    {name: st.one_of(st.none(), st.integers(), anything) for name in PLACEHOLDERS}
)
templates = st.one_of(
    st.sampled_from((DEFAULT_DEPOSIT, DEFAULT_LOG, DEFAULT_FINAL)),
    st.lists(
        st.sampled_from([f"{{{name}}}" for name in PLACEHOLDERS] + ["/", ".", "-", "x", " "]),
        min_size=1,
        max_size=10,
    ).map("".join),
)


def assert_within_root(path: tuple[str, ...]) -> None:
    assert path
    for part in path:
        assert part
        assert not part.startswith(".")
        assert part == part.strip()
        assert not set("/\\\x00\n\r\t") & set(part)
        assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in part)
        assert len(part.encode()) <= 255


class TestDefaults:
    @pytest.mark.parametrize(
        ("template", "kind"),
        [(DEFAULT_DEPOSIT, DEPOSIT), (DEFAULT_LOG, LOG), (DEFAULT_FINAL, FINAL)],
    )
    def test_the_defaults_are_accepted(self, template: str, kind: TemplateKind) -> None:
        check_template(template, kind)

    @pytest.mark.parametrize(
        ("template", "path"),
        [
            (DEFAULT_DEPOSIT, ("Lyon-01", "databases", "shop.sql.gz")),
            (DEFAULT_LOG, ("Lyon-01", "log")),
            (DEFAULT_FINAL, ("2026", "Acme", "Lyon", "shop", "shop.sql.gz")),
        ],
    )
    def test_the_defaults_as_paths(self, template: str, path: tuple[str, ...]) -> None:
        assert render(template, VALUES) == path


class TestRefused:
    @pytest.mark.parametrize(
        ("template", "message"),
        [
            pytest.param("", "is empty", id="empty"),
            pytest.param("  ", "is empty", id="blank"),
            pytest.param("/{city}", "is absolute", id="absolute"),
            pytest.param(" /{city}", "is absolute", id="absolute behind a blank"),
            pytest.param("\\{city}", "is absolute", id="absolute in Windows"),
            pytest.param("C:/{city}", "is absolute", id="a drive"),
            pytest.param("c:{city}", "is absolute", id="a drive without a slash"),
            pytest.param("//host/{city}", "is absolute", id="a network path"),
            pytest.param("a\\{city}", "has a backslash", id="backslash"),
            pytest.param("../{city}", 'has the component ".."', id="parent first"),
            pytest.param("{city}/../x", 'has the component ".."', id="parent inside"),
            pytest.param("{city}/ .. /x", 'has the component ".."', id="parent with blanks"),
            pytest.param("./{city}", 'has the component "."', id="here"),
            pytest.param(".claimed/{city}", "begins with a dot", id="the server's own"),
            pytest.param("..{city}", "begins with a dot", id="dots before a placeholder"),
            pytest.param("{city}\x00", "control character", id="NUL"),
            pytest.param("{city}\n", "control character", id="line break"),
            pytest.param("{city}\ud800", "control character", id="lone surrogate"),
            pytest.param("{town}", "no known placeholder", id="unknown"),
            pytest.param("{Company_Name}", "no known placeholder", id="other case"),
            pytest.param("{city }", "no known placeholder", id="a blank in it"),
            pytest.param("{}", "names nothing", id="empty placeholder"),
            pytest.param("{0}", "names nothing", id="positional"),
            pytest.param("{city!r}", "with a conversion", id="conversion"),
            pytest.param("{city:>10}", "with a format", id="format"),
            pytest.param("{city:}", "with a format", id="empty format"),
            pytest.param("{city.__class__}", "with an attribute", id="attribute"),
            pytest.param("{city[0]}", "with an index", id="index"),
            pytest.param("{city", "a brace", id="not closed"),
            pytest.param("city}", "a brace", id="not opened"),
            pytest.param("{{city}}", "a brace", id="escaped"),
            pytest.param("{city/x}", "a brace", id="a separator inside"),
            pytest.param("{year:{city}}", "a brace", id="nested"),
            pytest.param("a/" * 13, "folders deep", id="too deep"),
            pytest.param("a" * 1001, "longer than", id="too long"),
        ],
    )
    @pytest.mark.parametrize("kind", TemplateKind)
    def test_refused_with_the_reason(self, template: str, message: str, kind: TemplateKind) -> None:
        with pytest.raises(TemplateError, match=message):
            check_template(template, kind)
        with pytest.raises(TemplateError, match=message):
            render(template, VALUES)

    def test_an_unknown_placeholder_lists_the_known_ones_and_the_closest(self) -> None:
        with pytest.raises(TemplateError) as caught:
            check_template("{compny_name}", FINAL)
        assert caught.value.hint.startswith("did you mean {company_name}?")
        assert all(f"{{{name}}}" in caught.value.hint for name in PLACEHOLDERS)

    @pytest.mark.parametrize(
        ("template", "kind", "message"),
        [
            ("databases/{staged_file_name}", DEPOSIT, "does not contain {agent_id}"),
            ("{agent_id}/databases", DEPOSIT, "does not contain {staged_file_name}"),
            ("in/{agent_id}-{staged_file_name}", DEPOSIT, "in one component"),
            ("{company_name}/log", LOG, "does not contain {agent_id}"),
            ("{agent_id}/{staged_file_name}", LOG, "cannot contain {staged_file_name}"),
            ("{agent_id}/{year}", LOG, "cannot contain {year}"),
        ],
    )
    def test_what_a_kind_needs(self, template: str, kind: TemplateKind, message: str) -> None:
        with pytest.raises(TemplateError) as caught:
            check_template(template, kind)
        assert message in caught.value.message
        assert caught.value.hint

    def test_a_shared_log_folder_is_refused_because_it_has_no_owner(self) -> None:
        with pytest.raises(TemplateError, match="has no owner"):
            check_template("reports", LOG)

    def test_a_final_template_may_leave_out_the_file_name(self) -> None:
        check_template("{company_name}/{database_name}.sql.gz", FINAL)

    @given(
        st.one_of(st.text(), st.text("{}./\\!:[]0aciy", max_size=12)), st.sampled_from(TemplateKind)
    )
    def test_any_text_is_a_template_or_refused(self, template: str, kind: TemplateKind) -> None:
        try:
            check_template(template, kind)
            path = render(template, VALUES)
        except TemplateError:
            return
        assert_within_root(path)


class TestRender:
    @pytest.mark.parametrize(
        ("template", "changed", "path"),
        [
            pytest.param(
                "{city}/{neighborhood}/x", {"neighborhood": ""}, ("Lyon", "x"), id="empty"
            ),
            pytest.param("{city}/{neighborhood}", {"neighborhood": " "}, ("Lyon",), id="blank"),
            pytest.param("{year}/x", {"year": None}, ("x",), id="no year"),
            pytest.param("a//b/", {}, ("a", "b"), id="empty in the template"),
            pytest.param("{city}/x", {"city": "../../etc"}, ("_.._etc", "x"), id="climbing"),
            pytest.param("{city}/x", {"city": "..\\.."}, ("_..", "x"), id="climbing in Windows"),
            pytest.param("{city}/x", {"city": ".."}, ("_", "x"), id="parent"),
            pytest.param(
                "{city}{neighborhood}/x",
                {"city": ".", "neighborhood": "."},
                ("__", "x"),
                id="two dots from two values",
            ),
            pytest.param("{city}.{year}", {"city": ""}, ("2026",), id="a dot left in front"),
            pytest.param("x/{city}.", {"city": None}, ("x",), id="only a dot left"),
            pytest.param("{city}", {"city": " Saint-Étienne "}, ("Saint-Étienne",), id="blanks"),
            pytest.param("{city}", {"city": "E\u0301vry"}, ("\u00c9vry",), id="composed"),
            pytest.param("{city}", {"city": "a\x00b\nc\u202ed"}, ("a_b_c_d",), id="controls"),
            pytest.param("{city}", {"city": "{year}"}, ("{year}",), id="never filled twice"),
            pytest.param(
                "d/{staged_file_name}", {"staged_file_name": "..."}, ("d", "_"), id="a file of dots"
            ),
            pytest.param(
                "d/{staged_file_name}", {"staged_file_name": " "}, ("d", "_"), id="a blank file"
            ),
        ],
    )
    def test_values_are_made_safe(
        self, template: str, changed: dict[str, str | int | None], path: tuple[str, ...]
    ) -> None:
        assert render(template, {**VALUES, **changed}) == path

    def test_a_path_of_nothing_is_refused(self) -> None:
        with pytest.raises(TemplateError, match="nothing is left"):
            render("{neighborhood}", VALUES)

    def test_a_value_not_given_is_told(self) -> None:
        with pytest.raises(TemplateError, match=r"no value is given for \{city\}"):
            render("{city}", {})

    def test_a_number_too_long_to_write_is_told(self) -> None:
        with pytest.raises(TemplateError, match="too long"):
            render("{year}", {"year": 10**5000})

    @given(templates, value_sets)
    @example(DEFAULT_FINAL, dict.fromkeys(PLACEHOLDERS, ".."))
    @example("{city}{year}/x", {**VALUES, "city": ".", "year": "."})
    def test_no_value_leaves_the_root(
        self, template: str, values: dict[str, str | int | None]
    ) -> None:
        try:
            path = render(template, values)
        except TemplateError:
            return
        assert_within_root(path)
        assert len(path) <= template.count("/") + 1

    @given(value_sets)
    def test_the_defaults_always_make_a_path(self, values: dict[str, str | int | None]) -> None:
        if values["staged_file_name"] not in (None, ""):
            assert_within_root(render(DEFAULT_FINAL, values))
            assert_within_root(render(DEFAULT_DEPOSIT, values))


class TestSafeComponent:
    def test_a_long_name_keeps_its_extension(self) -> None:
        name = safe_component("é" * 300 + ".sql.gz")
        assert name == "é" * 124 + ".sql.gz"

    def test_a_long_name_without_extension_is_cut_between_characters(self) -> None:
        assert safe_component("\U0001f600" * 100) == "\U0001f600" * 63

    @given(anything)
    def test_what_is_safe_stays_as_it_is(self, value: str) -> None:
        safe = safe_component(value)
        assert safe_component(safe) == safe
        assert unicodedata.is_normalized("NFC", safe)

    @given(st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_. -]{0,60}[A-Za-z0-9]", fullmatch=True))
    def test_an_ordinary_name_is_not_touched(self, value: str) -> None:
        assert safe_component(value) == value


class TestDepositComponents:
    def test_only_the_agents_folder_may_differ_in_case(self) -> None:
        assert deposit_components(DEFAULT_DEPOSIT, VALUES) == (
            Component("Lyon-01", any_case=True),
            Component("databases", any_case=False),
            Component("shop.sql.gz", any_case=False),
        )

    @pytest.mark.parametrize("name", ["E\u0301vry.gz", " a.gz ", "a:b?.gz"])
    def test_a_harmless_staged_name_stays_as_the_agent_wrote_it(self, name: str) -> None:
        values = {**VALUES, "staged_file_name": name}
        assert deposit_components(DEFAULT_DEPOSIT, values)[-1].text == name

    @given(templates, value_sets)
    @example("{staged_file_name}/{agent_id}", {**VALUES, "staged_file_name": ".claimed"})
    def test_no_value_leaves_the_deposit_area(
        self, template: str, values: dict[str, str | int | None]
    ) -> None:
        try:
            components = deposit_components(template, values)
        except TemplateError:
            return
        assert_within_root(tuple(c.text.strip() or "blank" for c in components))

    def test_a_path_of_nothing_is_refused(self) -> None:
        with pytest.raises(TemplateError, match="nothing is left"):
            deposit_components("{agent_id}", {"agent_id": ""})


class TestFinalPathKey:
    def test_case_and_file_name_do_not_count(self) -> None:
        other = {**VALUES, "city": "LYON", "staged_file_name": "other.gz"}
        key = final_path_key(DEFAULT_FINAL, VALUES)
        assert key == "2026/acme/lyon/shop"
        assert final_path_key(DEFAULT_FINAL, other) == key

    def test_a_year_that_is_the_cycles_is_a_star(self) -> None:
        assert final_path_key(DEFAULT_FINAL, {**VALUES, "year": None}) == "*/acme/lyon/shop"

    def test_other_templates_can_mean_the_same_path(self) -> None:
        swapped = {**VALUES, "city": "Acme", "company_name": "Lyon"}
        assert final_path_key("{city}/{company_name}", VALUES) == final_path_key(
            "{company_name}/{city}/{staged_file_name}", swapped
        )

    def test_names_that_become_one_when_made_safe_share_their_key(self) -> None:
        keys = {final_path_key("{city}", {"city": name}) for name in ("a/b", "a_b", " A/B ")}
        assert keys == {"a_b"}

    def test_nothing_but_the_file_name_is_shared_by_all(self) -> None:
        assert final_path_key("{staged_file_name}", VALUES) == ""
