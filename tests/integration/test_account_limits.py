"""What no column can hold is not there, on any database, and never an error of the server."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask

from backupmon.config import Settings
from backupmon.core.errors import NotFoundError
from backupmon.extensions import db
from backupmon.services.account_changes import find_user_by_id
from backupmon.services.tokens import revoke_token
from tests.integration.web import browser

NOW = datetime(2031, 3, 3, 12, tzinfo=UTC)


@pytest.fixture
def settings(settings_on_each: Settings) -> Settings:
    return settings_on_each


@pytest.mark.parametrize("name", ["ada\x00", "\x00", "x" * 300, "\ufdfa" * 64, "a\nb"])
def test_a_name_that_nobody_can_have_is_a_wrong_one(app: Flask, name: str) -> None:
    assert browser(app).log_in(name).status_code == 422


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("number", [0, -1, 2**31, 2**63, 10**30])
def test_a_number_that_nothing_can_have_is_not_there(number: int) -> None:
    with pytest.raises(NotFoundError, match="there is no user"):
        find_user_by_id(number)
    db.session.rollback()
    with pytest.raises(NotFoundError, match="there is no token"):
        revoke_token(number, "test", NOW)
