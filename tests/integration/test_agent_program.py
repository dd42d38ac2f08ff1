"""The reference agent as its users meet it: configuration, check, dry run, old Pythons."""

from __future__ import annotations

import ast
import configparser
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from backupmon.core.report_schema import report_schema
from backupmon.core.statuses import Status
from tests.integration.agent_module import agent
from tests.integration.agent_site import AGENT, PYTHON, AgentSite, command, site
from tests.servers import need_programs

__all__ = ["site"]

EXAMPLES = AGENT.parent / "examples"
#: What the standard library has only since Python 3.9 or later, and is easily taken for granted.
NEWER = {
    *("removeprefix", "removesuffix", "is_relative_to", "readlink", "with_stem", "hardlink_to"),
    *("file_digest", "UTC", "cache", "pairwise", "batched", "to_thread", "ExceptionGroup"),
    *("randbytes", "add_note", "zoneinfo", "tomllib", "graphlib"),
}


def test_the_agent_keeps_to_python_3_8_and_its_standard_library() -> None:
    tree = ast.parse(AGENT.read_text(), feature_version=(3, 8))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module))
            used |= {name.name for name in node.names}
    assert used & NEWER == set()
    assert imported <= set(sys.stdlib_module_names)
    assert "shell=True" not in AGENT.read_text()


def test_the_example_is_a_configuration_that_works(tmp_path: Path) -> None:
    printed = subprocess.run(
        [PYTHON, str(AGENT), "example-config"], capture_output=True, text=True, check=True
    ).stdout
    path = tmp_path / "agent.ini"
    path.write_text(printed)
    config = agent.ConfigReader(str(path)).read()
    assert [database.kind for database in config.databases] == [
        "mariadb",
        "postgresql",
        "sqlite",
        "command",
    ]
    # What is commented out is known, too.
    settings = [line for line in printed.splitlines() if not line.startswith("# ")]
    path.write_text("\n".join(line.removeprefix("#") for line in settings))
    agent.ConfigReader(str(path)).read()


def test_every_fault_of_a_configuration_is_named_at_once(site: AgentSite) -> None:
    site.agent = {"id": "a/b", "keep_local": "many", "colour": "red"}
    site.delivery = {"method": "pigeon", "host": "-oProxyCommand=x", "password": "x"}
    site.databases = {
        "one": {"kind": "oracle"},
        "two": {"kind": "mariadb", "database": "-x", "options": "-pSecret --compact"},
        "three": {"kind": "postgresql", "options": "-d postgresql://me:pw@host/x"},
        "four": {"kind": "sqlite", "path": "relative.db"},
        "five": {"kind": "command", "command": "'open", "complete": "("},
    }
    said = site.run(expect=2)
    for words in (
        "[agent] id is 'a/b'",
        "[agent] keep_local is 'many'",
        "[agent] colour is not known",
        "[delivery] method is 'pigeon'",
        "[delivery] password: passwords have no place here",
        "[database one] kind is 'oracle'",
        "[database two] database: a name cannot begin with a hyphen",
        "[database two] options: a password would be seen",
        "[database two] options: with --compact nobody could tell",
        "[database three] options: a password would be seen",
        "[database four] path: the absolute path",
        "[database five] command: No closing quotation",
        "[database five] complete is no regular expression",
    ):
        assert words in said
    assert "Secret" not in said
    assert not site.work.exists()


