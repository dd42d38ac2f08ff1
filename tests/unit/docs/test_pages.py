"""What the documentation names is there: pages, commands, settings, targets, routes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import pytest
from flask import Flask
from flask.cli import run_command
from flask_migrate.cli import db as migrations
from werkzeug.routing import Rule

from backupmon.config import NOT_SETTINGS, PREFIX, PROJECT_ROOT, Settings
from docs.generate import DOCS, commands
from tests.unit.docs.markdown import anchors, blocks, links, name_of, pages, spans, tables, text_of

each_page = pytest.mark.parametrize("page", pages(), ids=name_of)


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(PROJECT_ROOT), link
        assert not anchor or anchor in anchors(target), link


@each_page
def test_every_row_of_a_table_has_its_cells(page: Path) -> None:
    for rows in tables(page):
        assert re.fullmatch(r"[| :-]+", rows[1]), rows[0]
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
        assert len(widths) == 1, rows[0]


COMMANDS = dict(commands()) | {("db",): migrations, ("run",): run_command}


def shown_lines(page: Path) -> Iterator[str]:
    """The lines of what is shown to be typed."""
    for block in blocks(page):
        yield from block.replace("\\\n", " ").splitlines()


def command_lines(codes: Iterable[str]) -> Iterator[str]:
    """What begins ``flask …`` in them, up to what the shell reads for itself."""
    for code in codes:
        for found in re.finditer(r"(?<![\w/-])(?:\.venv/bin/)?(flask [^#;&<>]+)", code):
            yield found.group(1).split(" | ")[0].strip()


def choices(word: str) -> list[str]:
    """What a word of a line may stand for: ``snooze|acknowledge`` for two."""
    return word.strip("[]…").split("|")


def resolved(words: list[str]) -> Iterator[tuple[click.Command, list[str]]]:
    """The commands that a line stands for, each with the words that are left for it."""
    group: click.Command
    for name in choices(words[0]):
        group = COMMANDS[(name,)]
        rest = words[1:]
        if isinstance(group, click.Group) and rest and rest[0] != "…":
            for below in choices(rest[0]):
                assert below in group.commands, f"flask {name} {below}"
                yield group.commands[below], rest[1:]
        else:
            yield group, rest


@each_page
def test_every_command_line_can_be_read(page: Path) -> None:
    for line in command_lines([*shown_lines(page), *spans(page)]):
        words = [word for word in shlex.split(line)[1:] if word not in ("…", "--help")]
        if not words or words[0] == "COMMAND":
            continue
        for command, rest in resolved(words):
            known = {flag for p in command.params for flag in (*p.opts, *p.secondary_opts)}
            given = {flag for w in rest for flag in choices(w) if flag.startswith("--")}
            assert given - known == set(), line


@each_page
def test_what_is_to_be_typed_as_it_stands_is_accepted(page: Path) -> None:
    for line in command_lines(shown_lines(page)):
        words = shlex.split(line)[1:]
        if re.search(r"[…|\[]|\b[A-Z]{2,}\b", line) or len(words) < 2 or words[0] == "db":
            continue
        for command, rest in resolved(words):
            if rest:
                command.make_context(line, rest).close()


def test_there_is_enough_to_look_at() -> None:
    lines = {line for page in pages() for line in command_lines(shown_lines(page))}
    assert len(lines) > 40
    assert "flask history 1" in lines
    found = {path for page in pages() for _, path in routes(page)}
    assert {"/metrics", "/api/scan", "/api/jobs/<id>"} <= found


def test_the_guide_is_the_same_in_both_languages() -> None:
    english, french = (DOCS / name for name in ("admin-guide.md", "guide-administrateur.md"))
    heads = [re.findall(r"^## ", text_of(page), re.MULTILINE) for page in (english, french)]
    assert len(heads[0]) == len(heads[1])
    told = [
        {words[:3] for line in command_lines(shown_lines(page)) if (words := tuple(line.split()))}
        for page in (english, french)
    ]
    assert told[0] - told[1] == set()


def names(text: str) -> set[str]:
    return set(re.findall(rf"\b{PREFIX}([A-Z0-9_]*[A-Z0-9])\b", text))


def known_settings() -> set[str]:
    """Ours, those of Compose and those of the agent."""
    ours = {name.upper() for name in Settings.model_fields}
    compose = names(" ".join(re.findall(r"\$\{\w+", text_of(PROJECT_ROOT / "compose.yml"))))
    agents = {n for p in PROJECT_ROOT.glob("agent/*.py") for n in names(text_of(p))}
    return ours | {f"{name}_FILE" for name in ours} | NOT_SETTINGS | compose | agents | {"NAME"}


@each_page
def test_every_setting_exists(page: Path) -> None:
    wrong = names(text_of(page)) - known_settings() - {"NAME_FILE"}
    assert {name for name in wrong if not name.startswith("TEST_")} == set()


@each_page
def test_settings_that_are_named_without_their_prefix_exist(page: Path) -> None:
    if page.name in ("settings.md",):
        return
    beginnings = {name.split("_")[0] for name in Settings.model_fields if "_" in name}
    for code in spans(page):
        if re.fullmatch(r"[A-Z]+(_[A-Z]+)+", code) and code.split("_")[0].lower() in beginnings:
            assert code in known_settings(), code


@each_page
def test_every_target_of_make_exists(page: Path) -> None:
    makefile = text_of(PROJECT_ROOT / "Makefile")
    for code in [*blocks(page), *spans(page)]:
        for target in re.findall(r"^ *make ([a-z]+)", code, re.MULTILINE):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


#: What lies at the root of a machine is no route of ours.
FOLDERS = ("bin", "boot", "data", "dev", "etc", "home", "nonexistent", "opt", "proc", "root", "run",
           "srv", "tmp", "usr", "var")  # fmt: skip


def routes(page: Path) -> Iterator[tuple[str, str]]:
    """The method and the path of each request that is named."""
    for code in [*spans(page), *(line for b in blocks(page) for line in b.splitlines())]:
        named = re.match(r"(GET|POST|PUT|DELETE) (/\S*)", code)
        bare = re.fullmatch(r"/[\w<>/.-]*", code)
        if named:
            yield named.group(1), named.group(2)
        elif bare and code in spans(page) and code.split("/")[1] not in FOLDERS:
            yield "GET", code


def answers(rule: Rule, method: str, path: str) -> bool:
    """Whether a rule serves a path, in which ``<id>`` stands for a number."""
    shape = re.sub(r"<(?:\w+:)?\w+>", "<>", rule.rule)
    return method in (rule.methods or ()) and shape == re.sub(r"<\w+>", "<>", path)


@each_page
def test_every_route_exists(page: Path, app: Flask) -> None:
    for method, path in routes(page):
        path = path.partition("?")[0]
        assert any(answers(rule, method, path) for rule in app.url_map.iter_rules()), path
