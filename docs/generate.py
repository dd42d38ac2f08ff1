"""Writes the pages that follow from the code: ``make docs``. A test holds them against it."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import click
from flask import Flask
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from backupmon.cli import register_commands
from backupmon.config import PREFIX, PROJECT_ROOT, Settings

DOCS = Path(__file__).parent

#: What belongs together, by what the names begin with; whatever fits nowhere comes last.
GROUPS: Sequence[tuple[str, tuple[str, ...]]] = (
    ("Where things lie", ("data_dir", "database_url", "redis_url", "deposit_",
                          "validated_", "quarantine_root", "report_archive_")),
    ("Scans", ("scanner_", "settle_", "default_")),
    ("Pages", ("base_url", "trusted_", "secret_key", "language")),
    ("Mail and alerts", ("mail_", "alert_", "digest")),
    ("Other monitors and channels", ("heartbeat_", "allow_", "channel", "apprise")),
    ("Log", ("log_",)),
    ("The rest", ("",)),
)  # fmt: skip

SETTINGS_HEAD = f"""# Settings

*Written by `make docs` from `backupmon/config.py`.*

Every setting is read once, at the start of a process, from the first of these that has it:

1. the environment: `{PREFIX}NAME=value`;
2. the file that `{PREFIX}NAME_FILE` names: its text, without white space around it, is the value.
   That is meant for secrets, and works for all;
3. the file `.env` in the folder that the process is started in: lines like `{PREFIX}NAME=value`;
4. the default.

An empty value is as good as none. A wrong one stops the start, with its name, the value and what
is allowed; all wrong ones are told at once. A variable with the prefix that is no setting is warned
of, since most of them are typos. `flask doctor` looks whether what is set can work.

In the tables the prefix `{PREFIX}` is left out. *Secret* marks what is never shown or logged.
"""

COMMANDS_HEAD = """# Commands

*Written by `make docs` from the commands themselves; `--help` says the same.*

With the virtual environment active, or with `.venv/bin/` before the name, in the folder that holds
`wsgi.py`. Results go to standard output, the log and errors to standard error. An error is one
sentence and a hint, and the exit code is 1; wrong usage is 2.

`flask db upgrade` brings the database to this version ([upgrades](deployment.md#upgrades)); `flask
up` and `flask init` do so by themselves.
"""


def settings_page() -> str:
    """docs/settings.md."""
    left = dict(Settings.model_fields)
    parts = [SETTINGS_HEAD]
    for title, beginnings in GROUPS:
        names = [name for name in left if name.startswith(beginnings)]
        if names:
            rows = [_setting_row(name, left.pop(name)) for name in names]
            parts.append(_table(title, ("setting", "what it is", "default", "allowed"), rows))
    return "\n".join(parts)


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(heads)
    lines = [f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows)]
    return "\n".join([f"## {title}", "", *lines, ""])


def _setting_row(name: str, field: FieldInfo) -> Sequence[str]:
    words = _escaped(field.description or "")
    if SecretStr in get_args(field.annotation):
        words += " *Secret.*"
    return f"`{name.upper()}`", words, _default(field), _allowed(field)


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.default_factory is not None:
        # Those without a value of their own follow from DATA_DIR.
        value = field.default_factory({"data_dir": Path("DATA_DIR")})  # type: ignore[call-arg]
    if value is None:
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Path) and value.is_relative_to(PROJECT_ROOT):
        return f"`{value.relative_to(PROJECT_ROOT)}/` beside `wsgi.py`"
    return f"`{value}`"


def _allowed(field: FieldInfo) -> str:
    kind = _without_none(field.annotation)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(kind))
    if kind is bool:
        return "`true`, `false`"
    bounds = {k: getattr(rule, k) for rule in field.metadata for k in ("ge", "le")
              if hasattr(rule, k)}  # fmt: skip
    if bounds:
        return f"{bounds['ge']:,} to {bounds['le']:,}"
    return "a folder" if kind is Path else ""


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, types.UnionType):
        return next(kind for kind in get_args(annotation) if kind is not type(None))
    return annotation


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Our commands by their words, each group before its commands."""
    app = Flask("docs", root_path=str(DOCS))
    known = set(app.cli.commands)
    register_commands(app)
    for name in sorted(set(app.cli.commands) - known):
        yield from _below((name,), app.cli.commands[name])


def _below(
    words: tuple[str, ...], command: click.Command
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _below((*words, name), command.commands[name])


def commands_page() -> str:
    """docs/commands.md."""
    return "\n".join([COMMANDS_HEAD, *(_command(words, command) for words, command in commands())])


def _command(words: tuple[str, ...], command: click.Command) -> str:
    name = f"flask {' '.join(words)}"
    context = click.Context(command, info_name=name)
    lines = ["#" * (len(words) + 1) + f" {name}", "", *_help(command), ""]
    if isinstance(command, click.Group):
        return "\n".join(lines)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    lines += ["```", usage, "```", ""]
    records = [option.get_help_record(context) for option in command.get_params(context)]
    rows = [_option_row(*record) for record in records if record and _tells(*record)]
    if rows:
        lines += ["| option | |", "| --- | --- |", *rows, ""]
    return "\n".join(lines)


def _tells(flags: str, words: str) -> bool:
    """Arguments stand in the usage already."""
    return bool(words) and flags != "--help"


def _help(command: click.Command) -> list[str]:
    paragraphs = (command.help or command.short_help or "").split("\n\n")
    return "\n\n".join(" ".join(p.replace("\b", "").split()) for p in paragraphs).splitlines()


def _option_row(flags: str, words: str) -> str:
    return f"| `{_escaped(flags, '|')}` | {_escaped(' '.join(words.split()))} |"


def _escaped(words: str, special: str = "|<*") -> str:
    """For a cell of a table; between backticks only the bar is special."""
    return "".join(f"\\{c}" if c in special else c for c in words)


#: What is written, by its name below docs/.
PAGES = {"settings.md": settings_page, "commands.md": commands_page}


def main() -> None:
    """Write all of them."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
