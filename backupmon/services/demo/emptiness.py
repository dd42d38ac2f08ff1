"""Whether the server is as good as new: nothing that matters to anybody is in it."""

from __future__ import annotations

from pathlib import Path

from backupmon.config import Settings
from backupmon.core.errors import RefusedError
from backupmon.services.reset import count_rows
from backupmon.storage.roots import MARKER

#: What `flask init` and a scan of nothing leave behind.
_HARMLESS_TABLES = frozenset({"storage_roots", "scan_runs"})
_HARMLESS_FILES = frozenset({MARKER, ".clock"})
_HINT = "try it in a folder of its own: set BACKUPMON_DATA_DIR, then flask init and flask demo"


class NotEmptyError(RefusedError):
    """The server holds something already."""


def refuse_unless_empty(settings: Settings) -> None:
    """Make sure that neither the database nor a root holds anything.

    The roots count too: scans of three weeks ago would judge what real agents delivered today.

    Raises
    ------
    NotEmptyError
        Saying what there is.
    """
    rows = {name: n for name, n in count_rows().items() if name not in _HARMLESS_TABLES}
    if rows:
        told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in rows.items())
        raise NotEmptyError(f"the database is not empty: it holds {told}", _HINT)
    for name, root in settings.roots().items():
        found = _first_file(root)
        if found is not None:
            raise NotEmptyError(
                f"{name} ({root}) is not empty: it holds {found.relative_to(root)}", _HINT
            )


def _first_file(root: Path) -> Path | None:
    """Any file that is not the server's own mark; empty folders do not count."""
    files = (path for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
    return next((path for path in files if path.name not in _HARMLESS_FILES), None)
