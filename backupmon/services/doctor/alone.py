"""The doctor for many: one examination at a time, whoever asks."""

from __future__ import annotations

from backupmon.config import Settings
from backupmon.core.errors import BackupmonError
from backupmon.core.phrases import phrase
from backupmon.services.doctor.examination import Examined, examine
from backupmon.storage.locks import folder_lock


class ExaminedAlreadyError(BackupmonError):
    """Somebody else examines this server at this moment."""


def examine_alone(settings: Settings) -> list[Examined]:
    """Run every check, as `examine`.

    Raises
    ------
    ExaminedAlreadyError
    """
    with folder_lock(settings.data_dir) as ours:
        if not ours:
            raise ExaminedAlreadyError(
                phrase("somebody else examines this server at this moment"),
                phrase("try again in some seconds"),
            )
        return list(examine(settings))
