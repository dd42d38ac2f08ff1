"""The pages of reports and discoveries on each kind of database."""

from __future__ import annotations

import pytest

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.services.discoveries import list_discoveries
from backupmon.services.jobs import list_jobs
from tests.integration.conftest import World, at
from tests.integration.site import section
from tests.integration.web import SCRIPT, ClientAs

#: What no column can hold, and what a search must not take for a pattern.
ODD = ("%00", "%25", "_", "%F0%9F%92%BE" * 90, "%ED%A0%80", "9" * 400)


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


def test_they_are_looked_at_searched_and_adopted(world: World, client_as: ClientAs) -> None:
    operator = client_as("operator")
    body = section(b"x", "x.gz")
    world.site("zeta").report(at(11, 50), {"shop": body, SCRIPT: body})
    world.site("bank").drop("STATUS.json", b"[]")
    world.scan(at(12))
    assert operator.get("/reports").text.count('<th scope="row">') == 2
    assert "The last report of one agent cannot be used" in operator.get("/reports").text
    assert operator.get("/reports?state=invalid&since=2031-03-03").status_code == 200
    for odd in ODD:
        assert operator.get(f"/reports?q={odd}&agent={odd}&since={odd}").status_code == 200
        assert operator.get(f"/discoveries?q={odd}&agent={odd}&page={odd}").status_code == 200
        assert operator.get(f"/jobs/new?agent={odd}&database={odd}").status_code == 302
        assert operator.get(f"/discoveries/adopt?id={odd}").status_code == 302
    chosen = [one.id for one in list_discoveries()]
    operator.send("/discoveries/chosen", ignore=chosen[0])
    assert operator.get("/discoveries?show=ignored&q=%3Cscript").text.count("No longer") == 1
    assert operator.send("/discoveries/adopt", act="adopt", id=chosen).status_code == 302
    db.session.rollback()
    assert {job.database_name for job in list_jobs()} == {"shop", SCRIPT}
    assert operator.get("/reports/1").status_code == operator.get("/reports/2").status_code == 200
