"""Digests on PostgreSQL: what asks it most, and what it alone could let happen twice."""

from __future__ import annotations

import pytest

from backupmon.config import Settings
from tests.integration.mailbox import Mailbox
from tests.integration.test_delivery import with_mail
from tests.integration.test_digest import lived
from tests.integration.test_digest import (
    test_hundreds_of_jobs_make_a_short_mail_of_few_queries as test_few_queries,
)
from tests.integration.test_digest import (
    test_nothing_comes_twice_however_many_scan_at_once as test_nothing_comes_twice,
)
from tests.integration.test_digest import (
    test_what_is_not_well_though_no_status_says_so_is_told as test_copies_that_are_gone,
)
from tests.integration.test_digest import (
    test_what_went_wrong_and_is_well_again_is_counted as test_what_is_well_again,
)

__all__ = [
    "lived",
    "test_copies_that_are_gone",
    "test_few_queries",
    "test_nothing_comes_twice",
    "test_what_is_well_again",
]


@pytest.fixture
def settings(postgresql_settings: Settings, mailbox: Mailbox) -> Settings:
    return with_mail(postgresql_settings, mailbox.port).model_copy(update={"alert_digest": "daily"})
