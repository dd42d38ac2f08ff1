"""How the rows of the list are divided."""

from __future__ import annotations

from backupmon.core.standing import Standing
from backupmon.services.dashboard import Due, DueKind, JobRow, Sort
from backupmon.web.sections import sections_of


def row(job_id: int, standing: Standing, city: str = "Douala") -> JobRow:
    return JobRow(
        job_id=job_id,
        database=f"db{job_id}",
        company="Acme",
        city=city,
        neighborhood=None,
        agent=city.lower(),
        standing=standing,
        since=None,
        since_before=False,
        copy=None,
        cycles=(),
        due=Due(DueKind.COMING, None),
        verifying=False,
    )


GOOD, FAILED = Standing.SUCCESS, Standing.FAILED
ROWS = [row(1, FAILED, "Kribi"), row(2, FAILED), row(3, GOOD), row(4, GOOD), row(5, GOOD, "Kribi")]


def divided(rows: list[JobRow], sort: Sort, **held: frozenset[int]) -> list[list[int]]:
    return [[one.job_id for one in section.rows] for section in sections_of(rows, sort, **held)]


def test_what_needs_a_look_stands_first_wherever_it_is_then_site_by_site() -> None:
    assert divided(ROWS, Sort.WORST) == [[1, 2], [3, 4], [5]]
    urgent, douala, kribi = sections_of(ROWS, Sort.WORST)
    assert urgent.site is None
    assert douala.site == ("Acme", "Douala", None, "douala")
    assert kribi.standings == ["SUCCESS"]


def test_rows_that_are_held_stay_with_those_they_stood_with() -> None:
    assert divided(ROWS, Sort.WORST, urgent_ids=frozenset({1})) == [[1], [2, 3, 4], [5]]


def test_by_site_good_and_bad_stand_together() -> None:
    rows = [row(1, FAILED), row(2, GOOD), row(3, GOOD, "Kribi")]
    assert divided(rows, Sort.SITE) == [[1, 2], [3]]


def test_in_any_other_order_there_is_one_table() -> None:
    assert divided(ROWS, Sort.DUE) == [[1, 2, 3, 4, 5]]
    assert divided([], Sort.DUE) == []


def test_every_section_has_a_name_of_its_own_that_stays() -> None:
    rows = [*ROWS, row(6, Standing.PAUSED), row(7, Standing.PAUSED, "Kribi")]
    keys = [section.key for section in sections_of(rows, Sort.WORST)]
    assert len(set(keys)) == len(keys)
    assert keys == [section.key for section in sections_of(rows, Sort.WORST)]
