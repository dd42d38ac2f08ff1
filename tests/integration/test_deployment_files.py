"""What ships for deployment: checked by the tools that will read it, as far as they are here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from backupmon.config import PREFIX, PROJECT_ROOT, Settings
from tests.servers import need_programs

DEPLOY = PROJECT_ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
DOCKERFILE = PROJECT_ROOT / "Dockerfile"
#: The worst that systemd-analyze may think of a unit, from 0 to 100.
_MOST_EXPOSED = "25"


def check(*command: str, where: Path = PROJECT_ROOT) -> str:
    """Run a tool that must be content; gives all that it said."""
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def tool(name: str) -> str:
    """A tool that came with the packages for development."""
    return str(Path(sys.executable).with_name(name))


def copied() -> dict[str, str]:
    """What the image takes from the project, and where it puts it."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE.read_text(), re.MULTILINE)
    found = {}
    for *sources, target in (line.split() for line in lines):
        for source in sources:
            found[source] = target + source if target.endswith("/") else target
    return found


def test_the_dockerfile_pleases_hadolint() -> None:
    check(tool("hadolint"), str(DOCKERFILE))


def test_compose_keeps_to_its_specification() -> None:
    told = check(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "compose.yml")
    assert "ok" in told


def test_the_image_holds_what_the_program_needs(tmp_path: Path) -> None:
    ignored = (PROJECT_ROOT / ".dockerignore").read_text().splitlines()
    for source, target in copied().items():
        assert f"!{source}" in ignored, f".dockerignore keeps {source} out"
        if target.startswith("/app"):
            place = tmp_path / "app" / Path(target).relative_to("/app")
            place.parent.mkdir(parents=True, exist_ok=True)
            whole = PROJECT_ROOT / source
            (shutil.copytree if whole.is_dir() else shutil.copy)(whole, place)
    app = tmp_path / "app"
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BACKUPMON_DATA_DIR": str(tmp_path / "data"),
    }
    asked = (
        "from wsgi import app\n"
        "client = app.test_client()\n"
        "import re\n"
        "page = client.get('/login').text\n"
        'paths = re.findall(r\'(?:href|src)="([^"]+\\.(?:css|js|svg)[^"]*)\', page)\n'
        "print(len(paths) > 1, {client.get(path).status_code for path in paths})\n"
    )
    for command in (["flask", "init"], ["python", "-c", asked], ["flask", "scan", "--json"]):
        done = subprocess.run(
            command, cwd=app, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        if "-c" in command:
            assert done.stdout == "True {200}\n", done.stdout


@pytest.mark.parametrize("path", [PROJECT_ROOT / "compose.yml", DEPLOY / "systemd/backupmon.env"])
def test_only_settings_that_there_are_are_set(path: Path) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known}
    # Compose's own: where the storage lies, and where the pages are to be had.
    known |= {"BACKUPMON_STORAGE", "BACKUPMON_LISTEN"}
    asked = set(re.findall(r"\bBACKUPMON_[A-Z_]+\b", path.read_text()))
    assert asked
    assert asked <= known


def test_the_shell_reads_the_units_settings_as_systemd_does(tmp_path: Path) -> None:
    opened = (DEPLOY / "systemd/backupmon.env").read_text().replace("\n#BACKUPMON", "\nBACKUPMON")
    (tmp_path / "all.env").write_text(opened)
    script = 'set -eua; . ./all.env; printf "%s" "$BACKUPMON_MAIL_DEFAULT_SENDER"'
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("backupmon <backups@example.org>", "")


def test_gunicorn_takes_its_settings(tmp_path: Path) -> None:
    environment = {**os.environ, "BACKUPMON_DATA_DIR": str(tmp_path), "WEB_BIND": "127.0.0.1:0"}
    command = [
        tool("gunicorn"),
        "--config",
        "deploy/gunicorn.conf.py",
        "--check-config",
        "wsgi:app",
    ]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_what_is_stopped_for_an_upgrade_is_all_of_it(unit: Path) -> None:
    # A prepare that stays "active (exited)" would not migrate at the next start.
    assert "PartOf=backupmon.target" in unit.read_text().splitlines()


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_after_a_power_cut_all_come_up_whenever_the_database_does(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    assert {"Restart=always", "Restart=on-failure"} & set(lines)
    assert not [line for line in lines if line.startswith(("Requires=", "BindsTo="))]
    assert "RequiresMountsFor=/srv/backupmon" in lines


def test_systemd_can_read_the_units_and_finds_them_hardened(tmp_path: Path) -> None:
    need_programs("systemd-analyze")
    for unit in [*UNITS, DEPLOY / "systemd" / "backupmon.target"]:
        # Only the program is not where it will be.
        text = re.sub(r"/opt/backupmon/\.venv/bin/\w+", sys.executable, unit.read_text())
        (tmp_path / unit.name).write_text(text.replace("/opt/backupmon", str(PROJECT_ROOT)))
    units = [str(tmp_path / unit.name) for unit in UNITS]
    assert check("systemd-analyze", "verify", "--man=no", *units) == ""
    check(
        *("systemd-analyze", "security", "--no-pager", "--offline=true"),
        *(f"--threshold={_MOST_EXPOSED}", *units),
    )


def test_every_unit_takes_the_very_same_precautions() -> None:
    def precautions(unit: Path) -> str:
        return unit.read_text().partition("# It writes")[2].partition("SystemCallErrorNumber")[0]

    first = precautions(UNITS[0])
    assert "ProtectSystem=strict" in first
    assert {precautions(unit) for unit in UNITS} == {first}


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    need_programs("nginx")
    authority = trustme.CA()
    certificate = authority.issue_cert("backups.example.org")
    certificate.private_key_pem.write_to_path(tmp_path / "privkey.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "fullchain.pem")
    text = (DEPLOY / "nginx" / "backupmon.conf").read_text()
    text = text.replace("/etc/letsencrypt/live/backups.example.org", str(tmp_path))
    (tmp_path / "site.conf").write_text(text)
    whole = f"pid {tmp_path}/pid; events {{}} http {{ include {tmp_path}/site.conf; }}"
    (tmp_path / "nginx.conf").write_text(whole)
    check("nginx", "-t", "-q", "-c", str(tmp_path / "nginx.conf"))


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copy(DEPLOY / "make-secrets.sh", tmp_path / "deploy")
    check("sh", "deploy/make-secrets.sh", where=tmp_path)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert made.keys() == {"database_password", "database_url", "secret_key"}
    assert len(made["secret_key"].strip()) == 64
    assert made["database_password"].strip() in made["database_url"]
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    check("sh", "deploy/make-secrets.sh", where=tmp_path)
    assert made == {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
