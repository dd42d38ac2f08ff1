"""The log of ``flask up``: what its parts say, one line each, with the name of the part."""

from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime
from typing import Any

import click

from backupmon.core.text import clean

_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green")
_LONGEST = 20_000


class UpLog:
    """One log of several parts, on standard output.

    Parameters
    ----------
    coloured:
        Whether each part's name has its colour.
    as_json:
        Each line is an object, with the part under ``part``. What a part says in JSON keeps its
        fields; other words, such as Redis's, become the ``message`` of an event ``up.told``.
    """

    def __init__(self, *, coloured: bool, as_json: bool) -> None:
        self._coloured = coloured
        self._as_json = as_json
        self._lock = threading.Lock()
        self._colours: dict[str, str] = {}

    def say(self, name: str, line: str) -> None:
        """Write a line."""
        if self._as_json:
            told = json.dumps(_event(name, line), ensure_ascii=False)
            told = told.encode(errors="replace").decode()
        else:
            colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
            told = f"{click.style(f'{name:9}', fg=colour)} | {clean(line, _LONGEST)}"
        with self._lock:
            click.echo(told, color=self._coloured and not self._as_json)
            sys.stdout.flush()


def _event(name: str, line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if isinstance(found, dict) and "event" in found:
        return {**found, "part": name}
    time = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    said = clean(line, _LONGEST)
    return {"time": time, "level": "info", "event": "up.told", "part": name, "message": said}
