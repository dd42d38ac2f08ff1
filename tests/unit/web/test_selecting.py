"""The state of the list in its URL: what is as usual is left out, what makes no sense too."""

from __future__ import annotations

import pytest

from backupmon.services.dashboard import Selection, Sort
from backupmon.web.selecting import Held, args_of, held_from, selection_from


@pytest.mark.parametrize(
    "args",
    [
        {},
        {"q": "shop douala"},
        {"status": "FAILED", "page": "3"},
        {"company": "Acme & Sons", "city": "Yaoundé", "agent": "acme", "sort": "due"},
    ],
)
def test_what_a_url_says_is_said_again(args: dict[str, str]) -> None:
    assert args_of(selection_from(args)) == args


def test_a_change_begins_at_the_first_page() -> None:
    third = Selection(search="shop", page=3)
    assert args_of(third) == {"q": "shop", "page": "3"}
    assert args_of(third, sort=Sort.DUE) == {"q": "shop", "sort": "due"}
    assert args_of(third, search="") == {}
    assert args_of(third, page=4) == {"q": "shop", "page": "4"}


@pytest.mark.parametrize("page", ["0", "-1", "", "x", "１", "1.5", "9" * 30])
def test_a_page_that_is_none_is_the_first_or_the_last_there_can_be(page: str) -> None:
    assert selection_from({"page": page}).page in (1, 100_000)


def test_a_status_in_any_case_and_no_other_word() -> None:
    assert selection_from({"status": "failed"}).status == "FAILED"
    assert selection_from({"status": "PENDING"}).status == ""
    assert selection_from({"sort": "DUE"}).sort is Sort.WORST


def test_rows_are_held_in_their_order_and_those_that_need_a_look_are_known() -> None:
    assert held_from({}) is None
    assert held_from({"hold": "3,5!8,9"}) == Held((3, 5, 8, 9), frozenset({3, 5}))
    assert held_from({"hold": "!8"}) == Held((8,), frozenset())
    assert held_from({"hold": "3"}) == Held((3,), frozenset({3}))
    assert held_from({"hold": "x,-1,²!3!4"}) == Held((3,), frozenset())
    found = held_from({"hold": ",".join(["1"] * 10_000)})
    assert found is not None
    assert len(found.job_ids) <= 1000
