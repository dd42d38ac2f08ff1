"""Pages on which people choose how they are told: admins for all, each for their own account."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from backupmon.config import Settings
from backupmon.core.digest_policy import Rhythm
from backupmon.extensions import db
from backupmon.models import AuditEvent
from backupmon.services.alert_recipients import Wishes, wishes_of
from backupmon.services.channels import list_channels
from tests.integration.test_channels import HUSH, Service, needs_apprise, service
from tests.integration.web import SCRIPT, ClientAs

__all__ = ["service"]
ANN = "ann@x.org"


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    wanted = {"alert_recipients": "ops@x.org", "allow_private_addresses": True}
    return sqlite_settings.model_copy(update=wanted)


def test_an_admin_chooses_for_somebody(client_as: ClientAs) -> None:
    admin = client_as("admin")
    page = admin.get("/admin/recipients")
    assert "ops@x.org" in page.text
    assert "everything" in page.text
    wrong = admin.send("/admin/recipients", address=SCRIPT)
    assert wrong.status_code == 422
    assert "is no mail address" in wrong.text
    assert SCRIPT not in wrong.text
    there = admin.send("/admin/recipients", address=ANN).location
    assert there == admin.send("/admin/recipients", address=ANN.upper()).location
    chosen = {"language": "fr", "digest": "weekly", "time": "18:30", "timezone": "Europe/Paris"}
    assert admin.send(f"{there}/wishes", **chosen).location == there
    assert wishes_of(ANN) == Wishes("fr", Rhythm.WEEKLY, 18 * 60 + 30, "Europe/Paris")
    assert "on Mondays, 18:30" in admin.get("/admin/recipients").text
    shown = admin.get(there).text
    assert 'value="18:30"' in shown
    assert '<option value="weekly" selected>' in shown


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("time", "25:00", "is no time of day"),
        ("timezone", "Mars/Base", "is no time zone that is known here"),
        ("digest", "hourly", "is none of those that there are"),
        ("language", "tlh", "is none of those that there are"),
    ],
)
def test_what_is_wrong_stands_beside_what_was_typed(
    client_as: ClientAs, field: str, value: str, fault: str
) -> None:
    admin = client_as("admin")
    there = admin.send("/admin/recipients", address=ANN).location
    sent = {"language": "", "digest": "daily", "time": "07:00", "timezone": "", field: value}
    page = admin.send(f"{there}/wishes", **sent)
    assert page.status_code == 422
    assert fault in page.text
    assert wishes_of(ANN) == Wishes()


@needs_apprise
def test_an_admin_adds_tries_and_removes_a_channel_whose_address_is_never_shown(
    client_as: ClientAs, service: Service
) -> None:
    admin = client_as("admin")
    there = admin.send("/admin/recipients", address=ANN).location
    for name, url, fault in (
        ("", f"slack://{HUSH}/b/c", "is empty"),
        ("chat", f"syslog://{HUSH}", "is of a kind that is not taken here"),
        ("chat", f"slack://{HUSH}", "Apprise cannot use its address"),
    ):
        page = admin.send(f"{there}/channels", name=name, url=url)
        assert (page.status_code, HUSH in page.text) == (422, False)
        assert fault in page.text
    url = f"json://127.0.0.1:{service.port}/{HUSH}"
    assert admin.send(f"{there}/channels", name=SCRIPT, url=url).location == there
    page = admin.get(there).text
    assert HUSH not in page
    assert SCRIPT not in page
    assert "<code>json://…</code>" in page
    assert HUSH not in admin.get("/admin/recipients").text
    trial = "/admin/recipients/channels/1"
    assert admin.send(f"{trial}/test").location == there
    assert service.took[0]["title"] == "backupmon: this message arrived"
    service.status = 500
    failed = admin.send(f"{trial}/test")
    assert failed.status_code == 422
    assert "it was not taken (HTTP 500)" in failed.text
    assert admin.send(f"{trial}/remove").location == there
    assert list_channels() == []
    assert HUSH not in admin.get("/admin/audit").text
    acts = list(db.session.scalars(select(AuditEvent.actor)))
    assert acts == ["user:admin"] * 2


def test_who_is_known_by_a_mail_address_chooses_in_the_own_account(client_as: ClientAs) -> None:
    assert "Mails to" not in client_as("viewer").get("/account").text
    ann = client_as("viewer", ANN)
    assert f"Mails to {ANN}" in ann.get("/account").text
    sent = {"language": "", "digest": "daily", "time": "", "timezone": "Europe/Paris"}
    assert ann.send("/account/digest", **sent).location == "/account"
    assert wishes_of(ANN) == Wishes(None, Rhythm.DAILY, None, "Europe/Paris")
    wrong = ann.send("/account/digest", **(sent | {"time": "soon"}))
    assert wrong.status_code == 422
    assert "is no time of day" in wrong.text
