"""``/metrics``: what the server is worth to a monitor of monitors."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.models import MeasuredTotal
from backupmon.services.metrics import gather_metrics
from tests.integration.background import background
from tests.integration.conftest import World, at
from tests.integration.test_api import Api, token_of

NOW = datetime(2031, 3, 3, 13, 0, tzinfo=UTC)
ENEMY = 'x"} 1\n# HELP \\ <script>'


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


@pytest.fixture
def api(world: World) -> Api:
    return Api(world.app.test_client(), token_of(world, "read"))


def scraped(api: Api) -> dict[str, Metric]:
    """Every family, as Prometheus reads it."""
    response = api.call("GET", "/metrics")
    assert response.status_code == 200, response.text
    assert response.content_type.startswith("text/plain")
    return {family.name: family for family in text_string_to_metric_families(response.text)}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    """The only sample with these labels."""
    family = families[f"backupmon_{name.removesuffix('_total')}"]
    (found,) = [
        sample.value
        for sample in family.samples
        if sample.name == f"backupmon_{name}" and labels.items() <= sample.labels.items()
    ]
    return float(found)


def test_a_night_is_counted(world: World, api: Api) -> None:
    shop, crm = world.job("shop"), world.job("crm")
    world.job("paused", agent="other", is_active=False)
    world.site().deliver(at(11, 50), shop=b"x" * 1000, unexpected=b"y")
    world.scan(at(12, 40))
    size = world.entry(shop).server_calculated_staged_size
    found = scraped(api)
    for status, number in {"SUCCESS": 1, "MISSING": 1, "PAUSED": 1, "FAILED": 0}.items():
        assert value(found, "jobs", status=status) == number
    assert value(found, "job_status", job_id=str(crm)) == 1
    assert value(found, "job_status", database="crm", status="MISSING", agent="acme") == 1
    made = "job_last_good_copy_timestamp_seconds"
    assert value(found, made, job_id=str(shop)) == at(11, 50).timestamp()
    assert value(found, made, job_id=str(crm)) == 0
    assert value(found, "verified_files_total") == 1
    assert value(found, "verified_bytes_total") == size
    assert value(found, "stored_files", state="stored") == 1
    assert value(found, "stored_bytes", state="stored") == size
    assert value(found, "discoveries") == 1
    assert value(found, "entries_pending") == 0
    assert value(found, "last_scan_duration_seconds") >= 0
    assert value(found, "scan_interval_seconds") == 900
    assert value(found, "scans_total") == 2
    for root in ("DATA_DIR", "DEPOSIT_ROOT", "VALIDATED_ROOT"):
        free = value(found, "storage_free_bytes", root=root)
        assert 0 < free <= value(found, "storage_size_bytes", root=root)


def test_trouble_is_counted(make_world, api: Api, world: World) -> None:  # type: ignore[no-untyped-def]
    told = make_world(alert_recipients="ops@example.org")
    told.job("crm")
    told.scan(at(12, 40))
    (world.settings.validated_root / ".backupmon").unlink()
    told.scan(at(12, 55))
    found = scraped(api)
    assert value(found, "server_conditions", code="root.unmarked") == 1
    assert value(found, "queue_up") == 0
    assert found["backupmon_workers"].samples == []
    assert value(found, "alerts_waiting") >= 1
    oldest = value(found, "alerts_oldest_waiting_timestamp_seconds")
    assert oldest == at(12, 40).timestamp()


def test_the_queue_is_counted(world: World, tmp_path: Path) -> None:
    with background(world, tmp_path) as here:
        api = Api(here.world.app.test_client(), token_of(here.world, "read"))
        found = scraped(api)
        assert value(found, "queue_up") == 1
        assert value(found, "queue_tasks", queue="verify", state="waiting") == 0
        assert value(found, "workers") == 0


def test_names_of_an_enemy_are_values_of_labels(world: World, api: Api) -> None:
    job = world.job(ENEMY.replace("\n", " "), company_name="Søren & Fils")
    (sample,) = [
        s for s in scraped(api)["backupmon_job_status"].samples if s.labels["job_id"] == str(job)
    ]
    assert sample.labels["database"] == ENEMY.replace("\n", " ")
    assert sample.labels["company"] == "Søren & Fils"


def test_an_empty_server_has_metrics_too(world: World, api: Api) -> None:
    found = scraped(api)
    assert value(found, "verified_bytes_total") == 0
    assert found["backupmon_job_status"].samples == []


def test_who_has_no_token_sees_nothing(world: World) -> None:
    response = world.app.test_client().get("/metrics")
    assert (response.status_code, response.content_type) == (401, "application/problem+json")
    assert "backupmon_" not in response.text


def test_openmetrics_is_spoken(api: Api) -> None:
    wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
    response = api.call("GET", "/metrics", headers=wanted)
    assert response.content_type.startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")


def test_queries_are_as_many_for_many_jobs_as_for_one(world: World) -> None:
    def queries() -> int:
        seen: list[str] = []
        event.listen(db.engine, "before_cursor_execute", lambda *a: seen.append(a[2]))
        with world.app.app_context():
            list(gather_metrics(world.settings, NOW, "1"))
        return len(seen)

    world.job("one")
    queries()  # Notes that there is no queue, once for some seconds.
    first = queries()
    for number in range(20):
        world.job(f"db{number}")
    assert queries() == first


def test_what_a_trial_reads_is_not_counted(world: World) -> None:
    world.job("shop")
    world.site().deliver(at(11, 50), shop=b"x" * 1000)
    world.scan(at(12, 40), dry_run=True)
    assert db.session.query(MeasuredTotal).all() == []
