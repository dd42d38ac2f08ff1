"""Cells that a spreadsheet would run, and that it shows instead."""

from __future__ import annotations

import pytest

from backupmon.core.cells import guarded, unguarded


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-x", "@SUM(A1)", "\tx", "\r=1", "＝1", "'=1", "''@"]
)
def test_a_cell_that_would_be_run_is_guarded_and_comes_back(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"
    assert unguarded(guarded(cell)) == cell


@pytest.mark.parametrize("cell", ["", "x=1", "'quoted'", "'", "*/5 * * * *", " =1"])
def test_any_other_cell_stays_as_it_is(cell: str) -> None:
    assert guarded(cell) == cell
    assert unguarded(cell) == cell
