"""docs/logs.md knows every event."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from backupmon.config import PROJECT_ROOT

_LOGGING = {f"log.{level}" for level in ("debug", "info", "warning", "error", "exception")}


def events() -> Iterator[str]:
    """The words that stand for an event wherever one is logged."""
    for folder in ("backupmon", "migrations"):
        for path in (PROJECT_ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in _LOGGING:
                    yield from _names(node.args[0])


def _names(event: ast.expr) -> Iterator[str]:
    if isinstance(event, ast.IfExp):
        yield from (*_names(event.body), *_names(event.orelse))
    elif isinstance(event, ast.Constant):
        yield str(event.value)


def test_every_event_is_in_the_table_and_none_that_is_not() -> None:
    table = (PROJECT_ROOT / "docs" / "logs.md").read_text().split("## Events")[1]
    heads = re.findall(r"^\| (`.*?) \| ", table.split("##")[0], re.MULTILINE)
    told = {name for head in heads for name in re.findall(r"`([^`]+)`", head)}
    given = set(events())
    assert given - told == set()
    # Those of the audit log are logged under the names of its acts.
    audited = {"user.…", "token.…", "quarantine.accept", "quarantine.delete", "copy.delete"}
    assert told - given == audited
