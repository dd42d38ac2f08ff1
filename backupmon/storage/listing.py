"""The folders of the deposit area, as they are spelt on disk."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from backupmon.core.job_spec import agent_key
from backupmon.core.paths import Component
from backupmon.storage.folders import NotAFolderError, folder, names_in


class DepositListing:
    """The folders of the deposit area, listed once per scan.

    Parameters
    ----------
    root_fd:
        DEPOSIT_ROOT, open.
    """

    def __init__(self, root_fd: int) -> None:
        self._root_fd = root_fd
        self._spellings: dict[tuple[str, ...], dict[str, list[str]]] = {}

    def agent_folders(self) -> list[str]:
        """The folders at the top, the server's own left out."""
        return sorted(n for names in self._listed(()).values() for n in names)

    def spelt(self, components: Sequence[Component]) -> list[tuple[str, ...]]:
        """The paths that a template means, an agent's folder in whatever case it has."""
        paths: list[tuple[str, ...]] = [()]
        for component in components:
            if component.any_case:
                paths = [
                    (*path, name)
                    for path in paths
                    for name in self._listed(path).get(agent_key(component.text), [])
                ]
            else:
                paths = [(*path, component.text) for path in paths]
        return paths

    def _listed(self, path: tuple[str, ...]) -> dict[str, list[str]]:
        if path not in self._spellings:
            self._spellings[path] = self._read(path)
        return self._spellings[path]

    def _read(self, path: tuple[str, ...]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        with (
            contextlib.suppress(FileNotFoundError, NotAFolderError),
            folder(self._root_fd, path) as here,
        ):
            for name in names_in(here, "/".join(path) or "DEPOSIT_ROOT"):
                if not name.startswith(".") and _is_text(name):
                    found.setdefault(agent_key(name), []).append(name)
        return found


def _is_text(name: str) -> bool:
    """Whether a name on disk is UTF-8. No agent's id is anything else."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
