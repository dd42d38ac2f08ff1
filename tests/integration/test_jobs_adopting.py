"""Making jobs of databases that agents report and nobody expects."""

from __future__ import annotations

import pytest

from backupmon.cli.job_adopting import guess_lines
from backupmon.core.errors import NotFoundError
from backupmon.core.job_spec import JobDefaults
from backupmon.services.discoveries import (
    Adopted,
    Guess,
    adopt,
    find_discovery,
    ignore_discoveries,
    list_discoveries,
)
from backupmon.services.job_drafts import RowsRefusedError
from backupmon.services.jobs import add_job, delete_job, list_jobs
from tests.integration.conftest import World, at

DEFAULTS = JobDefaults(timezone="Africa/Douala")


def reported(world: World, agent: str = "zeta_new-york", **contents: str) -> None:
    """An agent reports databases at 11:53 UTC."""
    world.site(agent).deliver(at(11, 53), **contents)
    world.scan(at(12))


def find_guess(adopted: Adopted, field: str) -> Guess:
    return next(guess for guess in adopted.guesses if guess.field == field)


def adopt_all(**values: object) -> list[Adopted]:
    return adopt(list_discoveries(), values, DEFAULTS, at(13), "test")


def test_a_job_is_guessed_from_the_agent_and_its_report(world: World) -> None:
    reported(world, shop="one")
    (adopted,) = adopt_all()
    job = adopted.job
    assert (job.company_name, job.city, job.title) == ("zeta", "New", "zeta_new-york/shop")
    assert (job.schedule, job.timezone) == ("55 12 * * *", "Africa/Douala")
    assert guess_lines(adopted)[:2] == [
        'schedule "55 12 * * *" in Africa/Douala, from the end of the last report',
        'company_name "zeta", city "New", from the agent\'s id',
    ]
    assert list_discoveries() == []


def test_an_agent_with_one_word_is_its_own_city(world: World) -> None:
    reported(world, "zeta", shop="one")
    assert adopt_all()[0].job.city == "zeta"


def test_what_is_given_is_not_guessed(world: World) -> None:
    reported(world, shop="one")
    given = {"company_name": "Zeta", "city": "NYC", "schedule": "0 9 * * *", "timezone": "UTC"}
    (adopted,) = adopt_all(**given)
    assert adopted.guesses == ()
    assert adopted.job.schedule == "0 9 * * *"


def test_the_agents_other_job_says_where_it_is(world: World) -> None:
    other = world.job(agent="Acme", timezone="Africa/Lagos", neighborhood="Akwa")
    reported(world, "acme", shop="one", crm="two")
    (adopted,) = adopt_all()
    job = adopted.job
    assert job.title == "Acme/crm"
    assert (job.company_name, job.city, job.neighborhood) == ("Acme", "Douala", "Akwa")
    assert (job.schedule, job.timezone) == ("0 12 * * *", "Africa/Lagos")
    (line,) = guess_lines(adopted)
    assert line.startswith('schedule "0 12 * * *" in Africa/Lagos, company_name "Acme"')
    assert line.endswith(f", as in job {other}")


def test_several_reports_say_when_it_is_due(world: World) -> None:
    world.job(agent="acme", timezone="Africa/Lagos")
    for day in range(4):
        world.site("acme").deliver(at(21, 50 + 3 * day, days=day), crm="x")
        world.scan(at(22, 30, days=day))
    (adopted,) = adopt_all()
    assert adopted.job.schedule == "55 22 * * *"
    why = "4 of its reports ended between 22:50 and 22:59"
    assert guess_lines(adopted)[0] == f'schedule "55 22 * * *" in Africa/Lagos, {why}'
    assert find_guess(adopted, "timezone").value == "Africa/Lagos"


def test_in_another_zone_the_other_jobs_schedule_says_nothing(world: World) -> None:
    world.job(agent="acme")
    reported(world, "acme", crm="two")
    (adopted,) = adopt_all(timezone="Africa/Lagos")
    assert (adopted.job.schedule, adopted.job.timezone) == ("55 12 * * *", "Africa/Lagos")


def test_all_are_adopted_or_none(world: World) -> None:
    reported(world, shop="one", crm="two")
    with pytest.raises(RowsRefusedError, match="zeta_new-york/shop"):
        adopt_all(final_storage_path_template="{company_name}/{staged_file_name}")
    assert (len(list_discoveries()), list_jobs()) == (2, [])
    assert len(adopt_all()) == 2


def test_adding_a_job_ends_the_discovery(world: World) -> None:
    reported(world, shop="one", crm="two")
    world.job(agent="ZETA_new-york")
    assert [d.database_name for d in list_discoveries()] == ["crm"]


def test_a_job_that_was_deleted_is_adopted_again(world: World) -> None:
    job_id = world.job()
    delete_job(job_id, at(8), "test")
    reported(world, "acme", shop="one")
    assert adopt_all()[0].job.id == job_id


def test_a_discovery_is_found_by_agent_and_database(world: World) -> None:
    reported(world, shop="one")
    assert find_discovery("ZETA_New-York", "shop").seen_count == 1
    with pytest.raises(NotFoundError, match="zeta/shop is no discovery"):
        find_discovery("zeta", "shop")


def test_the_end_of_a_day_rounds_to_midnight(world: World) -> None:
    world.site("zeta").deliver(at(11, 58), shop="one")
    world.scan(at(12))
    (adopted,) = adopt_all(timezone="Pacific/Auckland")
    assert adopted.job.schedule == "0 1 * * *"
    delete_job(adopted.job.id, at(13), "test")
    add_job(
        {
            "company_name": "z",
            "city": "z",
            "database_name": "x",
            "agent_id_responsible": "zeta",
            "schedule": "0 0 * * *",
            "timezone": "Pacific/Kiritimati",
        },
        DEFAULTS,
        at(13),
        "test",
    )
    world.site("zeta").deliver(at(9, 58), erp="two")
    world.scan(at(14))
    assert adopt_all()[0].job.schedule == "0 0 * * *"


def test_what_is_ignored_is_adopted_only_when_it_is_asked_for(world: World) -> None:
    reported(world, shop="one", crm="two")
    ignore_discoveries([find_discovery("zeta_new-york", "shop").id], at(13), "test")
    runner = world.app.test_cli_runner()

    def adopted(*args: str) -> str:
        return runner.invoke(args=["jobs", "adopt", *args]).stdout

    assert "shop" not in adopted()
    assert "shop" in adopted("--ignored")
    adopted("--all")
    assert [job.database_name for job in list_jobs()] == ["crm"]
    assert "zeta_new-york/shop" in adopted("zeta_new-york", "shop")
    assert list_discoveries(ignored=True) == []
