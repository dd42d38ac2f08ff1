"""Roles, scopes, and what names and passwords may be."""

from __future__ import annotations

import pytest

from backupmon.core.accounts import (
    Role,
    Scope,
    address_key,
    name_faults,
    name_key,
    normal_password,
    password_faults,
)

V, O, A = Role.VIEWER, Role.OPERATOR, Role.ADMIN  # noqa: E741


@pytest.mark.parametrize(
    ("role", "may"), [(V, [V]), (O, [V, O]), (A, [V, O, A])], ids=["viewer", "operator", "admin"]
)
def test_each_role_may_all_that_those_before_it_may(role: Role, may: list[Role]) -> None:
    assert [needed for needed in Role if role.may(needed)] == may


def test_only_the_write_scope_writes() -> None:
    assert [needed for needed in Scope if Scope.READ.may(needed)] == [Scope.READ]
    assert [needed for needed in Scope if Scope.WRITE.may(needed)] == list(Scope)


@pytest.mark.parametrize(
    ("one", "other"), [("Ada", "aDA"), ("Straße", "STRASSE"), ("é", "e\u0301"), ("Ａｄａ", "ada")]
)
def test_names_that_read_alike_are_one(one: str, other: str) -> None:
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    "name", ["ada", "Ada Lovelace", "ada@example.org", "<b>", "é", "山田", "x" * 64, "'; --", "%s"]
)
def test_any_name_that_can_be_read_is_one(name: str) -> None:
    assert name_faults(name) == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        ("x" * 65, "is too long: 64 characters are the most"),
        ("ﷺ" * 64, "is too long: 64 characters are the most"),
        *((f"a{char}b", "has characters that cannot be seen") for char in "\0\n\t\u200b\u202e\xa0"),
        ("a\ud800", "has characters that cannot be seen"),
    ],
)
def test_no_other_name_is(name: str, problem: str) -> None:
    assert [(fault.field, fault.problem) for fault in name_faults(name)] == [("name", problem)]


@pytest.mark.parametrize(
    ("password", "shortest", "problem"),
    [
        ("", 1, "is empty"),
        ("x", 1, None),
        ("1234567", 8, "is too short: 8 characters are the least"),
        ("12345678", 8, None),
        ("x" * 256, 8, None),
        ("x" * 257, 1, "is too long: 256 characters are the most"),
        ("ADA LOVELACE", 8, "is the name, which everybody knows"),
    ],
)
def test_what_a_password_may_be(password: str, shortest: int, problem: str | None) -> None:
    faults = password_faults(password, "Ada Lovelace", shortest)
    assert [fault.problem for fault in faults] == ([problem] if problem else [])


def test_a_password_is_the_same_from_every_keyboard() -> None:
    assert normal_password("e\u0301") == normal_password("é")


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        (None, "unknown"),
        ("", "unknown"),
        ("<script>", "unknown"),
    ],
)
def test_addresses_of_one_network_count_as_one(address: str | None, key: str) -> None:
    assert address_key(address) == key
