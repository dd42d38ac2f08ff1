"""The server under examination: what several checks ask for, asked once."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from backupmon.config import Settings
from backupmon.core.errors import BackupmonError
from backupmon.queue import QueueDownError
from backupmon.services.background_status import Background, look_at_background
from backupmon.services.doctor.asking import check_database
from backupmon.services.doctor.root_trials import TriedRoot, try_root
from backupmon.services.roots import all_roots
from backupmon.services.schema import check_schema


class Patient:
    """A server, and when it is looked at."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.now = datetime.now(UTC)

    @cached_property
    def database_trouble(self) -> BackupmonError | None:
        """Why the database does not answer; None when it does."""
        try:
            check_database(self.settings)
        except BackupmonError as error:
            return error
        return None

    @cached_property
    def schema_trouble(self) -> BackupmonError | None:
        """Why the tables cannot be used; None when they can."""
        if self.database_trouble is not None:
            return self.database_trouble
        try:
            check_schema()
        except BackupmonError as error:
            return error
        return None

    @property
    def has_tables(self) -> bool:
        """Whether the database can be asked for what it holds."""
        return self.schema_trouble is None

    @cached_property
    def background(self) -> Background | QueueDownError:
        """What Redis says of queues and workers, or why it says nothing."""
        try:
            return look_at_background(self.settings)
        except QueueDownError as error:
            return error

    @cached_property
    def roots(self) -> dict[str, TriedRoot]:
        """The roots by the name of their setting, each tried out where it may be."""
        tried = [try_root(root, known=self.has_tables) for root in all_roots(self.settings)]
        return {found.root.name: found for found in tried}
