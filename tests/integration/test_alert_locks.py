"""Two that change several alerts never wait for each other (PostgreSQL)."""

from __future__ import annotations

from threading import Thread

import psycopg
import pytest
from psycopg.errors import LockNotAvailable
from sqlalchemy import make_url, update

from backupmon.config import Settings
from backupmon.extensions import db
from backupmon.models import Alert, AlertMessage
from backupmon.services.message_fates import mark_sent
from tests.integration.background import until
from tests.integration.conftest import World, at
from tests.integration.test_delivery import OPS, with_mail

_BLOCKED = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'"""


@pytest.fixture
def settings(postgresql_settings: Settings) -> Settings:
    return with_mail(postgresql_settings, 9).model_copy(update={"mail_server": None})


def test_what_was_sent_is_noted_in_the_order_in_which_verdicts_lock(world: World) -> None:
    for name in ("a", "b"):
        world.job(name)
    world.scan(at(12, 31))
    message = AlertMessage(
        header_id="<x@x>", recipient=OPS, recipient_key=OPS, created_at=at(12, 31)
    )
    db.session.add(message)
    db.session.flush()
    first, last = (alert.id for alert in db.session.query(Alert).order_by(Alert.id))
    # What was written last lies last: an update that asks for no order would take it last too.
    for number in (last, first):
        values = {"message_id": message.id}
        db.session.execute(update(Alert).where(Alert.id == number).values(values))
        db.session.commit()
    number = message.id

    def note() -> None:
        with world.app.app_context():
            found = db.session.get(AlertMessage, number)
            assert found is not None
            mark_sent(found, at(12, 32), "x")

    url = make_url(world.settings.database_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False)) as verdict:
        lock = "SELECT id FROM alerts WHERE id = %s FOR UPDATE"
        verdict.execute(lock, [first])
        noting = Thread(target=note)
        noting.start()
        until(lambda: verdict.execute(_BLOCKED).fetchone() == (1,), "it waits for the first")
        try:
            verdict.execute(f"{lock} NOWAIT", [last])
        except LockNotAvailable:
            pytest.fail("it holds the last one while it waits for the first")
        finally:
            verdict.rollback()
            noting.join(30)
    db.session.expire_all()
    assert {alert.state for alert in db.session.query(Alert)} == {"sent"}