def test_a_configuration_that_cannot_be_read_is_named(site: AgentSite, tmp_path: Path) -> None:
    for text, words in (
        ("[agent", "agent.ini"),
        ("[agent]\nid = a\n[agent]\n", "already exists"),
        ("", "[agent] is missing"),
    ):
        path = tmp_path / "agent.ini"
        path.write_text(text)
        ended = subprocess.run(
            [PYTHON, str(AGENT), "-c", str(path), "run"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 2
        assert words in ended.stderr


def test_a_dry_run_tells_all_and_touches_nothing(site: AgentSite) -> None:
    site.databases = {"shop": command("touch /tmp/never"), "lost": {"kind": "sqlite", "path": "/x"}}
    said = site.run("run", "--dry-run")
    assert "shop: sh -c 'touch /tmp/never'" in said
    assert "-> databases/shop_" in said
    assert "report -> log/STATUS_" in said
    assert not site.work.exists()
    assert site.delivered() == site.delivered("log") == []


def test_a_check_tries_all_and_leaves_nothing(site: AgentSite, tmp_path: Path) -> None:
    need_programs("mariadb-dump")
    secret = tmp_path / "my.cnf"
    secret.write_text("[client]\n")
    secret.chmod(0o644)
    site.databases = {
        "good": command("exit 1"),
        "lost": {"kind": "sqlite", "path": "/no/such.db"},
        "open": {"kind": "mariadb", "option_file": secret},
        "none": {"kind": "command", "command": "no-such-program"},
    }
    said = site.run("check", expect=1)
    assert "ok    database good: sh is there" in said
    assert "BAD   database lost: there is no database /no/such.db" in said
    assert f"chmod 600 {secret}" in said
    assert "BAD   database none: not on the path: no-such-program" in said
    assert "ok    delivery by folder" in said
    assert site.delivered() == site.delivered("log") == []
    assert list((site.work / "tmp").iterdir()) == []


def test_only_what_is_named_is_backed_up(site: AgentSite) -> None:
    site.databases = {"shop": command("echo one"), "crm": command("echo two")}
    assert "there is no [database sho]" in site.run("run", "sho", expect=2)
    site.run("run", "crm")
    assert list(site.report()["databases"]) == ["crm"]


@pytest.mark.parametrize(
    "name", ["shop", "my shop", "a/b", "../x", "-rf", "é" * 100, "<script>", ".hidden", "x" * 255]
)
def test_any_name_makes_a_name_for_a_file(name: str) -> None:
    config = agent.Config({"file_names": "unique"}, {}, ())
    values = {"compression": "gzip", "suffix": "sql"}
    staged = agent.Database(name, "command", values).staged_name(config, "20250612T220000Z")
    assert staged.isascii()
    assert not set(staged) & set("/\\ \0<>")
    assert staged[0] not in ".-"
    assert len(staged) < 200
    other = agent.Database(name + " ", "command", values).staged_name(config, "20250612T220000Z")
    assert other != staged


def test_the_report_is_what_the_schema_asks_for(site: AgentSite) -> None:
    site.databases = {"good": command("echo whole"), "bad": command("exit 1")}
    site.run(expect=1)
    report = site.report()
    jsonschema_rs.validate(report_schema(), report)
    assert report["overall_status"] == "completed_with_errors"
    bad = report["databases"]["bad"]
    assert [bad[step]["status"] for step in ("BACKUP", "COMPRESS", "TRANSFER")] == [False] * 3
    assert bad["BACKUP"]["error_message"] == "sh ended with 1, without a word"
    assert report["operation_end_time"].endswith("Z")


def test_the_examples_of_units_and_cron_run_the_agent() -> None:
    service: Any = configparser.ConfigParser(strict=False, interpolation=None)
    service.optionxform = str
    service.read(EXAMPLES / "backupmon-agent.service")
    assert service["Service"]["ExecStart"].endswith(f"{AGENT.name} run")
    assert service["Service"]["StateDirectory"] in agent.AGENT_DEFAULTS["work_dir"]
    crontab = (EXAMPLES / "crontab").read_text()
    for asked in ("run", "send"):
        assert f"{AGENT.name} {asked}" in crontab
        assert agent.arguments([asked]).command == asked
    assert os.access(AGENT, os.X_OK)
    assert json.dumps(agent.EXAMPLE).isascii()


# --- secrets -----------------------------------------------------------------------------------


def test_no_command_line_bears_a_secret_or_lets_a_name_be_an_option(tmp_path: Path) -> None:
    path = tmp_path / "agent.ini"
    path.write_text(
        "[agent]\nid = a\n[delivery]\nmethod = folder\npath = /x\n"
        "[database p]\nkind = postgresql\ndatabase = postgresql://me:secret@host/x\n"
        "host = h\nuser = u\npassfile = /etc/pgpass\nprogram = true\n"
        "[database m]\nkind = mysql\nuser = u\noption_file = /etc/my.cnf\nprogram = true\n"
    )
    p, m = (agent.dumper_of(found) for found in agent.ConfigReader(str(path)).read().databases)
    assert p.argv[1:] == ["--no-password", "--format=custom"]
    assert p.env["PGDATABASE"] == "postgresql://me:secret@host/x"
    assert (p.env["PGHOST"], p.env["PGUSER"], p.env["PGPASSFILE"]) == ("h", "u", "/etc/pgpass")
    # What is read instead of the user's own options must come first.
    assert m.argv[1] == "--defaults-extra-file=/etc/my.cnf"
    assert "--no-tablespaces" in m.argv
    assert m.argv[-1] == "m"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("db://me:pw@host/x refused", "db://me:***@host/x refused"),
        ("password=hunter2, sir", "password=*** sir"),
        ("password: 'a b' is wrong", "password: *** is wrong"),
        ("Access denied (using password: YES)", "Access denied (using password: YES)"),
        ("key from-the-environment", "key ***"),
    ],
)
def test_what_programs_say_is_told_without_passwords(
    said: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTIC_PASSWORD", "from-the-environment")
    assert agent.without_secrets(said) == told


# --- without this agent ------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["-- Dump completed", "-- nothing of the kind"])
def test_the_shell_script_of_the_guide_is_an_agent(site: AgentSite, ending: str) -> None:
    need_programs("rsync")
    guide = (AGENT.parents[1] / "docs" / "agent.md").read_text()
    (script,) = [block for block in guide.split("```") if block.startswith("sh\nset -eu")]
    dump = f"printf 'row\\n{ending}\\n'"
    script = script.removeprefix("sh\n").replace("mariadb-dump --single-transaction shop", dump)
    script = script.replace("backup.example.org:", f"{site.deposit}/").replace("_douala", "")
    job = site.job()
    subprocess.run(["sh", "-c", script], check=True, capture_output=True)
    site.scan()
    good = ending == "-- Dump completed"
    assert site.world.entry(job).status == (Status.SUCCESS if good else Status.FAILED)
    assert len(site.validated()) == int(good)
