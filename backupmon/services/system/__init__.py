"""The server itself, for the page that tells how it is: storage, scans, conditions, versions."""

from backupmon.services.system.happenings import (
    PAGE_SIZE,
    Happenings,
    load_ended_conditions,
    load_runs,
)
from backupmon.services.system.storage import AreaUse, StorageUse, measure_storage
from backupmon.services.system.versions import versions

__all__ = [
    "PAGE_SIZE",
    "AreaUse",
    "Happenings",
    "StorageUse",
    "load_ended_conditions",
    "load_runs",
    "measure_storage",
    "versions",
]
