"""Which final paths two jobs could share."""

from __future__ import annotations

import pytest

from backupmon.services.final_paths import FinalPaths, Holder


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("*/acme/shop", "*/acme/shop", id="the same"),
        pytest.param("*/acme/shop", "2031/acme/shop", id="any year and a year"),
        pytest.param("2031/acme/shop", "*/acme/shop", id="a year and any year"),
        pytest.param("2031/x-2031/shop", "*/x-*/shop", id="any year twice"),
        pytest.param("2031/db2031", "*/db2031", id="a year in a name too"),
        pytest.param("dump12031", "dump1*", id="a year among other digits"),
    ],
)
def test_a_path_that_could_be_shared_is_taken(first: str, second: str) -> None:
    paths = FinalPaths()
    holder = Holder("acme/shop", 1)
    assert paths.take(first, holder) is None
    assert paths.take(second, Holder("acme/other", 2)) == holder


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("2031/acme/shop", "2032/acme/shop", id="two years"),
        pytest.param("*/acme/shop", "*/acme/shop2", id="two names"),
        pytest.param("*/acme", "12/acme", id="a number that is no year"),
        pytest.param("*/acme", "0999/acme", id="a year before any cycle"),
    ],
)
def test_a_path_of_its_own_is_free(first: str, second: str) -> None:
    paths = FinalPaths()
    assert paths.take(first, Holder("acme/shop", 1)) is None
    assert paths.take(second, Holder("acme/other", 2)) is None


def test_a_key_full_of_digits_is_looked_up_quickly() -> None:
    paths = FinalPaths()
    assert paths.take("/".join(["2031" * 60] * 10), Holder("acme/shop", 1)) is None
    assert paths.take("*/shop", Holder("acme/other", 2)) is None
