"""``flask scan``, ``history`` and ``reports check`` as their users meet them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from backupmon.cli.scan import RUNNING
from backupmon.config import PROJECT_ROOT, Settings
from backupmon.core.report_schema import report_schema
from backupmon.extensions import db
from backupmon.services.locking import ScanLock
from tests.integration.conftest import World, at
from tests.integration.site import section

SAMPLES = Path(__file__).parent.parent / "samples"
NOON = at(12).isoformat()


def invoke(app: Flask, *arguments: str) -> tuple[int, str, str]:
    """Run a command; gives its exit code, standard output and standard error."""
    result = app.test_cli_runner().invoke(args=list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_json_is_all_there_is_on_standard_output(world: World) -> None:
    world.job()
    world.site().deliver(at(11, 50), shop="a")
    code, out, err = invoke(world.app, "scan", "--as-of", NOON, "--json")
    told = json.loads(out)
    assert code == 0
    assert told["as_of"] == "2031-03-03T12:00:00Z"
    assert told["counts"]["SUCCESS"] == 1
    (entry,) = told["entries"]
    assert (entry["database_name"], entry["status"]) == ("shop", "SUCCESS")
    assert {f["code"] for f in entry["findings"]} >= {"file.sha256", "file.size"}
    assert "event=verdict" in err


def test_in_a_pipe_every_verdict_is_one_plain_line(world: World) -> None:
    world.job("shop")
    world.job("crm")
    world.site().deliver(at(11, 50), shop="a")
    code, out, _err = invoke(world.app, "scan", "--as-of", at(13).isoformat())
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("○ MISSING")
    assert lines[1].startswith("✓ SUCCESS")
    assert lines[2].startswith("1 SUCCESS, 1 MISSING.")
    assert "\x1b" not in out


def test_bad_verdicts_do_not_change_the_exit_code(world: World) -> None:
    world.job()
    assert invoke(world.app, "scan", "--as-of", at(13).isoformat())[0] == 0


def test_a_log_line_names_scan_agent_job_and_entry(world: World) -> None:
    world.job()
    world.site().deliver(at(11, 50), shop="a")
    _code, _out, err = invoke(world.app, "scan", "--as-of", NOON)
    (line,) = [x for x in err.splitlines() if "event=verdict" in x]
    assert all(f" {word}=" in line for word in ("scan", "agent", "job", "entry"))


def test_a_server_condition_is_told_with_its_hint(world: World) -> None:
    (world.settings.validated_root / ".backupmon").unlink()
    code, out, _err = invoke(world.app, "scan", "--as-of", NOON)
    assert code == 0
    assert "VALIDATED_ROOT" in out
    assert "hint: mount it" in out


def test_while_a_scan_is_running_a_second_says_so_and_since_when(world: World) -> None:
    with ScanLock(world.settings):
        code, out, err = invoke(world.app, "scan", "--json")
    assert code == RUNNING
    assert "a scan is running since" in err
    assert json.loads(out)["running_since"].endswith("Z")


def test_an_empty_database_is_told_how_to_be_set_up(app: Flask, settings: Settings) -> None:
    db.session.remove()
    db.engine.dispose()
    (settings.data_dir / "backupmon.db").unlink()
    code, out, err = invoke(app, "scan")
    assert code == 1
    assert out == ""
    assert "flask init" in err
    assert not (settings.data_dir / "backupmon.db").exists()


@pytest.mark.parametrize(
    ("revision", "hint"),
    [("", "flask init"), ("9999", "start the newer program")],
)
def test_a_database_of_another_version_is_told(app: Flask, revision: str, hint: str) -> None:
    statement = "DELETE FROM alembic_version"
    if revision:
        statement = f"UPDATE alembic_version SET version_num = '{revision}'"
    db.session.execute(text(statement))
    db.session.commit()
    code, _out, err = invoke(app, "scan")
    assert (code, hint in err) == (1, True)


def test_a_database_that_is_lost_leaves_everything_where_it_is(world: World) -> None:
    world.job()
    world.site().deliver(at(11, 50), shop="a")
    files = world.every_file()
    db.session.rollback()
    db.session.execute(text("DROP TABLE stored_backups"))
    db.session.commit()
    code, _out, err = invoke(world.app, "scan", "--as-of", NOON)
    assert code == 1
    assert "the database cannot be used" in err
    assert world.every_file() == files


def test_a_moment_that_is_none_is_refused_with_an_example(world: World) -> None:
    for moment in ("tomorrow", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", ""):
        code, _out, err = invoke(world.app, "scan", "--as-of", moment)
        assert code == 2
        assert "--as-of" in err


def test_a_terminal_gets_a_table_of_what_is_not_simply_good(world: World) -> None:
    """In a process of its own, on a terminal of its own."""
    world.job()
    world.job("crm")
    world.site().deliver(at(11, 50), shop="a")
    db.session.rollback()
    leader, follower = pty.openpty()
    environment = {
        **os.environ,
        "BACKUPMON_DATA_DIR": str(world.settings.data_dir),
        "COLUMNS": "100",
        "TERM": "xterm",
    }
    command = [sys.executable, "-m", "flask", "scan", "--as-of", at(13).isoformat()]
    with subprocess.Popen(
        command, cwd=PROJECT_ROOT, env=environment, stdout=follower, stderr=follower
    ) as process:
        os.close(follower)
        shown = _read_all(leader)
    assert process.returncode == 0
    assert "what was found" in shown
    assert "MISSING" in shown
    assert "1 SUCCESS" in shown
    assert "event=" not in shown, "log lines would spoil the bar"


def _read_all(leader: int) -> str:
    pieces = []
    try:
        while piece := os.read(leader, 4096):
            pieces.append(piece)
    except OSError:
        pass  # Linux says EIO when the last writer has gone.
    finally:
        os.close(leader)
    return b"".join(pieces).decode()


def test_history_is_newest_cycle_first_and_in_it_the_newest_concluded(world: World) -> None:
    job = world.job()
    world.scan(at(12, 31))
    world.site().deliver(at(12, 40), shop="late")
    world.scan(at(12, 45))
    world.site().deliver(at(11, 50, days=1), shop="next day")
    world.scan(at(12, 0, days=1))
    code, out, _err = invoke(world.app, "history", str(job), "--json")
    told = json.loads(out)
    assert code == 0
    assert [e["status"] for e in told] == ["SUCCESS", "SUCCESS", "MISSING"]
    assert [e["late"] for e in told] == [False, True, False]
    assert told[0]["cycle_due_at"] == "2031-03-04T12:00:00Z"
    assert told[2]["server_calculated_staged_hash"] is None


@pytest.mark.parametrize("number", ["99", "0", "-1", "99999999999999999999"])
def test_the_history_of_no_job_is_told(world: World, number: str) -> None:
    code, _out, err = invoke(world.app, "history", "--", number)
    assert (code, "there is no job" in err) == (1, True)


def test_reports_check_is_content_with_the_samples(app: Flask) -> None:
    code, out, _err = invoke(app, "reports", "check", *map(str, sorted(SAMPLES.glob("*.json"))))
    assert code == 0
    assert out.count(": good: ") == 2


def test_reports_check_names_every_fault_of_every_file(app: Flask, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    said = section(b"x", "..", COMPRESS__status="true")
    bad.write_text(json.dumps({"agent_id": "", "databases": {"shop": said}}))
    broken = tmp_path / "broken.json"
    broken.write_bytes(b"\xff\xfe\x00{")
    code, out, err = invoke(app, "reports", "check", str(bad), str(broken), str(tmp_path / "no"))
    assert code == 1
    for path in ("operation_end_time", "agent_id", "databases.shop.COMPRESS.status"):
        assert path in out
    assert "databases.shop.staged_file_name" in out
    assert "cannot be read" in out
    assert "flask reports schema" in err


def test_the_schema_of_reports_is_printed_and_served_alike(app: Flask) -> None:
    code, out, _err = invoke(app, "reports", "schema")
    served = app.test_client().get("/api/report-schema.json")
    assert (code, served.status_code) == (0, 200)
    assert served.content_type == "application/schema+json"
    assert json.loads(out) == json.loads(served.data) == report_schema()
