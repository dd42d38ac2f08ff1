"""What verdicts and conditions leave in the outbox, and when they leave nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.models import Alert
from backupmon.services.jobs import pause_job
from backupmon.services.quarantine import Operator, accept_quarantined
from tests.integration.conftest import NOON, World, at
from tests.integration.site import dump_of, section

OPS = "ops@x.org"


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    """On each kind of database, with somebody to tell of everything."""
    return settings_on_each.model_copy(update={"alert_recipients": OPS})


def alerts(**wanted: Any) -> list[Alert]:
    db.session.rollback()
    db.session.expire_all()
    found = db.session.scalars(select(Alert).order_by(Alert.id))
    return [a for a in found if all(getattr(a, k) == v for k, v in wanted.items())]


def kinds(**wanted: Any) -> list[str]:
    return [alert.kind for alert in alerts(**wanted)]


def test_a_missing_backup_is_told_to_the_jobs_recipients_and_to_those_of_every_job(
    world: World,
) -> None:
    job = world.job(notification_recipients="Ann@x.org, OPS@x.org")
    world.scan(at(12, 31))
    found = alerts(job_id=job)
    assert {(a.kind, a.status, a.recipient_key) for a in found} == {
        ("problem", "MISSING", "ann@x.org"),
        ("problem", "MISSING", OPS),
    }
    assert {a.entry_id for a in found} == {world.entry(job).id}


def test_further_scans_of_a_cycle_tell_nothing_and_the_next_cycle_does(world: World) -> None:
    world.job()
    for minutes in (31, 45, 59):
        world.scan(at(12, minutes))
    assert kinds() == ["problem"]
    world.scan(at(12, 31, days=1))
    assert kinds() == ["problem", "problem"]


def test_a_job_may_be_told_of_once_in_a_run(world: World) -> None:
    world.job(alert_when="first_of_run")
    for days in range(3):
        world.scan(at(12, 31, days=days))
    assert kinds() == ["problem"]


def test_an_outage_of_the_monitor_tells_of_the_newest_cycle_alone(world: World) -> None:
    job = world.job()
    world.scan(at(12, 31, days=5))
    assert len(world.entries(job)) == 6
    (alert,) = alerts()
    assert alert.cycle_due_at == NOON + timedelta(days=5)


def test_good_news_are_no_news(world: World) -> None:
    world.job()
    world.site().deliver(NOON, shop="1")
    world.scan(at(12, 5))
    assert kinds() == []


def test_a_recovery_answers_what_was_told(world: World) -> None:
    world.job()
    world.scan(at(12, 31))
    world.site().deliver(at(12, days=1), shop="1")
    world.scan(at(12, 5, days=1))
    assert kinds() == ["problem", "recovery"]
    assert all(alert.answered_at for alert in alerts(kind="problem"))
    world.site().deliver(at(12, days=2), shop="2")
    world.scan(at(12, 5, days=2))
    assert kinds() == ["problem", "recovery"]


def test_what_is_made_good_before_anybody_was_told_is_withdrawn(world: World) -> None:
    world.job()
    world.scan(at(12, 31))
    world.site().deliver(at(12, 20), shop="1")
    world.scan(at(12, 40))
    assert [(a.kind, a.state) for a in alerts()] == [("problem", "withdrawn")]


def test_a_failed_dump_is_a_problem_and_a_strange_content_a_warning(world: World) -> None:
    world.job()
    world.job("crm")
    site = world.site()
    data = dump_of("same")
    site.put("crm.sql.gz", data)
    site.report(NOON, {"crm": section(data, "crm.sql.gz")})
    world.scan(at(12, 1))
    site.put("crm.sql.gz", data)
    site.report(
        at(12, days=1),
        {
            "crm": section(data, "crm.sql.gz"),
            "shop": section(b"x", "shop.sql.gz", BACKUP__status=False),
        },
    )
    world.scan(at(12, 1, days=1))
    assert {(a.kind, a.status) for a in alerts()} == {
        ("warning", "HASH_MISMATCH"),
        ("problem", "FAILED"),
    }


def test_an_accepted_change_is_a_recovery(world: World) -> None:
    job = world.job(content_policy="must_not_change")
    world.site().deliver(NOON, shop="1")
    world.scan(at(12, 1))
    world.site().deliver(at(12, days=1), shop="2")
    world.scan(at(12, 1, days=1))
    (warning,) = alerts(kind="warning")
    warning.message_id, warning.state, warning.sent_at = None, "sent", at(12, 2, days=1)
    db.session.commit()
    accept_quarantined(world.settings, world.entries(job)[-1].id, Operator("ann"))
    assert kinds() == ["warning", "recovery"]


def test_a_paused_job_is_silent(world: World) -> None:
    job = world.job()
    world.site().report(NOON, {"shop": section(b"x", "shop.sql.gz", BACKUP__status=False)})
    pause_job(job, None, at(11, 59), "test")
    world.scan(at(12, 31))
    assert world.statuses(job) == ["FAILED"]
    assert kinds() == []


def test_a_cycle_before_the_job_existed_is_silent(world: World) -> None:
    site = world.site()
    site.report(NOON, {"shop": section(b"x", "shop.sql.gz", BACKUP__status=False)})
    job = world.job(created=at(12, 10))
    world.scan(at(12, 31))
    assert world.statuses(job) in ([], ["FAILED"])
    assert kinds() == []


def test_a_trial_with_as_of_leaves_nothing_to_tell(world: World) -> None:
    job = world.job()
    world.scan(at(12, 31))
    assert kinds() == ["problem"]
    world.scan(at(12, 10))
    assert world.statuses(job) == []
    assert kinds() == []


def test_what_was_told_too_early_stays_known_and_is_told_again_when_it_is_true(
    world: World,
) -> None:
    world.job()
    world.scan(at(12, 31))
    (alert,) = alerts()
    alert.state, alert.sent_at = "sent", at(12, 31)
    db.session.commit()
    world.scan(at(12, 10))
    assert [(a.kind, a.state, a.entry_id) for a in alerts()] == [
        ("problem", "withdrawn", None),
        ("correction", "waiting", None),
    ]
    world.scan(at(12, 32))
    assert [a.kind for a in alerts()] == ["problem", "correction", "problem"]


def test_a_dry_run_enters_nothing(world: World) -> None:
    world.job()
    world.scan(at(12, 31), dry_run=True)
    assert kinds() == []


def test_trouble_of_the_server_and_its_end_are_told_once(world: World) -> None:
    marker = world.settings.validated_root / ".backupmon"
    kept = marker.read_bytes()
    marker.unlink()
    for minutes in (1, 2):
        world.scan(at(9, minutes))
    (alert,) = alerts()
    assert (alert.kind, alert.recipient, alert.agent_key) == (
        "server",
        OPS,
        "/root.unmarked VALIDATED_ROOT",
    )
    alert.state, alert.sent_at = "sent", at(9, 2)
    db.session.commit()
    marker.write_bytes(kept)
    for minutes in (3, 4):
        world.scan(at(9, minutes))
    assert kinds() == ["server", "server_over"]


def test_a_site_of_many_databases_takes_no_more_queries(world: World) -> None:
    def asked_with(agent: str, databases: int) -> int:
        for number in range(databases):
            world.job(f"{agent}{number}", agent=agent)
        asked: list[str] = []

        def note(*arguments: Any) -> None:
            asked.extend(s for s in [arguments[2]] if "FROM alerts" in s or "INTO alerts" in s)

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            world.scan(at(12, 31))
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return len(asked)

    assert asked_with("few", 2) == asked_with("many", 60)
    assert len(alerts()) == 62
